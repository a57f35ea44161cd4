"""Drawing cases, running them by the hundred in each shell, and looking at what came of them."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from orchestrator.template.error import Fault
from tools.fuzz.case import Broken, Case, rendered
from tools.fuzz.grammar import PRELUDE, Grammar, Item, Part
from tools.fuzz.shells import Shell
from tools.fuzz.soup import soup
from tools.fuzz.values import CANARY, hostile

VALUES = 3
"""Values of a template."""
SETS = 8
"""Sets of values with which a template is rendered."""
WELL_FORMED = 4
"""Well-formed cases for one of the others, each of which costs a fork."""
LASTS = 30.0
LASTS_ALONE = 3.0


@dataclass(slots=True)
class Tally:
    """What was run. contexts: values by the place where they stood. shells: cases by shell."""

    rendered: int = 0
    refused: int = 0
    slow: int = 0
    contexts: Counter[str] = field(default_factory=Counter)
    shells: Counter[str] = field(default_factory=Counter)
    broken: list[Broken] = field(default_factory=list)


class Storm:
    """Cases of one seed, in some shells, in a folder of its own. tell: takes each broken one when it is found."""

    def __init__(
        self,
        seed: int,
        shells: Sequence[Shell],
        folder: Path,
        *,
        batch: int = 200,
        tell: Callable[[Broken], None] = lambda _: None,
    ) -> None:
        self.chance = Random(seed)
        self.shells = shells
        self.folder = folder
        self.batch = batch
        self.tell = tell
        self.tally = Tally()
        self.printed = b""

    def round(self) -> None:
        """One batch of each kind, in every shell."""
        well_formed = [*self._drawn(self._well_formed, WELL_FORMED * self.batch)]
        loose = [*self._drawn(self._loose, self.batch)]
        for shell in self.shells:
            self.expect(shell, well_formed)
            self.listen(shell, loose)

    def _well_formed(self) -> tuple[tuple[Item, ...], Part | None]:
        part = Grammar(self.chance, VALUES).script()
        return part.items, part

    def _loose(self) -> tuple[tuple[Item, ...], Part | None]:
        return soup(self.chance, VALUES), None

    def _drawn(self, draw: Callable[[], tuple[tuple[Item, ...], Part | None]], count: int) -> Iterator[Case]:
        """So many cases, or a few more, each rendered as it would be for a host."""
        made = 0
        while made < count:
            items, part = draw()
            for _ in range(SETS if any(not isinstance(item, str) for item in items) else 0):
                values = tuple(hostile(self.chance) for _ in range(VALUES))
                expected = part.text(values).encode() if part else None
                contexts = part.contexts if part else ("loose",)
                try:
                    case = rendered(items, values, expected, contexts)
                except Fault:
                    self.tally.refused += 1
                    continue
                made += 1
                self.tally.contexts.update(contexts)
                self.tally.rendered += 1
                yield case

    def expect(self, shell: Shell, cases: Sequence[Case]) -> None:
        """Run all in one process; where not every case printed what it should, the first that did not is broken."""
        self.tally.shells[shell.name] += len(cases)
        rest = [*cases]
        while rest:
            wrong = self._first_wrong(shell, rest, LASTS)
            if wrong is None:
                return
            case = rest[wrong]
            if self._first_wrong(shell, [case], LASTS_ALONE) is not None:
                self._broken(Broken(shell.name, case, f"printed {self.printed!r}, not {case.expected!r}"))
            rest = rest[wrong + 1 :]

    def _first_wrong(self, shell: Shell, cases: Sequence[Case], timeout: float) -> int | None:
        """The index of the first case that printed something else, or made the canary."""
        token = secrets.token_hex(8)  # not of `chance`: how often this is called depends on the machine
        script = "\n".join([shell.prelude, PRELUDE, *(f"{case.script}\nprintf %s {token}" for case in cases), ""])
        (self.folder / "script").write_bytes(script.encode())
        printed = shell.run(Path("script"), self.folder, timeout).output.split(token.encode())
        sung = self._sung()
        for at, case in enumerate(cases):
            self.printed = printed[at] if at < len(printed) else b""
            if self.printed != case.expected or at + 1 >= len(printed):
                return at
        if sung and len(cases) > 1:
            return next(
                (at for at, case in enumerate(cases) if self._first_wrong(shell, [case], timeout) is not None), 0
            )
        return 0 if sung else None

    def listen(self, shell: Shell, cases: Sequence[Case]) -> None:
        """Run all, each in a process forked from one; broken is each that made the canary."""
        self.tally.shells[shell.name] += len(cases)
        for at, case in enumerate(cases):
            (self.folder / str(at)).write_bytes(case.script.encode())
        first = 0
        while first < len(cases):
            one = f"(. ./%s) >out 2>&1 </dev/null\n[ ! -e {CANARY} ] || exit\nprintf %%s '%s '\n"
            lines = "".join(one % (at, at) for at in range(first, len(cases)))
            (self.folder / "script").write_bytes((shell.prelude + PRELUDE + lines).encode())
            ran = shell.run(Path("script"), self.folder, LASTS)
            done = ran.output.split()
            first = int(done[-1]) + 1 if done else first
            if self._sung():
                self._broken(Broken(shell.name, cases[first], "a value was run"))
            elif not ran.ended:
                self.tally.slow += 1
            elif first < len(cases):
                self._broken(Broken(shell.name, cases[first], "ended the shell around it"))
            first += 1

    def _broken(self, broken: Broken) -> None:
        self.tally.broken.append(broken)
        self.tell(broken)

    def _sung(self) -> bool:
        canary = self.folder / CANARY
        found = canary.exists()
        canary.unlink(missing_ok=True)
        return found
