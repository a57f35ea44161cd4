"""Nouns to rows and back: what a run and an event look like in the store."""

import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from orchestrator import codec
from orchestrator.errors import Bug, InputError
from orchestrator.model.event import (
    AttemptEnded,
    AttemptStarted,
    Event,
    GateAnswered,
    GateAsked,
    HostSettled,
    Intent,
    Recorded,
    RetryPlanned,
    StepSkipped,
    UndoEnded,
    UndoStarted,
)
from orchestrator.model.host import HostFence
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.origin import COMMAND_LINE, Problem
from orchestrator.ports import Output, RunRecord, RunSummary

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Unreadable(Exception):
    """A row that cannot be turned back into what it was made from."""


class Columns(TypedDict):
    """What one event is in the store, besides its place."""

    at: float
    type: str
    host: str | None
    step: str | None
    attempt: int | None
    undo: bool
    body: str
    stdout: NotRequired[str | None]
    stderr: NotRequired[str | None]


class EventRow(Columns):
    """A row of the table `event`; without the outputs where they were not asked for."""

    run: str
    seq: int


class SummaryRow(TypedDict):
    """What the list of runs needs of a row of the table `run`."""

    id: str
    created_at: float
    by: str
    playbook: str
    digest: str
    hosts: int


class RunRow(SummaryRow):
    """A row of the table `run`."""

    argv: str
    plan: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Events on their way into the store, as they will be read back, and the columns of each."""

    run: RunId
    at: float
    events: tuple[Event, ...]
    columns: tuple[Columns, ...]
    unlock: tuple[str, ...] = ()
    fences: tuple[HostFence, ...] = ()

    def rows(self, last: int) -> list[EventRow]:
        """The rows of these events where `last` is the run's highest seq so far."""
        return [{"run": self.run, "seq": seq, **columns} for seq, columns in enumerate(self.columns, last + 1)]

    def recorded(self, last: int) -> tuple[Recorded, ...]:
        """The same, as the caller of `append` gets to see it."""
        return tuple(
            Recorded(run=self.run, seq=seq, at=self.at, event=event) for seq, event in enumerate(self.events, last + 1)
        )

    def taken_twice(self) -> Bug:
        """The error for an intent of these that the run already has."""
        intents = [f"{e.host}: {e.step}, attempt {e.attempt}" for e in self.events if isinstance(e, Intent)]
        return Bug(
            f"run {self.run}: already begun, must not be begun again ({'; '.join(intents)})",
            next=(f"orc status {self.run}",),
        )


def prepare(
    run: RunId, at: float, events: Sequence[Event], unlock: Sequence[str] = (), fences: Sequence[HostFence] = ()
) -> Prepared:
    """The events as they can be stored: a lone surrogate, which no UTF-8 can hold, becomes U+FFFD."""
    pairs = [_stored(event, at) for event in events]
    return Prepared(
        run=run,
        at=at,
        events=tuple(event for event, _ in pairs),
        columns=tuple(columns for _, columns in pairs),
        unlock=tuple(unlock),
        fences=tuple(fences),
    )


def _stored(event: Event, at: float) -> tuple[Event, Columns]:
    try:
        return event, _columns(event, at)
    except UnicodeEncodeError:
        whole = codec.event_from_json(event.type, clean(codec.to_json(event)))
        return whole, _columns(whole, at)


def _columns(event: Event, at: float) -> Columns:
    body = codec.to_json(event)
    result: dict[str, Any] = body.get("result") or {}
    stdout, stderr = result.pop("stdout", None), result.pop("stderr", None)
    for output in (stdout, stderr):
        if output:
            output.encode()
    host, step, attempt, undo = _place(event)
    return {
        "at": at,
        "type": event.type,
        "host": host,
        "step": step,
        "attempt": attempt,
        "undo": undo,
        "body": codec.canonical(body).decode(),
        "stdout": stdout,
        "stderr": stderr,
    }


def _place(event: Event) -> tuple[HostName | None, StepName | None, int | None, bool]:
    """What the event is about: host, step, attempt, and whether it is of a rollback."""
    match event:
        case AttemptStarted() | AttemptEnded():
            return event.host, event.step, event.attempt, False
        case UndoStarted() | UndoEnded():
            return event.host, event.step, event.attempt, True
        case RetryPlanned():
            return event.host, event.step, event.attempt, event.undo
        case StepSkipped():
            return event.host, event.step, None, event.undo
        case GateAsked() | GateAnswered():
            return event.host, event.step, None, False
        case HostSettled():
            return event.host, None, None, False
        case _:
            return None, None, None, False


def clean(data: Any) -> Any:
    """JSON data with every lone surrogate replaced by U+FFFD."""
    match data:
        case str():
            return _LONE_SURROGATE.sub("\ufffd", data)
        case list():
            return [clean(item) for item in data]
        case dict():
            return {clean(key): clean(value) for key, value in data.items()}
        case _:
            return data


def recorded(row: EventRow) -> Recorded:
    """The event that a row holds. Raises Unreadable."""
    try:
        body = json.loads(row["body"])
        if body.get("result"):
            body["result"] |= {name: text for name in ("stdout", "stderr") if (text := row.get(name))}
        event = codec.event_from_json(row["type"], body)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"event {row['seq']} of run {row['run']}") from error
    return Recorded(run=RunId(row["run"]), seq=row["seq"], at=row["at"], event=event)


def output(row: EventRow) -> Output:
    """The captured output in the row of an event that has one. Raises Unreadable."""
    if (found := Output.of(recorded(row))) is None:
        raise Unreadable(f"the output in event {row['seq']} of run {row['run']}")
    return found


def run_row(record: RunRecord) -> RunRow:
    """The row of a new run. Raises InputError for a plan with a lone surrogate: it would not be what was shown."""
    plan = codec.to_json(record.plan)
    try:
        text = codec.canonical(plan)
    except UnicodeEncodeError as error:
        what = f"the plan holds U+{ord(error.object[error.start]):04X}, which is not a character by itself"
        raise InputError([Problem(origin=COMMAND_LINE, problem=what)]) from error
    return {
        "id": record.id,
        "created_at": record.created_at,
        "by": clean(record.by),
        "argv": codec.canonical(clean(list(record.argv))).decode(),
        "playbook": record.plan.playbook,
        "digest": record.plan.digest,
        "hosts": len(record.plan.hosts),
        # Hosts differ little from each other: a plan of 10,000 hosts shrinks to a thirtieth.
        "plan": zlib.compress(text),
    }


def run_record(row: RunRow) -> RunRecord:
    """The run that a row holds. Raises Unreadable."""
    try:
        plan = codec.plan_from_json(zlib.decompress(row["plan"]))
        argv = tuple(json.loads(row["argv"]))
    except (zlib.error, TypeError, ValueError) as error:
        raise Unreadable(f"the plan of run {row['id']}") from error
    return RunRecord(id=RunId(row["id"]), plan=plan, created_at=row["created_at"], by=row["by"], argv=argv)


def summary(row: SummaryRow, last: Recorded | None) -> RunSummary:
    """One line of the list of runs."""
    return RunSummary(
        id=RunId(row["id"]),
        playbook=row["playbook"],
        digest=row["digest"],
        created_at=row["created_at"],
        by=row["by"],
        hosts=row["hosts"],
        last=last,
    )
