"""What to look at in a run: how it ended, in which order, what was sent, how long something took."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC

from orchestrator.model.event import (
    AttemptEnded,
    AttemptStarted,
    GateAnswered,
    GateAsked,
    HostSettled,
    Recorded,
    RunFinished,
    UndoEnded,
    UndoStarted,
    WaveOpened,
)
from orchestrator.model.plan import Plan
from orchestrator.report.progress import progress_line
from orchestrator.report.view import Paper
from tests.small_run import Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A run that was watched: what it came to, and every event with its time."""

    ended: Ended
    log: Sequence[Recorded]
    plan: Plan

    def lines(self) -> list[str]:
        """The run as its progress tells it, without the times."""
        return [progress_line(self.plan, each, Paper(zone=UTC)).split("  ", 1)[1] for each in self.log]

    def moments(self) -> dict[str, tuple[int, float]]:
        """The number and the time of the first event of each name: `1 two`, `1 undo two #2`, `1 settled`, `wave 2`."""
        found: dict[str, tuple[int, float]] = {}
        for each in self.log:
            for name in _names(each):
                found.setdefault(name, (each.seq, each.at))
        return found


def _names(recorded: Recorded) -> Iterator[str]:
    match event := recorded.event:
        case WaveOpened():
            yield f"wave {event.wave + 1}"
        case AttemptStarted() | UndoStarted():
            name = f"{event.host} {'undo ' * isinstance(event, UndoStarted)}{event.step}"
            yield from (name, f"{name} #{event.attempt}")
        case AttemptEnded() | UndoEnded():
            yield f"{event.host} {'undo ' * isinstance(event, UndoEnded)}{event.step} ended"
        case HostSettled():
            yield f"{event.host} settled"
        case GateAsked() | GateAnswered():
            done = "asked" if isinstance(event, GateAsked) else "answered"
            yield f"{event.gate} {done}" + ("" if event.wave is None else f" after {event.wave + 1}")
        case RunFinished():
            yield "end"
        case _:
            pass


@dataclass(frozen=True, slots=True)
class Look:
    """Something to look at in a run that was watched."""

    name: str
    find: Callable[[Watched], object] = field(repr=False)


EXIT = Look("exit status", lambda w: w.ended.state.finished and w.ended.exit)
LISTS = Look("lists", lambda w: {name: " ".join(hosts) for name, hosts in w.ended.lists.items()})
CAUSE = Look("cause", lambda w: w.ended.state.finished and w.ended.state.finished.cause)
STATUS = Look("status", lambda w: w.ended.state.status().value)
SIZES = Look("sizes of waves", lambda w: [e.hosts for e in w.ended.events if isinstance(e, WaveOpened)])
BEGUN = Look("order of hosts", lambda w: " ".join(dict.fromkeys(host for host, _, _ in w.ended.fleet.order)))
SAID = Look("what is said last", lambda w: w.lines()[-1])
GATES = Look("answers of gates", lambda w: [line for line in w.lines() if ", says " in line])


def _waves(watched: Watched) -> list[str]:
    waves: list[dict[str, None]] = []
    for event in watched.ended.events:
        if isinstance(event, WaveOpened):
            waves.append({})
        elif isinstance(event, AttemptStarted) and not any(event.host in wave for wave in waves):
            waves[-1][event.host] = None
    return [" ".join(hosts) for hosts in waves]


WAVES = Look("hosts of waves, as they began", _waves)


def shown(slot: str) -> str:
    """`04-two-undo` is `undo two`."""
    name = slot[3:]
    return f"undo {name.removesuffix('-undo')}" if name.endswith("-undo") else name


def ran(host: str = "1") -> Look:
    """What really ran on a host, in order."""
    return Look(f"ran on {host}", lambda w: ", ".join(shown(slot) for slot in w.ended.slots_of(host)))


def sent(what: str, host: str = "1") -> Look:
    """The command that was sent for a slot."""
    return Look(
        f"sent to {host} for {what}",
        lambda w: next(
            (text for (name, slot, _), text in w.ended.fleet.commands.items() if (name, shown(slot)) == (host, what)),
            None,
        ),
    )


def program(what: str, pattern: str, host: str = "1") -> Look:
    """What a pattern finds in the program that was sent for a slot: `(seconds)` of `TIMEOUT`, and the like."""

    def find(watched: Watched) -> object:
        vmid = next(h.host.vmid for h in watched.plan.hosts if h.host.name == host)
        slot = next(slot for name, slot, _ in watched.ended.fleet.order if (name, shown(slot)) == (host, what))
        texts = [c.command for c in watched.ended.provider.calls if c.vmid == vmid and f"/{slot}.1 " in c.command]
        found = re.search(pattern, texts[-1])
        return found and found[1]

    return Look(f"{pattern} in the program for {what} on {host}", find)


TIMEOUT = r"o_run \S+ \S+ \d+ (\d+) "
USER = r"o_run \S+ \S+ \d+ \d+ \d+ (\S+) "
FOLDER = r"\ncd (.+)\|\|exit"


def after(first: str, then: str) -> Look:
    """Whole seconds from one moment to another."""

    def find(watched: Watched) -> object:
        moments = watched.moments()
        return round(moments[then][1] - moments[first][1])

    return Look(f"seconds from {first!r} to {then!r}", find)


def sooner(first: str, then: str, seconds: float) -> Look:
    """Whether less time than that lies between two moments."""

    def find(watched: Watched) -> object:
        moments = watched.moments()
        return moments[then][1] - moments[first][1] < seconds

    return Look(f"less than {seconds:g} s from {first!r} to {then!r}", find)


def in_turn(*moments: str) -> Look:
    """Whether these happened one after the other; those that did not are left out."""

    def find(watched: Watched) -> object:
        found = watched.moments()
        there = [name for name in moments if name in found]
        return there == list(moments) and there == sorted(there, key=lambda name: found[name][0])

    return Look(f"one after the other: {moments}", find)


def never(*moments: str) -> Look:
    """Whether none of these happened."""
    return Look(f"never: {moments}", lambda w: not w.moments().keys() & {*moments})


def says(words: str) -> Look:
    """Whether a line of the run's progress holds these words."""
    return Look(f"says {words!r}", lambda w: any(words in line for line in w.lines()))


def at_once(*hosts: str) -> Look:
    """How many of these hosts (of all, if none is named) were under way at once, at most."""

    def find(watched: Watched) -> object:
        busy, most = set[str](), 0
        for event in watched.ended.events:
            if isinstance(event, AttemptStarted | UndoStarted):
                busy.add(event.host)
            elif isinstance(event, HostSettled):
                busy.discard(event.host)
            most = max(most, len(busy & set(hosts) if hosts else busy))
        return most

    return Look(f"at once of {' '.join(hosts) or 'all'}", find)
