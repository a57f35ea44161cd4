"""One attempt against a guest and an API that do their worst: what the decider says of it is what happened."""

import random
from dataclasses import dataclass, field

import pytest

from orchestrator.core.attempt import (
    Attempt,
    Pace,
    Poll,
    Send,
    WaitUntil,
    begin,
    decide,
    observe_poll,
    observe_start,
    poll_gap,
    stop,
    take_up,
)
from orchestrator.core.ending import End
from orchestrator.model.playbook import Outcome
from orchestrator.ports import (
    Exited,
    NotStarted,
    PidGone,
    PollReply,
    PollUnanswered,
    Refusal,
    Started,
    StartReply,
    StartUnknown,
    StillRunning,
)

NONCE = "f00dfeedf00dfeed"
PACE = Pace()


@dataclass
class Guest:
    """A guest that runs the program once, under an agent that forgets and an API that loses answers."""

    rng: random.Random
    trouble: float
    duration: float
    claimed_at: float | None = None
    runs: int = 0
    pids: dict[int, bool] = field(default_factory=dict)
    last_pid: int = 100

    def start(self, now: float) -> StartReply:
        draw = self.rng.random()
        if draw < self.trouble:
            bad: list[StartReply] = [
                NotStarted(refusal=Refusal.HOST_DOWN, message="agent down"),
                NotStarted(refusal=Refusal.RATE_LIMITED, message="slow down", retry_after=3.0),
                NotStarted(refusal=Refusal.API_DOWN, message="refused"),
                StartUnknown(message="lost before"),
            ]
            return self.rng.choice(bad)
        attached = self.claimed_at is not None
        if self.claimed_at is None:
            self.claimed_at, self.runs = now, self.runs + 1
        self.last_pid += 1
        self.pids[self.last_pid] = attached
        if self.rng.random() < self.trouble:
            return StartUnknown(message="lost after")
        return Started(pid=self.last_pid)

    def poll(self, pid: int, now: float) -> PollReply:
        if self.rng.random() < self.trouble:
            return PollUnanswered(message="502")
        if self.rng.random() < self.trouble / 2:
            self.pids.clear()
        if pid not in self.pids:
            return PidGone(message="no such pid")
        assert self.claimed_at is not None
        if now < self.claimed_at + self.duration:
            return StillRunning()
        attached = self.pids.pop(pid)
        if self.rng.random() < self.trouble:
            lost: list[PollReply] = [PollUnanswered(message="consumed"), Exited(exit_code=0, stdout="", stderr="")]
            return self.rng.choice(lost)
        trailer = f"\n{NONCE} {int(attached)} exited 7 0 0 1 1 b 9\n"
        return Exited(exit_code=0, stdout=trailer, stderr="")


def drive(guest: Guest, attempt: Attempt, now: float = 0.0) -> tuple[End, float, int]:
    requests = 0
    while True:
        decision = decide(attempt, now, PACE)
        match decision:
            case End():
                return decision, now, requests
            case WaitUntil():
                assert decision.at > now, "a wait that does not wait"
                now = decision.at
            case Send():
                attempt = observe_start(attempt, guest.start(now), now, PACE)
                requests += 1
            case Poll():
                attempt = observe_poll(attempt, guest.poll(decision.pid, now), now, PACE)
                requests += 1
        now += 0.01
        assert requests < 5000, "it does not end"


@pytest.mark.parametrize("trouble", [0.0, 0.05, 0.3, 0.7, 0.95])
def test_the_outcome_told_is_what_happened_in_the_guest(trouble: float) -> None:
    told: set[Outcome | None] = set()
    for seed in range(600):
        rng = random.Random(seed)
        guest = Guest(rng=rng, trouble=trouble, duration=rng.choice([0.0, 0.05, 2.0, 30.0, 59.0]))
        end, now, _ = drive(guest, begin(NONCE, 60.0, 0.0, PACE))
        assert guest.runs <= 1
        told.add(end.outcome)
        if end.outcome is None:
            assert guest.claimed_at is not None
            assert end.result is not None
            assert (end.result.exit_code, guest.runs) == (7, 1)
            assert now >= guest.claimed_at + guest.duration
        elif end.outcome is Outcome.UNREACHABLE:
            assert guest.runs == 0, "called unreachable and it ran"
            assert not end.may_be_running
        else:
            assert end.outcome in (Outcome.UNKNOWN, Outcome.TIMED_OUT)
            assert end.may_be_running
    assert None in told or trouble > 0.9
    if trouble < 0.1:
        assert told == {None}, "a result was given up that could have been had"


def test_without_trouble_a_short_command_costs_two_requests() -> None:
    _, now, requests = drive(Guest(rng=random.Random(1), trouble=0, duration=0.1), begin(NONCE, 60, 0, PACE))
    assert requests == 2
    assert now < 0.3


def test_a_host_that_is_down_is_given_up_after_the_patience_and_nothing_ran() -> None:
    guest = Guest(rng=random.Random(1), trouble=1.0, duration=1)
    guest.start = lambda now: NotStarted(refusal=Refusal.HOST_DOWN, message="VM is off")  # type: ignore[method-assign]  # a guest that is off
    end, now, _ = drive(guest, begin(NONCE, 600, 0, PACE))
    assert (end.outcome, end.detail) == (Outcome.UNREACHABLE, "VM is off")
    assert PACE.patience <= now <= PACE.patience + PACE.poll_ceiling + 1


