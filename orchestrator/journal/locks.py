"""Statements about host locks, fences and requests; each runs within the transaction of the connection it is given."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from orchestrator.journal.rows import clean
from orchestrator.journal.schema import HOST_FENCE, HOST_LOCK, REQUEST
from orchestrator.model.host import HostFence
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.request import Act, Request
from orchestrator.ports import HostLock

_GIVE_UP = HOST_LOCK.delete().where(
    HOST_LOCK.c.run == sa.bindparam("of_run"), HOST_LOCK.c.key == sa.bindparam("of_key")
)
_TAKE_DOWN = HOST_FENCE.delete().where(HOST_FENCE.c.key == sa.bindparam("of_key"))
_OLDEST_FIRST = sa.select(HOST_LOCK).order_by(HOST_LOCK.c.since, HOST_LOCK.c.key)


def give_up(connection: sa.Connection, held: Sequence[tuple[RunId, str]]) -> None:
    """Delete these locks of these runs; one that is not there, or is another run's, is left as it is."""
    if held:
        connection.execute(_GIVE_UP, [{"of_run": run, "of_key": key} for run, key in held])


def take(connection: sa.Connection, run: RunId, hosts: Mapping[str, HostName], now: float) -> tuple[HostLock, ...]:
    """Take all these locks for the run, or none: then those that others hold."""
    there = {lock.key: lock for lock in all_locks(connection) if lock.key in hosts}
    others = tuple(lock for lock in there.values() if lock.run != run)
    missing = [{"key": key, "host": host, "run": run, "since": now} for key, host in hosts.items() if key not in there]
    if missing and not others:
        connection.execute(HOST_LOCK.insert(), missing)
    return others


def all_locks(connection: sa.Connection) -> tuple[HostLock, ...]:
    """Every host lock, oldest first."""
    return tuple(
        HostLock(key=row.key, host=HostName(row.host), run=RunId(row.run), since=row.since)
        for row in connection.execute(_OLDEST_FIRST)
    )


def put_up(connection: sa.Connection, fences: Sequence[HostFence]) -> None:
    """Put up these fences, each in the place of one that is there already."""
    rows = {
        fence.key: {
            "key": fence.key,
            "host": fence.host,
            "run": fence.run,
            "since": fence.since,
            "why": clean(fence.why),
        }
        for fence in fences
    }
    if rows:
        connection.execute(_TAKE_DOWN, [{"of_key": key} for key in rows])
        connection.execute(HOST_FENCE.insert(), [*rows.values()])


def all_fences(connection: sa.Connection) -> tuple[HostFence, ...]:
    """Every host fence, oldest first."""
    return tuple(
        HostFence(key=row.key, host=HostName(row.host), run=RunId(row.run), since=row.since, why=row.why)
        for row in connection.execute(sa.select(HOST_FENCE).order_by(HOST_FENCE.c.since, HOST_FENCE.c.key))
    )


def ask(connection: sa.Connection, request: Request) -> Request:
    """Keep a request.

    An UNLOCK deletes the lock of its host that its run holds, a RECOVERED the fence that its run has put up there.
    """
    if request.act is Act.RECOVERED:
        of_host = HOST_FENCE.c.run == request.run, HOST_FENCE.c.host == request.host
        connection.execute(HOST_FENCE.delete().where(*of_host))
    if request.act is Act.UNLOCK:
        connection.execute(HOST_LOCK.delete().where(HOST_LOCK.c.run == request.run, HOST_LOCK.c.host == request.host))
    row = {
        "run": request.run,
        "act": request.act.value,
        "by": request.by,
        "at": request.at,
        "why": request.why,
        "host": request.host,
        "gate": request.gate,
    }
    new = connection.execute(REQUEST.insert(), row).inserted_primary_key
    return replace(request, id=new[0] if new else 0)


def requests(connection: sa.Connection, run: RunId, *, after: int) -> tuple[Request, ...]:
    """What was asked of a run, with an id above `after`, in order."""
    query = sa.select(REQUEST).where(REQUEST.c.run == run, REQUEST.c.id > after).order_by(REQUEST.c.id)
    return tuple(
        Request(
            id=row.id,
            run=RunId(row.run),
            act=Act(row.act),
            by=row.by,
            at=row.at,
            why=row.why,
            host=HostName(row.host) if row.host is not None else None,
            gate=row.gate,
        )
        for row in connection.execute(query)
    )
