"""The journal in a database: one connection that writes, for all who append, and a few that read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self, TypeVar

import anyio
import anyio.to_thread
import sqlalchemy as sa
from anyio.abc import TaskGroup

from orchestrator.errors import Bug, InputError, JournalError, OrcError
from orchestrator.journal import locks, queries, rows, sqlite
from orchestrator.journal.group_commit import GroupCommit
from orchestrator.journal.upgrade import bring_up_to_date
from orchestrator.model.event import Event, Recorded
from orchestrator.model.host import HostFence
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.request import Request
from orchestrator.ports import Clock, HostLock, Output, RunRecord, RunSummary

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """What there is between `__aenter__` and `__aexit__`."""

    engine: sa.Engine
    reading: anyio.CapacityLimiter
    writing: anyio.CapacityLimiter
    commits: GroupCommit[rows.Prepared, tuple[Recorded, ...]]
    tasks: TaskGroup


class SqlJournal:
    """The journal in the SQLite file that a URL (`sqlite:///PATH`) names, opened by `async with`.

    patience: seconds to wait for another program's lock. Raises InputError for a URL that is not supported.
    """

    def __init__(self, url: str, *, clock: Clock, patience: float = 5.0) -> None:
        try:
            self._url = sa.make_url(url)
        except sa.exc.ArgumentError as error:
            raise InputError.of("the journal's URL cannot be read", fix="write sqlite:///PATH") from error
        if self._url.get_backend_name() != "sqlite":
            kind = self._url.get_backend_name()
            raise InputError.of(f"a journal in {kind} is not yet supported", fix="write sqlite:///PATH")
        self._file = sqlite.file_of(self._url)
        self._clock = clock
        self._patience = patience
        self._opened: _Opened | None = None

    async def __aenter__(self) -> Self:
        writing = anyio.CapacityLimiter(1)
        self._opened = opened = _Opened(
            engine=await anyio.to_thread.run_sync(self._open, limiter=writing),
            reading=anyio.CapacityLimiter(sqlite.CONNECTIONS - 1),
            writing=writing,
            commits=GroupCommit(self._commit, writing),
            tasks=anyio.create_task_group(),
        )
        await opened.tasks.__aenter__()
        opened.tasks.start_soon(opened.commits.write, name="journal's writer")
        return self

    async def __aexit__(self, *exc: object) -> None:
        opened = self._now
        await opened.commits.close()
        self._opened = None
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(opened.engine.dispose, limiter=opened.writing)
        # Without `exc`: a task group would wrap the caller's error in a group of its own.
        await opened.tasks.__aexit__(None, None, None)

    async def create(self, record: RunRecord) -> None:
        """Store a new run and its plan, durably. Raises Bug when there is a run of this id."""
        await anyio.to_thread.run_sync(self._create, record, limiter=self._now.writing)

    async def append(
        self, run: RunId, events: Sequence[Event], *, unlock: Sequence[str] = (), fences: Sequence[HostFence] = ()
    ) -> tuple[Recorded, ...]:
        """Store events, in order, all or none; they are durable when this returns.

        Cancelled while it waits, they are stored all the same. Raises Bug when an intent is already there.
        """
        if not events:
            return ()
        return await self._now.commits.submit(rows.prepare(run, self._clock.now(), events, unlock, fences))

    async def lock(self, run: RunId, hosts: Mapping[str, HostName]) -> tuple[HostLock, ...]:
        """Take the locks of all these hosts (by key) for a run, or none of them; returns those that others hold."""
        return await self._write(partial(locks.take, run=run, hosts=hosts, now=self._clock.now()))

    async def locks(self) -> tuple[HostLock, ...]:
        """Every host lock, oldest first."""
        return await self._read(locks.all_locks)

    async def fences(self) -> tuple[HostFence, ...]:
        """Every host fence, oldest first."""
        return await self._read(locks.all_fences)

    async def ask(self, request: Request) -> Request:
        """Keep a request, durably; an UNLOCK, and a RECOVERED, take effect with it."""
        return await self._write(partial(locks.ask, request=replace(request, why=rows.clean(request.why))))

    async def requests(self, run: RunId, *, after: int = 0) -> tuple[Request, ...]:
        """What was asked of a run, with an id above `after`, in order."""
        return await self._read(partial(locks.requests, run=run, after=after))

    async def record(self, run: RunId) -> RunRecord:
        """The run as it was created. Raises InputError when there is none, naming the nearest."""
        return await self._read(partial(queries.record, run=rows.clean(run)))

    async def find(self, prefix: str) -> RunId:
        """The run whose id is, or alone begins with, this. Raises InputError for none and for several."""
        return await self._read(partial(queries.find, prefix=rows.clean(prefix)))

    async def events(
        self, run: RunId, *, after: int = 0, limit: int | None = None, outputs: bool = True
    ) -> tuple[Recorded, ...]:
        """The events with a seq above `after`, in order; without outputs their columns are not read."""
        return await self._read(partial(queries.events, run=rows.clean(run), after=after, limit=limit, outputs=outputs))

    async def runs(self, *, limit: int = 50) -> tuple[RunSummary, ...]:
        """The newest runs, newest first."""
        return await self._read(partial(queries.runs, limit=limit))

    async def outputs(
        self, run: RunId, *, host: HostName | None = None, step: StepName | None = None
    ) -> tuple[Output, ...]:
        """The captured outputs of a run's attempts, in the order in which they ended."""
        return await self._read(
            partial(queries.outputs, run=rows.clean(run), host=rows.clean(host), step=rows.clean(step))
        )

    @property
    def _now(self) -> _Opened:
        if self._opened is None:
            raise Bug("the journal is not open")
        return self._opened

    def _open(self) -> sa.Engine:
        engine = sqlite.open_engine(self._url, patience=self._patience)
        try:
            bring_up_to_date(engine, f"journal {self._file}")
        except sa.exc.DBAPIError as error:
            engine.dispose()
            raise sqlite.explain(error, self._file) from error
        except BaseException:
            engine.dispose()
            raise
        return engine

    async def _read(self, query: Callable[[sa.Connection], T]) -> T:
        return await anyio.to_thread.run_sync(self._read_now, query, limiter=self._now.reading)

    def _read_now(self, query: Callable[[sa.Connection], T]) -> T:
        try:
            with self._now.engine.connect() as connection:
                return query(connection)
        except sa.exc.DBAPIError as error:
            raise sqlite.explain(error, self._file) from error
        except rows.Unreadable as error:
            raise JournalError(
                f"journal {self._file}: {error} cannot be read: it is damaged, or a newer orchestrator wrote it; "
                "install the newer one, or put your newest backup in its place",
                next=("orc --version",),
            ) from error

    async def _write(self, statement: Callable[[sa.Connection], T]) -> T:
        return await anyio.to_thread.run_sync(self._write_now, statement, limiter=self._now.writing)

    def _write_now(self, statement: Callable[[sa.Connection], T]) -> T:
        try:
            with self._now.engine.execution_options(writes=True).begin() as connection:
                return statement(connection)
        except sa.exc.DBAPIError as error:
            raise sqlite.explain(error, self._file) from error

    def _create(self, record: RunRecord) -> None:
        row = rows.run_row(record)
        try:
            with self._now.engine.execution_options(writes=True).begin() as connection:
                queries.insert_run(connection, row)
        except sa.exc.IntegrityError as error:
            raise Bug(f"run {record.id} was created before") from error
        except sa.exc.DBAPIError as error:
            raise sqlite.explain(error, self._file) from error

    def _commit(self, batch: Sequence[rows.Prepared]) -> list[tuple[Recorded, ...] | OrcError]:
        try:
            with self._now.engine.execution_options(writes=True).begin() as connection:
                return queries.insert_events(connection, batch)
        except sa.exc.IntegrityError:
            # An intent is there already. One by one, so that it fails alone.
            return [batch[0].taken_twice()] if len(batch) == 1 else [self._commit([one])[0] for one in batch]
        except sa.exc.DBAPIError as error:
            return [sqlite.explain(error, self._file) for _ in batch]
