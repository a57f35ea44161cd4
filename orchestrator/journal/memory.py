"""The journal in memory: for tests, with the same rows and the same rules as the one in a database."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Self

import anyio.lowlevel

from orchestrator.errors import Bug
from orchestrator.journal import naming, rows
from orchestrator.model.event import Event, Intent, Recorded, RunFinished, RunPaused, RunResumed, RunStarted
from orchestrator.model.host import HostFence
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.request import Act, Request
from orchestrator.ports import Clock, HostLock, Output, RunRecord, RunSummary

_INTENTS = {intent.type for intent in Intent.__args__}
_RUN_LEVEL = {RunStarted.type, RunPaused.type, RunResumed.type, RunFinished.type}


class MemoryJournal:
    """A journal that lives as long as this object; it can be entered again, as a file can be opened again."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._runs: dict[RunId, rows.RunRow] = {}
        self._events: dict[RunId, list[rows.EventRow]] = {}
        self._intents: set[tuple[object, ...]] = set()
        self._locks: dict[str, HostLock] = {}
        self._fences: dict[str, HostFence] = {}
        self._requests: list[Request] = []
        self._open = False

    async def __aenter__(self) -> Self:
        self._open = True
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._open = False

    async def create(self, record: RunRecord) -> None:
        """Store a new run and its plan. Raises Bug when there is a run of this id."""
        await self._turn()
        if record.id in self._runs:
            raise Bug(f"run {record.id} was created before")
        self._runs[record.id] = rows.run_row(record)
        self._events[record.id] = []

    async def append(
        self, run: RunId, events: Sequence[Event], *, unlock: Sequence[str] = (), fences: Sequence[HostFence] = ()
    ) -> tuple[Recorded, ...]:
        """Store events, in order, all or none. Raises Bug when an intent is already there."""
        if not events:
            return ()
        self._must_be_open()
        prepared = rows.prepare(run, self._clock.now(), events)
        if run not in self._events:
            raise Bug(f"run {run} was never created")
        last = len(self._events[run])
        added = prepared.rows(last)
        intents = [_intent(row) for row in added if row["type"] in _INTENTS]
        if len(set(intents)) < len(intents) or not self._intents.isdisjoint(intents):
            raise prepared.taken_twice()
        self._intents.update(intents)
        self._events[run] += added
        for key in unlock:
            if key in self._locks and self._locks[key].run == run:
                del self._locks[key]
        self._fences.update({fence.key: replace(fence, why=rows.clean(fence.why)) for fence in fences})
        await anyio.lowlevel.checkpoint()
        return prepared.recorded(last)

    async def lock(self, run: RunId, hosts: Mapping[str, HostName]) -> tuple[HostLock, ...]:
        """Take the locks of all these hosts (by key) for a run, or none of them; returns those that others hold."""
        await self._turn()
        others = tuple(lock for key, lock in self._locks.items() if key in hosts and lock.run != run)
        if not others:
            now = self._clock.now()
            taken = {key: HostLock(key=key, host=host, run=run, since=now) for key, host in hosts.items()}
            self._locks = {**taken, **self._locks}
        return others

    async def locks(self) -> tuple[HostLock, ...]:
        """Every host lock, oldest first."""
        await self._turn()
        return tuple(sorted(self._locks.values(), key=lambda lock: (lock.since, lock.key)))

    async def fences(self) -> tuple[HostFence, ...]:
        """Every host fence, oldest first."""
        await self._turn()
        return tuple(sorted(self._fences.values(), key=lambda fence: (fence.since, fence.key)))

    async def ask(self, request: Request) -> Request:
        """Keep a request; an UNLOCK, and a RECOVERED, take effect with it."""
        await self._turn()
        if request.act is Act.RECOVERED:
            self._fences = {
                key: fence
                for key, fence in self._fences.items()
                if (fence.run, fence.host) != (request.run, request.host)
            }
        if request.act is Act.UNLOCK:
            self._locks = {
                key: lock for key, lock in self._locks.items() if (lock.run, lock.host) != (request.run, request.host)
            }
        kept = replace(request, id=len(self._requests) + 1, why=rows.clean(request.why))
        self._requests.append(kept)
        return kept

    async def requests(self, run: RunId, *, after: int = 0) -> tuple[Request, ...]:
        """What was asked of a run, with an id above `after`, in order."""
        await self._turn()
        return tuple(request for request in self._requests if request.run == run and request.id > after)

    async def record(self, run: RunId) -> RunRecord:
        """The run as it was created. Raises InputError when there is none, naming the nearest."""
        await self._turn()
        if run not in self._runs:
            raise naming.unknown(rows.clean(run), self._newest())
        return rows.run_record(self._runs[run])

    async def find(self, prefix: str) -> RunId:
        """The run whose id is, or alone begins with, this. Raises InputError for none and for several."""
        await self._turn()
        prefix = rows.clean(prefix)
        return naming.choose(prefix, sorted(run for run in self._runs if run.startswith(prefix)), self._newest())

    async def events(
        self, run: RunId, *, after: int = 0, limit: int | None = None, outputs: bool = True
    ) -> tuple[Recorded, ...]:
        """The events with a seq above `after`, in order; without outputs, results keep exit status and sizes only."""
        await self._turn()
        kept = self._events.get(run, [])[max(0, after) :][:limit]
        return tuple(rows.recorded(row if outputs else _without_outputs(row)) for row in kept)

    async def runs(self, *, limit: int = 50) -> tuple[RunSummary, ...]:
        """The newest runs, newest first."""
        await self._turn()
        return tuple(rows.summary(self._runs[run], self._last(run)) for run in self._newest()[:limit])

    async def outputs(
        self, run: RunId, *, host: HostName | None = None, step: StepName | None = None
    ) -> tuple[Output, ...]:
        """The captured outputs of a run's attempts, in the order in which they ended."""
        await self._turn()
        wanted = [row for row in self._events.get(run, []) if row["stdout"] is not None]
        if host is not None:
            wanted = [row for row in wanted if row["host"] == rows.clean(host)]
        if step is not None:
            wanted = [row for row in wanted if row["step"] == rows.clean(step)]
        return tuple(map(rows.output, wanted))

    async def _turn(self) -> None:
        self._must_be_open()
        await anyio.lowlevel.checkpoint()

    def _must_be_open(self) -> None:
        if not self._open:
            raise Bug("the journal is not open")

    def _newest(self) -> list[RunId]:
        return sorted(self._runs, key=lambda run: (self._runs[run]["created_at"], run), reverse=True)

    def _last(self, run: RunId) -> Recorded | None:
        levels: Iterator[rows.EventRow] = (row for row in reversed(self._events[run]) if row["type"] in _RUN_LEVEL)
        row = next(levels, None)
        return None if row is None else rows.recorded(_without_outputs(row))


def _intent(row: rows.EventRow) -> tuple[object, ...]:
    return row["run"], row["host"], row["step"], row["undo"], row["attempt"]


def _without_outputs(row: rows.EventRow) -> rows.EventRow:
    return {**row, "stdout": None, "stderr": None}
