"""Runs that take another back: nobody goes on with hosts that are on their way back."""

import pytest

from orchestrator.clock import FakeClock
from orchestrator.core.run_state import RunState
from orchestrator.core.taking_back import take_back
from orchestrator.engine.going_back import Back, backs_of, refuse_beside
from orchestrator.errors import Held
from orchestrator.journal.memory import MemoryJournal
from orchestrator.model.event import Event, Recorded, RunPaused, RunStarted
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.request import Act, Request
from orchestrator.ports import RunRecord
from tests.builders import Rule, make_plan
from tests.scripted_runs import RUN, play

pytestmark = pytest.mark.anyio
ONE, TWO, THREE = (HostName(f"web-00{n}") for n in (1, 2, 3))


def back_of(*hosts: HostName) -> RunState:
    """A run that is about to take these of three hosts back."""
    before = play(make_plan(3, (Rule(name="one", run="a", rollback="b"),)))
    plan = take_back(before.state, RUN, hosts).plan
    assert plan
    return RunState(plan)


def test_a_host_that_is_being_taken_back_is_neither_tried_again_nor_taken_back_beside() -> None:
    backs = (Back(id=RunId("r2"), state=back_of(ONE, TWO)),)
    with pytest.raises(Held, match=f"run {RUN} is being taken back by run r2") as held:
        refuse_beside(RUN, backs, (TWO, THREE))
    assert held.value.next == ("orc status r2", "orc resume r2")


def test_a_run_that_was_paused_on_its_way_back_keeps_its_hosts() -> None:
    state = back_of(ONE)
    told: list[Event] = [RunStarted(playbook="p", digest="", hosts=1, by="ana"), RunPaused(by="ana", cause="Ctrl-C")]
    for seq, event in enumerate(told, start=1):
        state.apply(Recorded(run=RunId("r2"), seq=seq, at=1.0, event=event))
    with pytest.raises(Held, match="r2"):
        refuse_beside(RUN, (Back(id=RunId("r2"), state=state),), (ONE,))


def test_other_hosts_of_the_run_and_hosts_that_are_back_may_be_tried_again() -> None:
    refuse_beside(RUN, (Back(id=RunId("r2"), state=back_of(ONE, TWO)),), (THREE,))
    refuse_beside(RUN, (Back(id=RunId("r2"), state=play(back_of(ONE).plan).state),), (ONE,))


async def test_a_way_back_that_was_asked_for_and_never_became_a_run_holds_up_nobody() -> None:
    state = back_of(ONE)
    async with FakeClock() as clock, MemoryJournal(clock=clock) as journal:
        await journal.create(RunRecord(id=RUN, plan=make_plan(3), created_at=1.0, by="ana"))
        for id in ("r2", "r3"):
            await journal.ask(Request(run=RUN, act=Act.ROLL_BACK, by="ana", at=2.0, why=id))
        await journal.create(RunRecord(id=RunId("r3"), plan=state.plan, created_at=3.0, by="ana"))
        assert [back.id for back in await backs_of(journal, RUN)] == ["r3"]