def test_an_ill_api_is_given_until_the_steps_deadline() -> None:
    guest = Guest(rng=random.Random(1), trouble=1.0, duration=1)
    guest.start = lambda now: NotStarted(refusal=Refusal.API_DOWN, message="refused")  # type: ignore[method-assign]  # an API that is down
    end, now, _ = drive(guest, begin(NONCE, 100, 0, PACE))
    assert end.outcome is Outcome.UNREACHABLE
    assert now >= 100


@pytest.mark.parametrize("refusal", [Refusal.BLOCKED, Refusal.INVALID])
def test_a_command_that_the_provider_will_not_run_fails_at_once(refusal: Refusal) -> None:
    attempt = observe_start(begin(NONCE, 60, 0, PACE), NotStarted(refusal=refusal, message="blocked"), 1, PACE)
    assert decide(attempt, 1, PACE) == End(outcome=Outcome.FAILED, detail="blocked")


def test_a_refusal_after_a_lost_answer_does_not_hide_that_it_may_have_run() -> None:
    attempt = observe_start(begin(NONCE, 60, 0, PACE), StartUnknown(message="lost"), 1, PACE)
    attempt = observe_start(attempt, NotStarted(refusal=Refusal.BLOCKED, message="blocked"), 1000, PACE)
    end = decide(attempt, 1000, PACE)
    assert isinstance(end, End)
    assert (end.outcome, end.may_be_running) == (Outcome.UNKNOWN, True)


def test_an_attempt_taken_up_after_a_crash_is_never_called_unreachable() -> None:
    attempt = take_up(begin(NONCE, 60, 0, PACE))
    for now in (1.0, 31.0, 62.0, 1000.0):
        attempt = observe_start(attempt, NotStarted(refusal=Refusal.HOST_DOWN, message="off"), now, PACE)
    end = decide(attempt, 1000, PACE)
    assert isinstance(end, End)
    assert end.outcome is Outcome.UNKNOWN


def test_a_controller_that_stood_still_past_the_deadline_asks_before_it_gives_up() -> None:
    attempt = observe_start(begin(NONCE, 60, 0, PACE), Started(pid=7), 1, PACE)
    assert decide(attempt, 5000, PACE) == Poll(pid=7)
    attempt = observe_poll(attempt, PidGone(message="unknown pid"), 5000, PACE)
    assert decide(attempt, 5000.5, PACE) == Send()
    attempt = observe_start(attempt, Started(pid=8), 5000.5, PACE)
    said = f"\n{NONCE} 1 exited 0 0 0 1 2 boot 7\n"
    attempt = observe_poll(attempt, Exited(exit_code=0, stdout=said, stderr=""), 5001, PACE)
    end = decide(attempt, 5001, PACE)
    assert isinstance(end, End)
    assert (end.outcome, end.result and end.result.exit_code) == (None, 0)


def test_a_host_is_given_the_patience_from_when_it_was_first_found_down() -> None:
    attempt = begin(NONCE, 600, 0, PACE)
    limited = NotStarted(refusal=Refusal.RATE_LIMITED, message="429")
    attempt = observe_start(attempt, limited, 100, PACE)
    attempt = observe_start(attempt, NotStarted(refusal=Refusal.HOST_DOWN, message="off"), 101, PACE)
    assert not isinstance(decide(attempt, 102, PACE), End)
    assert isinstance(decide(attempt, 101 + PACE.patience, PACE), End)


def test_what_was_certainly_not_started_is_stopped_at_once() -> None:
    refused = NotStarted(refusal=Refusal.HOST_DOWN, message="off")
    attempt = observe_start(begin(NONCE, 60, 0, PACE), refused, 1, PACE)
    end = decide(stop(attempt, 2, PACE), 2, PACE)
    assert isinstance(end, End)
    assert (end.outcome, end.may_be_running) == (Outcome.FAILED, False)


def test_a_command_that_outlives_its_time_out_is_timed_out_and_may_be_running() -> None:
    end, now, _ = drive(Guest(rng=random.Random(1), trouble=0, duration=1e9), begin(NONCE, 60, 0, PACE))
    assert (end.outcome, end.may_be_running) == (Outcome.TIMED_OUT, True)
    assert "could not be killed" in end.detail
    assert now < 60 + 10 + PACE.slack + PACE.poll_ceiling + 1


def test_the_rate_limits_own_word_says_when_to_ask_again() -> None:
    reply = NotStarted(refusal=Refusal.RATE_LIMITED, message="429", retry_after=17.0)
    attempt = observe_start(begin(NONCE, 60, 0, PACE), reply, 1, PACE)
    assert decide(attempt, 1, PACE) == WaitUntil(at=18.0)


def test_polls_follow_the_age_of_the_command_between_floor_and_ceiling() -> None:
    assert [poll_gap(age, PACE) for age in (0, 0.3, 3, 600)] == [0.2, 0.2, 1.0, 2.0]
