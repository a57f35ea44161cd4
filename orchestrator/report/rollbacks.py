"""What was taken back on which hosts, what could not be, and what stays done: told alike in every report."""

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.core.evolve import given_up
from orchestrator.core.host import owed, undo_failed
from orchestrator.core.run_state import RunState
from orchestrator.model.ids import HostName
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import HostState, Progress, Standing

FAILED = "ROLLBACK FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """How taking back went on one host. Steps by name; undone, failed and owed are in the order of undoing.

    failed: undos, and steps after them. owed: undos that the rules ask for and that were neither done nor failed.
    not_owed: steps whose rollback was not for this host: its `when` was false.
    stays: steps that had an effect and have nothing to take it back, with the reason. after: handlers and steps that
    were run with success once the undos were done.
    """

    undone: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()
    not_owed: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


Rows = tuple[tuple[str, tuple[str, ...]], ...]
"""What is told of a rollback: in a word what became of steps, and which. What is told of none is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackGroup:
    """Hosts on which taking back went the same way. word, rows: as `told` has them."""

    hosts: tuple[HostName, ...]
    word: str
    rows: Rows


def rollbacks(state: RunState) -> list[RollbackGroup]:
    """Every host on which something was taken back, or was to be; where it failed comes first."""
    alike: dict[tuple[str, Rows], list[HostName]] = {}
    for host, mine in state.hosts.items():
        if any(mine.progress[undo.slot].touched or mine.progress[undo.slot].skipped for undo in state.layout.undos):
            alike.setdefault(told(state, mine), []).append(host)
    groups = [RollbackGroup(hosts=tuple(hosts), word=word, rows=rows) for (word, rows), hosts in alike.items()]
    return sorted(groups, key=lambda each: each.word != FAILED)


def told(state: RunState, mine: HostState) -> tuple[str, Rows]:
    """How taking back stands on a host, in a word, and what became of its steps."""
    back = rollback_of(state, mine)
    rows = (
        ("failed", back.failed),
        ("not undone", back.owed),
        ("undone", back.undone),
        ("not owed", back.not_owed),
        ("then", back.after),
        ("stays done", back.stays),
    )
    return _word(state, mine, back), tuple((name, steps) for name, steps in rows if steps)


def _word(state: RunState, mine: HostState, back: Rollback) -> str:
    if undo_failed(state.layout, mine) or mine.settled is Standing.ROLLBACK_FAILED:
        return FAILED
    if mine.settled is None:
        return "ROLLING BACK"
    return "ROLLED BACK" if back.undone else "NOT ROLLED BACK"


def rollback_of(state: RunState, mine: HostState) -> Rollback:
    """How taking back went on a host."""
    slots, layout = state.layout.slots, state.layout
    failed = tuple(u for u in layout.undos if given_up(slots[u.slot], mine.progress[u.slot]))
    after = [i for i in (*layout.handlers, *layout.after_rollback) if mine.progress[i].touched]
    ends = [i for i in (*after, *layout.finally_) if given_up(slots[i], mine.progress[i])]
    return Rollback(
        undone=tuple(slots[u.slot].name for u in layout.undos if mine.progress[u.slot].outcome is Outcome.OK),
        failed=(*(f"undo of {slots[u.slot].name}" for u in failed), *(slots[i].name for i in ends)),
        not_owed=tuple(dict.fromkeys(slots[u.step].name for u in layout.undos if _not_owed(mine.progress[u.slot]))),
        owed=tuple(slots[u.slot].name for u in owed(layout, mine) if u not in failed),
        stays=tuple(what_stays(state, mine)),
        after=tuple(slots[i].name for i in after if mine.progress[i].outcome is Outcome.OK),
    )


def _not_owed(undo: Progress) -> bool:
    """Whether an undo was found not to be owed; one that others keep from being done is, and its step stays done."""
    return undo.skipped and not undo.relied_on


def what_stays(state: RunState, mine: HostState) -> Iterator[str]:
    """Steps that may have had an effect and have nothing to take it back, newest first."""
    layout = state.layout
    undo_of = {undo.step: state.layout.slots[undo.slot] for undo in state.layout.undos}
    for index in reversed(state.layout.steps):
        slot, progress = state.layout.slots[index], mine.progress[index]
        if progress.effect is None:
            continue
        if index in undo_of:
            if all(mine.progress[undo].relied_on for undo in layout.undo_slots(slot.name)):
                yield f"{slot.name} (runs once: other hosts rely on it)"
            elif progress.effect is not Outcome.OK and progress.effect not in undo_of[index].undo_on:
                yield f"{slot.name} ({progress.effect.value}: its rollback is not for that)"
        elif slot.irreversible:
            yield f"{slot.name} (irreversible)"
        elif progress.effect is Outcome.OK:
            yield f"{slot.name} (no rollback)"
