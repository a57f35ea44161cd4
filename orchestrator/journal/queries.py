"""Every statement that the journal makes; each function runs within the transaction of the connection it is given."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import sqlalchemy as sa

from orchestrator.errors import Bug, OrcError
from orchestrator.journal import locks, naming, rows
from orchestrator.journal.schema import EVENT, FACTS, IS_RUN_LEVEL, RUN
from orchestrator.model.event import Recorded
from orchestrator.model.host import HostFence
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.ports import Output, RunRecord, RunSummary


def insert_run(connection: sa.Connection, row: rows.RunRow) -> None:
    """Insert a run. Raises IntegrityError when its id is taken."""
    connection.execute(RUN.insert(), cast("dict[str, Any]", row))


def insert_events(connection: sa.Connection, batch: Sequence[rows.Prepared]) -> list[tuple[Recorded, ...] | OrcError]:
    """Insert all, numbering each run's events on from its last; the answers hold once the transaction is committed.

    Raises IntegrityError when an intent is there already.
    """
    last = _last_seqs(connection, {prepared.run for prepared in batch})
    answers: list[tuple[Recorded, ...] | OrcError] = []
    inserted: list[rows.EventRow] = []
    given_up: list[tuple[RunId, str]] = []
    put_up: list[HostFence] = []
    for prepared in batch:
        if prepared.run not in last:
            answers.append(Bug(f"run {prepared.run} was never created"))
            continue
        inserted += prepared.rows(last[prepared.run])
        answers.append(prepared.recorded(last[prepared.run]))
        last[prepared.run] += len(prepared.events)
        given_up += [(prepared.run, key) for key in prepared.unlock]
        put_up += prepared.fences
    if inserted:
        connection.execute(EVENT.insert(), cast("list[dict[str, Any]]", inserted))
    locks.give_up(connection, given_up)
    locks.put_up(connection, put_up)
    return answers


_LAST_SEQ = sa.select(sa.func.max(EVENT.c.seq)).where(EVENT.c.run == RUN.c.id).scalar_subquery()
_LAST_SEQS = sa.select(RUN.c.id, _LAST_SEQ.label("last")).where(RUN.c.id.in_(sa.bindparam("runs", expanding=True)))


def _last_seqs(connection: sa.Connection, runs: Iterable[RunId]) -> dict[str, int]:
    """The highest seq of each of the runs that there are."""
    return {row.id: row.last or 0 for row in connection.execute(_LAST_SEQS, {"runs": list(runs)})}


def record(connection: sa.Connection, run: RunId) -> RunRecord:
    """The run of this id. Raises InputError when there is none."""
    row = connection.execute(sa.select(RUN).where(RUN.c.id == run)).mappings().one_or_none()
    if row is None:
        raise naming.unknown(run, _newest(connection))
    return rows.run_record(cast(rows.RunRow, row))


def find(connection: sa.Connection, prefix: str) -> RunId:
    """The run whose id is, or alone begins with, this. Raises InputError for none and for several."""
    # Not LIKE: in SQLite it does not tell capital letters from small ones.
    begins = sa.func.substr(RUN.c.id, 1, len(prefix)) == prefix
    matching = connection.scalars(sa.select(RUN.c.id).where(begins).order_by(RUN.c.id))
    return naming.choose(prefix, [RunId(id) for id in matching], _newest(connection))


def _newest(connection: sa.Connection) -> list[RunId]:
    newest = sa.select(RUN.c.id).order_by(RUN.c.created_at.desc(), RUN.c.id.desc()).limit(naming.NEAR)
    return [RunId(id) for id in connection.scalars(newest)]


def events(
    connection: sa.Connection, run: RunId, *, after: int, limit: int | None, outputs: bool
) -> tuple[Recorded, ...]:
    """The events of a run with a seq above `after`, in order, the first `limit` of them."""
    columns = tuple(EVENT.c) if outputs else FACTS
    query = sa.select(*columns).where(EVENT.c.run == run, EVENT.c.seq > after).order_by(EVENT.c.seq).limit(limit)
    return tuple(map(rows.recorded, _event_rows(connection, query)))


def outputs(
    connection: sa.Connection, run: RunId, *, host: HostName | None, step: StepName | None
) -> tuple[Output, ...]:
    """The captured outputs of a run, of one host and of one step where they are given."""
    query = sa.select(EVENT).where(EVENT.c.run == run, EVENT.c.stdout.is_not(None)).order_by(EVENT.c.seq)
    if host is not None:
        query = query.where(EVENT.c.host == host)
    if step is not None:
        query = query.where(EVENT.c.step == step)
    return tuple(map(rows.output, _event_rows(connection, query)))


def _event_rows(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[rows.EventRow]:
    return (cast(rows.EventRow, row) for row in connection.execute(query).mappings())


_OTHER = EVENT.alias("other")
_LATEST = sa.select(sa.func.max(_OTHER.c.seq)).where(_OTHER.c.run == RUN.c.id, IS_RUN_LEVEL).scalar_subquery()
RUNS = (
    sa.select(RUN.c.id, RUN.c.created_at, RUN.c.by, RUN.c.playbook, RUN.c.digest, RUN.c.hosts, *FACTS)
    .outerjoin_from(RUN, EVENT, sa.and_(EVENT.c.run == RUN.c.id, EVENT.c.seq == _LATEST))
    .order_by(RUN.c.created_at.desc(), RUN.c.id.desc())
)
"""Every run with its latest event of the run as a whole, newest first."""


def runs(connection: sa.Connection, *, limit: int) -> tuple[RunSummary, ...]:
    """The newest runs, newest first."""
    return tuple(map(_summary, connection.execute(RUNS.limit(limit)).mappings()))


def _summary(row: sa.RowMapping) -> RunSummary:
    last = None if row["seq"] is None else rows.recorded(cast(rows.EventRow, row))
    return rows.summary(cast(rows.SummaryRow, row), last)
