"""What every journal promises of host locks and of what people ask of runs."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import Bug
from orchestrator.journal.memory import MemoryJournal
from orchestrator.journal.sql import SqlJournal
from orchestrator.model.event import RunStarted
from orchestrator.model.host import HostFence
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.request import Act, Request
from tests.journal.examples import CountingClock, intent, new_run

pytestmark = pytest.mark.anyio

ONE, TWO = RunId("r-one"), RunId("r-two")
A, B, C = HostName("a"), HostName("b"), HostName("c")
STARTED = RunStarted(playbook="p", digest="d", hosts=1, by="me")


@pytest.fixture(params=["sqlite", "memory"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlJournal | MemoryJournal]:
    url, clock = f"sqlite:///{tmp_path}/journal.db", CountingClock()
    async with SqlJournal(url, clock=clock) if request.param == "sqlite" else MemoryJournal(clock=clock) as opened:
        for run in (ONE, TWO):
            await opened.create(replace(new_run(), id=run))
        yield opened


async def test_a_host_belongs_to_one_run_at_a_time(journal: SqlJournal | MemoryJournal) -> None:
    assert await journal.lock(ONE, {"1": A, "2": B}) == ()
    (other,) = await journal.lock(TWO, {"2": B, "3": C})
    assert (other.run, other.host) == (ONE, B)
    assert {lock.key: lock.run for lock in await journal.locks()} == {"1": ONE, "2": ONE}, "all or none are taken"


async def test_a_run_that_has_its_locks_may_take_them_again(journal: SqlJournal | MemoryJournal) -> None:
    await journal.lock(ONE, {"1": A})
    (before,) = await journal.locks()
    assert await journal.lock(ONE, {"1": A, "2": B}) == ()
    assert before in await journal.locks()


async def test_a_lock_is_given_up_in_the_commit_of_its_event_and_only_by_its_own_run(
    journal: SqlJournal | MemoryJournal,
) -> None:
    await journal.lock(ONE, {"1": A, "2": B})
    await journal.append(TWO, [STARTED], unlock=["1"])
    assert len(await journal.locks()) == 2
    await journal.append(ONE, [STARTED], unlock=["1"])
    assert [lock.key for lock in await journal.locks()] == ["2"]
    assert await journal.lock(TWO, {"1": A}) == ()


async def test_an_unlock_is_kept_with_who_and_why_and_takes_effect(journal: SqlJournal | MemoryJournal) -> None:
    await journal.lock(ONE, {"1": A, "2": B})
    asked = await journal.ask(Request(run=ONE, act=Act.UNLOCK, by="ana", at=5.0, why="its process is lost", host=A))
    assert [lock.host for lock in await journal.locks()] == [B]
    assert await journal.requests(ONE) == (asked,)
    assert asked.id > 0


async def test_requests_are_read_once_each_in_order(journal: SqlJournal | MemoryJournal) -> None:
    first = await journal.ask(Request(run=ONE, act=Act.PAUSE, by="ana", at=1.0))
    await journal.ask(Request(run=TWO, act=Act.ABORT, by="bo", at=2.0))
    second = await journal.ask(Request(run=ONE, act=Act.ABORT_NOW, by="bo", at=3.0, why="stop it"))
    assert await journal.requests(ONE) == (first, second)
    assert await journal.requests(ONE, after=first.id) == (second,)


async def test_an_answer_to_a_gate_is_kept_with_what_it_is_about(journal: SqlJournal | MemoryJournal) -> None:
    asked = await journal.ask(Request(run=ONE, act=Act.APPROVE, by="ana", at=5.0, why="looks good", gate="approval"))
    assert await journal.requests(ONE) == (asked,)
    assert (asked.gate, asked.host) == ("approval", None)


def fence(
    key: str, host: HostName, run: RunId = ONE, since: float = 5.0, why: str = "its rollback failed"
) -> HostFence:
    return HostFence(key=key, host=host, run=run, since=since, why=why)


async def test_a_fence_is_put_up_in_the_commit_of_its_event_and_a_newer_one_takes_its_place(
    journal: SqlJournal | MemoryJournal,
) -> None:
    assert await journal.fences() == ()
    await journal.append(ONE, [STARTED], fences=[fence("2", B), fence("1", A, since=4.0)])
    assert await journal.fences() == (fence("1", A, since=4.0), fence("2", B))
    await journal.append(TWO, [STARTED], fences=[fence("1", A, TWO, 9.0)])
    assert await journal.fences() == (fence("2", B), fence("1", A, TWO, 9.0))


async def test_no_fence_is_put_up_where_its_event_is_refused(journal: SqlJournal | MemoryJournal) -> None:
    await journal.append(ONE, [intent(1)])
    with pytest.raises(Bug):
        await journal.append(ONE, [intent(1)], fences=[fence("1", A)])
    with pytest.raises(Bug):
        await journal.append(RunId("nobody"), [STARTED], fences=[fence("1", A)])
    assert await journal.fences() == ()


async def test_a_fence_goes_when_its_host_is_marked_as_recovered_which_is_kept_with_who_and_why(
    journal: SqlJournal | MemoryJournal,
) -> None:
    await journal.append(ONE, [STARTED], fences=[fence("1", A), fence("2", B)])
    await journal.ask(Request(run=TWO, act=Act.RECOVERED, by="ana", at=6.0, why="of another run", host=A))
    assert len(await journal.fences()) == 2
    asked = await journal.ask(Request(run=ONE, act=Act.RECOVERED, by="ana", at=7.0, why="by hand", host=A))
    assert await journal.fences() == (fence("2", B),)
    assert await journal.requests(ONE) == (asked,)
