"""What people ask of a run from elsewhere just as it comes to rest, or while nobody drives it."""

from pathlib import Path

import pytest

from orchestrator.clock import FakeClock
from orchestrator.engine.requests import Requests, take_aborts
from orchestrator.engine.runs import LocalDispatcher, carry_on
from orchestrator.journal.memory import MemoryJournal
from orchestrator.model.event import RunPaused, RunResumed
from orchestrator.model.request import Act, Request
from orchestrator.model.state import RunStatus
from tests.small_run import RUN, drive, plan_of, taken_up

pytestmark = pytest.mark.anyio

PLAYBOOK = """
vmids: [1, 2]
rollout: {waves: [{size: 1, gates: [{approval: {by: [ana]}}]}, 100%]}
steps: [{name: one, run: one}]
"""


def asked(act: Act, at: float, *, why: str = "") -> Request:
    return Request(run=RUN, act=act, by="ana@laptop", at=at, why=why)


@pytest.mark.parametrize(
    ("act", "status"), [(Act.ABORT, RunStatus.ABORTED), (Act.DENY, RunStatus.HELD), (None, RunStatus.WAITING)]
)
async def test_what_is_asked_as_a_run_comes_to_rest_is_heeded_before_its_process_lets_go_of_it(
    tmp_path: Path, act: Act | None, status: RunStatus
) -> None:
    plan = plan_of(tmp_path, PLAYBOOK)
    before = [e for e in (await drive(plan)).events if not isinstance(e, RunPaused)]
    async with FakeClock() as clock, MemoryJournal(clock=clock) as journal:
        live = await taken_up(plan, before, journal, clock)
        if act:
            await journal.ask(asked(act, clock.now()))
        await carry_on(live, LocalDispatcher(), by="test", look=Requests(live, after=0).look)
        assert live.state.status() is status
        rested = [e for e in await journal.events(RUN) if isinstance(e.event, RunPaused) and e.event.waiting]
        assert bool(rested) == (act is None)


@pytest.mark.parametrize("act", [Act.ABORT, Act.ABORT_NOW])
async def test_an_abort_that_the_last_process_did_not_come_to_is_heeded_by_the_next(tmp_path: Path, act: Act) -> None:
    plan = plan_of(tmp_path, PLAYBOOK)
    waiting = (await drive(plan)).events
    async with FakeClock() as clock, MemoryJournal(clock=clock) as journal:
        live = await taken_up(plan, waiting, journal, clock)
        since = live.state.taken_up_at
        assert since == clock.now()
        await journal.ask(asked(act, clock.now() + 1, why="wrong release"))
        await live.record(RunResumed(by="ben"))
        await take_aborts(live, until=1, since=since)
        await carry_on(live, LocalDispatcher(), by="ben")
        assert live.state.status() is RunStatus.ABORTED
        (paused,) = [e.event for e in await journal.events(RUN) if isinstance(e.event, RunPaused) and e.event.aborting]
        assert isinstance(paused, RunPaused)
        assert (paused.by, paused.now) == ("ana@laptop", act is Act.ABORT_NOW)
        assert paused.cause == f"orc {act.value.replace('_', ' ')}: wrong release"


async def test_an_abort_from_before_the_run_was_last_taken_up_is_past(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, PLAYBOOK)
    waiting = (await drive(plan)).events
    async with FakeClock() as clock, MemoryJournal(clock=clock) as journal:
        live = await taken_up(plan, waiting, journal, clock)
        await journal.ask(asked(Act.ABORT, clock.now()))
        await clock.sleep_until(clock.now() + 5)
        await live.record(RunResumed(by="ben"))
        await take_aborts(live, until=1, since=live.state.taken_up_at)
        assert not live.state.course.aborts
