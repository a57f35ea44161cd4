"""A plain attempt: what is lost stays lost, and is said to be."""

import pytest

from orchestrator.core import attempt, plain_attempt
from orchestrator.core.attempt import Attempt, Pace, Poll, Send, begin, decide
from orchestrator.core.ending import End
from orchestrator.guest.library import OUTPUT_CAP
from orchestrator.model.playbook import Outcome
from orchestrator.ports import (
    Exited,
    NotStarted,
    PidGone,
    PollReply,
    PollUnanswered,
    Refusal,
    Started,
    StartUnknown,
    StillRunning,
)

PACE = Pace()
FRESH = begin("f00d", 60, 0, PACE)
STARTED = plain_attempt.observe_start(FRESH, Started(pid=7), 1, PACE)


def polled(*replies: tuple[float, PollReply], since: Attempt = STARTED) -> Attempt:
    for now, reply in replies:
        since = plain_attempt.observe_poll(since, reply, now, PACE)
    return since


def end_of(attempt: Attempt, now: float = 5) -> End:
    end = decide(attempt, now, PACE)
    assert isinstance(end, End), end
    return end


def test_what_exited_is_taken_at_its_word() -> None:
    end = end_of(polled((2, StillRunning()), (3, Exited(exit_code=4, stdout="out\n", stderr="é"))))
    assert end.outcome is None
    assert end.result
    assert (end.result.exit_code, end.result.stdout, end.result.stderr) == (4, "out\n", "é")
    assert (end.result.stdout_size, end.result.stderr_size) == (4, 2)


def test_output_that_was_dropped_or_is_too_much_is_marked() -> None:
    end = end_of(polled((2, Exited(exit_code=0, stdout="x" * (OUTPUT_CAP + 5), stderr="", truncated=True))))
    assert end.result
    assert "\n[... 5 characters left out ...]\n" in end.result.stdout
    assert end.result.stdout.endswith("\n[... the provider left some of the output out ...]\n")
    assert end.result.stdout_size == OUTPUT_CAP + 5


def test_an_unanswered_poll_is_asked_again_and_the_command_never_sent_again() -> None:
    since = polled((2, PollUnanswered(message="502")), (4, PollUnanswered(message="502")))
    assert decide(since, 10, PACE) == Poll(pid=7)
    end = end_of(polled((1000, PollUnanswered(message="502")), since=since), 1000)
    assert (end.outcome, end.may_be_running) == (Outcome.UNKNOWN, True)


@pytest.mark.parametrize(
    "lost",
    [
        plain_attempt.observe_start(FRESH, StartUnknown(message="cut off"), 1, PACE),
        plain_attempt.take_up(FRESH),
        plain_attempt.stop(STARTED, 2, PACE),
        polled((2, PidGone(message="no such pid"))),
    ],
    ids=["start", "crash", "stop", "result"],
)
def test_whatever_is_lost_is_unknown_and_may_be_running(lost: Attempt) -> None:
    end = end_of(lost)
    assert (end.outcome, end.may_be_running) == (Outcome.UNKNOWN, True)
    assert end.detail.startswith("may have run, and a plain command is not sent again: ")


def test_its_time_out_counts_from_its_start_and_is_over_when_it_is_seen_to_run_after_that() -> None:
    late = plain_attempt.observe_start(FRESH, Started(pid=7), 50, PACE)
    assert polled((109, StillRunning()), since=late).end is None
    end = end_of(polled((110, StillRunning()), since=late))
    assert (end.outcome, end.may_be_running) == (Outcome.TIMED_OUT, True)


def test_a_result_that_comes_just_in_time_counts() -> None:
    assert end_of(polled((62, Exited(exit_code=0, stdout="", stderr="")))).outcome is None


def test_what_was_certainly_not_started_is_sent_again_and_can_be_stopped() -> None:
    refused = plain_attempt.observe_start(FRESH, NotStarted(refusal=Refusal.RATE_LIMITED, message="slow"), 1, PACE)
    assert decide(refused, 5, PACE) == Send()
    end = end_of(plain_attempt.stop(refused, 5, PACE))
    assert (end.outcome, end.may_be_running) == (Outcome.FAILED, False)
    late = plain_attempt.observe_start(refused, NotStarted(refusal=Refusal.RATE_LIMITED, message="slow"), 1000, PACE)
    assert end_of(late, 1000).outcome is Outcome.UNREACHABLE


def test_an_end_is_not_changed_by_a_stop() -> None:
    ended = polled((2, Exited(exit_code=0, stdout="", stderr="")))
    assert end_of(plain_attempt.stop(ended, 3, PACE)) == end_of(ended)
    assert attempt.stop(ended, 3, PACE) is ended
