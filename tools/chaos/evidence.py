"""What a storm has left: the journal's events, `orc status`, and what every VPS's own disk says."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.clock import SystemClock
from orchestrator.guest.program import slot_key
from orchestrator.journal.sql import SqlJournal
from orchestrator.model.event import AttemptEnded, AttemptStarted, Recorded, RunFinished, UndoEnded, UndoStarted
from orchestrator.model.ids import HostName
from orchestrator.model.plan import Plan, Section


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestRecord:
    """One attempt's directory in a VPS. status: what `rc` holds, None where there is none. began: it has a runner."""

    status: int | None
    out: bytes
    err: bytes
    began: bool
    late: bool
    stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Vps:
    """The disk of one VPS. records: by attempt (`00-step-1.2`); counted: the lines of the counters, by attempt's slot;
    order: `begin ATTEMPT` and `end ATTEMPT`, as they came."""

    records: dict[str, GuestRecord]
    counted: dict[str, list[str]]
    order: list[str]


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One attempt as the journal has it. slot: its index in the plan."""

    host: HostName
    slot: int
    number: int
    key: str
    end: AttemptEnded | UndoEnded | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """attempts: in the order in which they were begun, by host and key."""

    run: str
    plan: Plan
    attempts: dict[tuple[str, str], Attempt]
    finished: RunFinished | None
    status: dict[str, Any]
    fleet: dict[str, Vps]
    printed: list[dict[str, Any]] = field(default_factory=list)
    events: int = 0


async def read_journal(state: Path) -> tuple[str, Plan, tuple[Recorded, ...]]:
    """The newest run of a state directory: its id, its plan, its events."""
    async with SqlJournal(f"sqlite:///{state}/journal.sqlite3", clock=SystemClock()) as journal:
        newest = (await journal.runs(limit=1))[0].id
        return str(newest), (await journal.record(newest)).plan, await journal.events(newest)


def attempts_of(plan: Plan, events: Sequence[Recorded]) -> dict[tuple[str, str], Attempt]:
    """Every attempt that was begun, with its end."""
    slots = {(slot.name, slot.section is Section.UNDO): index for index, slot in enumerate(plan.slots)}
    found: dict[tuple[str, str], Attempt] = {}
    for event in (recorded.event for recorded in events):
        if not isinstance(event, AttemptStarted | UndoStarted | AttemptEnded | UndoEnded):
            continue
        undo = isinstance(event, UndoStarted | UndoEnded)
        slot = slots[event.step, undo]
        key = f"{slot_key(slot, event.step, undo=undo)}.{event.attempt}"
        if isinstance(event, AttemptEnded | UndoEnded):
            found[event.host, key].end = event
        else:
            found[event.host, key] = Attempt(host=event.host, slot=slot, number=event.attempt, key=key)
    return found


def read_vps(folder: Path, run: str) -> Vps:
    """The disk of the VPS in this folder, as far as it tells of the run."""
    home = folder / "home"
    counted = {file.name.removeprefix("count."): _lines(file) for file in sorted(home.glob("count.*"))}
    records = {each.name: _record(each) for each in _attempt_folders(folder / "state" / run)}
    return Vps(records=records, counted=counted, order=_lines(home / "order"))


def _attempt_folders(state: Path) -> Iterator[Path]:
    """The directories SLOT.ATTEMPT; beside them there are the fence and the parts of long commands."""
    if state.is_dir():
        yield from (each for each in sorted(state.iterdir()) if each.is_dir() and each.suffix[1:].isdigit())


def _record(folder: Path) -> GuestRecord:
    words = _bytes(folder / "rc").split()
    return GuestRecord(
        status=int(words[0]) if words else None,
        out=_bytes(folder / "out"),
        err=_bytes(folder / "err"),
        began=(folder / "pid").exists(),
        late=(folder / "late").exists(),
        stopped=(folder / "stop").exists(),
    )


def _lines(file: Path) -> list[str]:
    return _bytes(file).decode(errors="replace").splitlines()


def _bytes(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


def read_status(text: bytes) -> dict[str, Any]:
    """The JSON of `orc status`."""
    status = json.loads(text)
    if not isinstance(status, dict):
        raise TypeError(f"orc status printed {type(status).__name__}")
    return status
