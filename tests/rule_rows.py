"""Rules as rows: what a playbook writes, and what is seen when the real engine runs it on a fleet in memory."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from orchestrator.engine.controller import Controller
from orchestrator.load import load_settings
from orchestrator.model.event import AttemptEnded, Recorded
from orchestrator.model.host import Host
from orchestrator.model.request import Act
from orchestrator.ports import NotStarted, PollUnanswered, Refusal, StartUnknown
from orchestrator.providers.memory import Kind, Reply
from orchestrator.selection import Selection, read_sources
from tests.fake_fleet import Ran
from tests.rule_looks import Look, Watched, shown
from tests.small_run import FakeController, Said, drive

OK, BAD = Ran(), Ran(exit_code=1)
LATE = Ran(ending="late", exit_code=143)
"""Its time-out was over."""
GONE = Ran(ending="gone")
"""It runs, and its VPS cannot be asked about it: unknown."""
DOWN = Ran(ending="down")
"""The VPS is off before it: unreachable."""

STEPS = """
  - {name: one, run: one, rollback: undo one}
  - {name: two, run: two, rollback: undo two}
"""

Does = Mapping[str, Ran | Sequence[Ran]]
"""What is not ok: `1 two` on host 1, `* undo two` on every host; of a list one for each attempt, the last for good."""

Seen = Mapping[Look, object]
"""What must be seen of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A rule. of: the key that it is about. default: it is about what holds where the key is not written.

    hosts: the vmids, or, with `inventory`, the pattern. rest: more keys of the playbook. answers, controller: what
    people say, and what gates find. seen: what must be seen of the run.
    """

    of: str
    rule: str
    hosts: str = "[1, 2, 3]"
    inventory: str = ""
    limit: str | None = None
    rollout: str = ""
    steps: str = STEPS
    rest: str = ""
    does: Does = field(default_factory=dict)
    answers: Sequence[tuple[str, Act] | Said] = ()
    by: str = "cy@laptop"
    controller: Callable[[], Controller] = FakeController
    default: bool = False
    seen: Seen

    @property
    def name(self) -> str:
        """The key and the rule."""
        return f"{self.of.partition('.')[2]}: {self.rule}"

    def playbook(self) -> str:
        """The playbook as it is written."""
        hosts = f"hosts: {self.hosts}" if self.inventory else f"vmids: {self.hosts}"
        rollout = f"rollout: {self.rollout}\n" if self.rollout else ""
        return f"name: rows\n{hosts}\n{rollout}steps:{self.steps}\n{self.rest}\n"

    async def run(self, folder: Path) -> Watched:
        """Load, plan and run it. Beside the playbook lies a script, `back.sh`."""
        (folder / "back.sh").write_text("#!/bin/sh\nback to $1\n")
        playbook = folder / "playbook.yml"
        playbook.write_text(self.playbook())
        inventory = folder / "inventory.yml"
        if self.inventory:
            inventory.write_text(self.inventory)
        selection = Selection(playbook=playbook, inventory=inventory if self.inventory else None, limit=self.limit)
        plan = read_sources(selection, load_settings(folder, {})).plan()
        fleet, log = _Fleet(self.does), list[Recorded]()
        ended = await drive(
            plan,
            fleet.run,
            fault=fleet.answer,
            observers=[log.append, fleet.hear],
            answers=self.answers,
            controller=self.controller(),
            by=self.by,
        )
        return Watched(ended=ended, log=log, plan=plan)

    async def found(self, folder: Path) -> dict[str, object]:
        """What is seen of the run, by name."""
        watched = await self.run(folder)
        return {look.name: look.find(watched) for look in self.seen}

    @property
    def wanted(self) -> dict[str, object]:
        """What must be seen of it."""
        return {look.name: wanted for look, wanted in self.seen.items()}


_NO_ANSWER: Mapping[Kind, Reply] = {
    "start": StartUnknown(message="no answer"),
    "poll": PollUnanswered(message="no answer"),
}


class _Fleet:
    """What commands do, and which hosts cannot be asked."""

    def __init__(self, does: Does) -> None:
        self._does = does
        self._silent: set[str] = set()

    def run(self, host: str, slot: str, attempt: int) -> Ran:
        does = self._does.get(f"{host} {shown(slot)}", self._does.get(f"* {shown(slot)}", OK))
        found = does if isinstance(does, Ran) else does[min(attempt, len(does)) - 1]
        if found is GONE:
            self._silent.add(host)
            return Ran(duration=10**6)
        return found

    def answer(self, kind: Kind, host: Host) -> Reply | None:
        if self._does.get(f"{host.name}") is DOWN:
            return NotStarted(refusal=Refusal.HOST_DOWN, message="the VM is off")
        if host.name in self._silent:
            return _NO_ANSWER.get(kind)
        return None

    def hear(self, recorded: Recorded) -> None:
        """What cannot be asked any more is given up: its host is there again."""
        if isinstance(recorded.event, AttemptEnded):
            self._silent.discard(recorded.event.host)


def each(row: Row, *forms: str) -> list[Row]:
    """The row once for each form in which its key may be written: in place of `FORM` in any of its texts."""
    return [
        replace(
            row,
            rule=f"{row.rule}: {form}",
            rollout=row.rollout.replace("FORM", form),
            steps=row.steps.replace("FORM", form),
            rest=row.rest.replace("FORM", form),
        )
        for form in forms
    ]


def cases(rows: Collection[Row]) -> list[ParameterSet]:
    """The rows for `parametrize`, named by their rules."""
    return [pytest.param(row, id=row.name) for row in rows]
