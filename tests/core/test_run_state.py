"""What may follow what in a run, and what a run remembers."""

from collections.abc import Sequence

import pytest

from orchestrator.core.evolve import evolve, fresh
from orchestrator.core.layout import lay_out
from orchestrator.core.rollout import Course
from orchestrator.core.run_state import RunState
from orchestrator.errors import IllegalTransition
from orchestrator.model.event import (
    AttemptEnded,
    AttemptStarted,
    Event,
    HostSettled,
    Recorded,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    WaveOpened,
)
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import RunStatus, Standing
from tests.builders import make_plan

PLAN = make_plan(2, max_unreachable=1)
LAYOUT = lay_out(PLAN)
FIRST, SECOND = (each.host.name for each in PLAN.hosts)
STEP, NEXT = (LAYOUT.slots[index].name for index in LAYOUT.steps[:2])
STARTED = RunStarted(playbook="p", digest="d", hosts=2, by="ana")
ABORTED = RunPaused(by="ana", cause="enough", aborting=True)
FINISHED = RunFinished(status=RunStatus.ABORTED, cause="", exit=130)


def state_after(*events: Event) -> RunState:
    state = RunState(PLAN)
    for seq, event in enumerate(events, 1):
        state.apply(Recorded(run=RunId("r"), seq=seq, at=float(seq), event=event))
    return state


def begun(host: HostName = FIRST, attempt: int = 1, step: str = STEP) -> AttemptStarted:
    return AttemptStarted(host=host, step=type(STEP)(step), attempt=attempt, nonce="n")


def ended(host: HostName, outcome: Outcome) -> AttemptEnded:
    return AttemptEnded(host=host, step=STEP, attempt=1, outcome=outcome, duration=1.0)


@pytest.mark.parametrize(
    ("before", "event"),
    [
        ((begun(),), begun(step=NEXT)),
        ((), begun(attempt=2)),
        ((), ended(FIRST, Outcome.OK)),
        ((begun(),), HostSettled(host=FIRST, standing=Standing.OK)),
    ],
    ids=["beside one that runs", "out of order", "an end without a start", "settled while it runs"],
)
def test_an_attempt_that_cannot_follow_is_refused(before: Sequence[AttemptStarted], event: AttemptStarted) -> None:
    state = fresh(LAYOUT)
    for each in before:
        state = evolve(LAYOUT, state, each, 1.0)
    with pytest.raises(IllegalTransition):
        evolve(LAYOUT, state, event, 2.0)


@pytest.mark.parametrize("event", [STARTED, begun(), RunResumed(by="ana"), WaveOpened(wave=0, hosts=2)])
def test_nothing_follows_the_end_of_a_run(event: Event) -> None:
    with pytest.raises(IllegalTransition):
        state_after(STARTED, FINISHED, event)


def test_a_pause_that_came_too_late_leaves_the_run_as_it_ended() -> None:
    state = state_after(STARTED, FINISHED, RunPaused(by="ana", cause="Ctrl-C"))
    assert (state.status(), state.seq) == (RunStatus.ABORTED, 3)


def test_an_abort_is_taken_back_by_no_pause_and_by_no_resume() -> None:
    state = state_after(STARTED, ABORTED, RunPaused(by="ben", cause="Ctrl-C"), RunResumed(by="ben"))
    assert state.course is Course.ABORTING
    harder = state_after(STARTED, ABORTED, RunPaused(by="ben", cause="now", aborting=True, now=True))
    assert harder.course is Course.ABORTING_NOW


def test_every_process_that_takes_a_run_up_has_a_higher_fence_than_the_one_before() -> None:
    fences = [state_after(STARTED, *[RunResumed(by="ana")] * times).taken_up for times in range(3)]
    assert fences == [1, 2, 3]


def test_a_budget_of_one_unreachable_host_is_over_with_the_second_and_not_before() -> None:
    one = state_after(STARTED, WaveOpened(wave=0, hosts=2), begun(FIRST), ended(FIRST, Outcome.UNREACHABLE))
    if one.hosts[FIRST].failure is None:
        pytest.fail("the step is tried again: the plan of this test allows that")
    assert one.signals(0).forward
    both = state_after(
        STARTED, WaveOpened(wave=0, hosts=2),
        begun(FIRST), ended(FIRST, Outcome.UNREACHABLE), begun(SECOND), ended(SECOND, Outcome.UNREACHABLE),
    )  # fmt: skip
    assert not both.signals(0).forward
