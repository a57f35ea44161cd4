"""The live frame: never taller than it may be, failures first, and true."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.run_state import RunState
from orchestrator.model.event import AttemptEnded, AttemptStarted, RetryPlanned, WaveOpened
from orchestrator.model.ids import StepName
from orchestrator.model.playbook import Outcome
from orchestrator.report.live import LEAST_HEIGHT, LiveWatch
from tests.builders import DEPLOY, Rule, host_names, make_plan
from tests.scripted_runs import BEGAN_AT, RUN, Ends, Played, failing, play

GO = StepName("go")
GO_RULE = Rule(name="go")


def watched(played: Played) -> LiveWatch:
    """A watch that has followed a run from its beginning."""
    state = RunState(played.plan)
    watch = LiveWatch(RUN, state, BEGAN_AT)
    for recorded in played.log:
        state.apply(recorded)
        watch.observe(recorded)
    return watch


def crowd(*, failed: int, flying: int, waves: int) -> LiveWatch:
    """A run whose first hosts have failed; the next have an attempt under way; and further waves of one host each."""
    plan = make_plan(failed + flying + waves, [GO_RULE], (failed + flying + 1, *[1] * (waves - 1)))
    played = Played(plan=plan, state=RunState(plan))
    played.record(WaveOpened(wave=0, hosts=failed + flying + 1))
    for number, host in enumerate(host_names(failed + flying)):
        played.now = BEGAN_AT + number
        played.record(AttemptStarted(host=host, step=GO, attempt=1, nonce="n"))
        if number < failed:
            played.record(AttemptEnded(host=host, step=GO, attempt=1, outcome=Outcome.FAILED, duration=1, detail="no"))
    return watched(played)


def test_a_frame_shows_what_failed_who_is_in_flight_and_how_far_the_waves_are() -> None:
    def script(host: str, step: str, undo: bool, attempt: int) -> Ends | None:
        if (host, step) == ("web-003", "migrate"):
            return None
        return failing(22) if (host, step) == ("web-002", "healthy") else Ends()

    played = play(make_plan(12, DEPLOY, (1, 3, 8), max_failures=1, wave_names=("canary",)), script)
    frame = watched(played).frame(played.now + 2.5, 24)

    assert frame.title == f"deploy-web on 12 hosts, run {RUN}"
    assert [(row.number, row.name, row.hosts) for row in frame.waves] == [(1, "canary", 1), (2, "", 3), (3, "", 8)]
    assert [(row.ok, row.rolled_back, row.busy, row.waiting) for row in frame.waves] == [
        (1, 0, 0, 0), (0, 1, 1, 1), (0, 0, 0, 8),
    ]  # fmt: skip
    assert [(row.host, row.said) for row in frame.failures] == [("web-002", "healthy: failed, exit status 22")]
    assert [(row.host, row.step, row.said) for row in frame.flights] == [("web-003", "migrate", "2.5 s")]


def test_a_run_that_is_taken_up_shows_the_attempts_of_the_process_before() -> None:
    played = play(make_plan(2), lambda host, step, undo, attempt: None if step == "healthy" else Ends())
    frame = LiveWatch(RUN, played.state, BEGAN_AT).frame(played.now + 1, 24)

    assert [(row.host, row.step, row.said) for row in frame.flights] == [
        ("web-001", "healthy", "1.0 s, attempt 1 of 3")
    ]


def test_an_attempt_that_will_be_repeated_is_no_failure_but_a_wait() -> None:
    played = play(make_plan(1), lambda host, step, undo, attempt: failing() if step == "healthy" else Ends())
    planned = next(each for each in played.log if isinstance(each.event, RetryPlanned))
    played.log = played.log[: planned.seq]
    frame = watched(played).frame(planned.at + 2, 24)

    assert frame.failures == ()
    assert [(row.step, row.said) for row in frame.flights] == [("healthy", "attempt 2 of 3 in 3.0 s")]


def test_the_newest_failure_and_the_oldest_attempt_come_first() -> None:
    frame = crowd(failed=3, flying=3, waves=1).frame(BEGAN_AT + 10, 40)

    assert [row.host for row in frame.failures] == ["web-003", "web-002", "web-001"]
    assert [row.host for row in frame.flights] == ["web-004", "web-005", "web-006"]


def test_a_wave_that_goes_on_is_among_those_that_are_shown() -> None:
    played = play(make_plan(40, [GO_RULE], [1] * 40), lambda host, *_: None if host == "web-030" else Ends())
    frame = watched(played).frame(played.now, 12)

    assert 30 in [row.number for row in frame.waves]
    assert frame.waves_hidden == 40 - len(frame.waves)


@given(
    failed=st.integers(0, 30),
    flying=st.integers(0, 30),
    waves=st.integers(1, 30),
    height=st.integers(0, 60),
    note=st.sampled_from(["", "stopping"]),
)
def test_a_frame_is_never_taller_than_it_may_be_and_counts_what_it_hides(
    failed: int, flying: int, waves: int, height: int, note: str
) -> None:
    frame = crowd(failed=failed, flying=flying, waves=waves).frame(BEGAN_AT + 100, height, note)

    assert frame.height <= max(height, LEAST_HEIGHT)
    assert len(frame.failures) + frame.failures_hidden == failed
    assert len(frame.flights) + frame.flights_hidden == flying
    assert len(frame.waves) + frame.waves_hidden == waves
    assert all(
        row.ok + row.failed + row.rolled_back + row.stopped + row.busy + row.waiting == row.hosts for row in frame.waves
    )
