"""When the API counts as ill, and when it is asked again."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.breaker import (
    LATE,
    TRANSITIONS,
    Breaker,
    BreakerRules,
    Phase,
    Reply,
    Sign,
    complaint_of,
    lost,
    next_wake,
    observe,
    observe_probe,
    probe_candidate,
    probe_due,
)
from orchestrator.errors import IllegalTransition
from orchestrator.model.ids import HostName
from orchestrator.ports import (
    Exited,
    NotReachable,
    NotStarted,
    PidGone,
    PollUnanswered,
    Reachable,
    Refusal,
    Started,
    StartUnknown,
    StillRunning,
)

RULES = BreakerRules()
DOWN = NotStarted(refusal=Refusal.API_DOWN, message="connection refused")
REFUSED = PollUnanswered(refusal=Refusal.UNAUTHORISED, message="401")
LIMITED = NotStarted(refusal=Refusal.RATE_LIMITED, message="429", retry_after=7.0)
HOSTS = tuple(HostName(f"h{number}") for number in range(10))
DUE = (Sign.DUE, Sign.TOO_LONG)
NOT_REACHED = NotReachable(refusal=Refusal.API_DOWN, message="502")


def after(
    replies: Sequence[tuple[int, Reply]], *, at_work: int = 10, gap: float = 0.1, breaker: Breaker | None = None
) -> Breaker:
    """The breaker after these answers (host's number, answer), a `gap` apart from second 100 on."""
    breaker = breaker or Breaker()
    for number, (host, reply) in enumerate(replies):
        breaker = observe(breaker, HOSTS[host], reply, 100 + number * gap, RULES, at_work=at_work)
    return breaker


def ill(reply: Reply = DOWN, **more: object) -> Breaker:
    return after([(number % 4, reply) for number in range(5)], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "reply", [DOWN, REFUSED, StartUnknown(message="502"), PollUnanswered(message="reset"), NOT_REACHED]
)
def test_what_does_not_speak_of_the_host_is_a_complaint(reply: Reply) -> None:
    assert complaint_of(HOSTS[0], reply)


@pytest.mark.parametrize(
    "reply",
    [
        Started(pid=1),
        StillRunning(),
        Exited(exit_code=1, stdout="", stderr=""),
        PidGone(message="collected"),
        Reachable(),
        *(NotStarted(refusal=r, message="") for r in (Refusal.BLOCKED, Refusal.INVALID, Refusal.NO_SUCH_HOST)),
        NotReachable(refusal=Refusal.HOST_DOWN, message="agent down"),
    ],
)
def test_an_ill_host_is_not_an_ill_api(reply: Reply) -> None:
    assert complaint_of(HOSTS[0], reply) is None
    assert after([(number % 4, reply) for number in range(50)]).phase is Phase.WELL


def test_enough_complaints_in_a_row_over_several_hosts_open_it() -> None:
    assert ill().phase is Phase.ILL
    assert (ill().since, ill().row) == (100, 5)
    assert after([(number % 4, DOWN) for number in range(4)]).phase is Phase.WELL


def test_one_good_answer_ends_a_row() -> None:
    assert after([(n % 4, DOWN) for n in range(4)] + [(5, StillRunning())] + [(n % 4, DOWN) for n in range(4)]).row == 4


def test_one_host_that_complains_among_many_at_work_does_not_open_it() -> None:
    assert after([(0, StartUnknown(message="502"))] * 50).phase is Phase.WELL


def test_where_fewer_hosts_are_at_work_they_are_enough() -> None:
    assert after([(0, DOWN)] * 5, at_work=1).phase is Phase.ILL


def test_a_short_spell_of_429s_is_what_a_burst_gets_and_a_long_one_opens_it() -> None:
    many: list[tuple[int, Reply]] = [(number % 4, LIMITED) for number in range(40)]
    assert after(many).phase is Phase.WELL
    assert after(many, gap=0.2).phase is Phase.ILL


def test_the_api_says_itself_when_it_may_be_asked_again() -> None:
    opened = after([(number % 4, LIMITED) for number in range(40)], gap=0.2)
    assert opened.next_at - opened.opened == 7


def test_the_pauses_between_probes_grow_and_then_it_is_given_up_to_a_person() -> None:
    breaker, pauses = ill(), []
    while breaker.phase is Phase.ILL:
        wake = next_wake(breaker, RULES)
        breaker = probe_due(breaker, wake, RULES)
        if breaker.phase is Phase.PROBING:
            breaker = observe_probe(breaker, HOSTS[0], NOT_REACHED, wake, RULES)
            pauses.append(round(breaker.next_at - wake, 3))
    assert pauses[:8] == [2, 4, 8, 16, 32, 60, 60, 60]
    assert (breaker.phase, wake) == (Phase.GIVEN_UP, 100 + 1800)


def test_after_a_good_probe_the_next_answer_decides() -> None:
    tried = observe_probe(probe_due(ill(), 101.4, RULES), HOSTS[9], Reachable(), 101.5, RULES)
    assert (tried.phase, tried.open) == (Phase.TRYING, False)
    well = observe(tried, HOSTS[0], StillRunning(), 102, RULES, at_work=10)
    assert (well.phase, well.row) == (Phase.WELL, 0)
    again = observe(tried, HOSTS[0], DOWN, 102, RULES, at_work=10)
    assert (again.phase, again.since, again.next_at) == (Phase.ILL, 100, 104)


def test_what_a_good_probe_clears_a_single_host_of_no_longer_counts_until_that_host_answers() -> None:
    opened = after([(0, DOWN)] * 5, at_work=1)
    cleared = observe_probe(probe_due(opened, 101.4, RULES), HOSTS[1], Reachable(), 101.5, RULES)
    assert (cleared.phase, cleared.cleared) == (Phase.WELL, frozenset({HOSTS[0]}))
    assert after([(0, DOWN)] * 50, at_work=1, breaker=cleared).phase is Phase.WELL
    answered = after([(0, StillRunning()), *[(0, DOWN)] * 5], at_work=1, breaker=cleared)
    assert answered.phase is Phase.ILL


def test_a_key_that_was_refused_is_no_hosts_own_fault() -> None:
    opened = after([(0, REFUSED)] * 5, at_work=1)
    assert observe_probe(probe_due(opened, 102, RULES), HOSTS[1], Reachable(), 102, RULES).phase is Phase.TRYING


def test_the_time_of_an_illness_is_lost_from_its_first_sign_to_the_good_probe_and_no_longer() -> None:
    opened = ill()
    assert lost(opened, 130) == 30
    tried = observe_probe(probe_due(opened, 140, RULES), HOSTS[9], Reachable(), 141, RULES)
    assert lost(tried, 500) == 41
    again = observe(tried, HOSTS[0], DOWN, 150, RULES, at_work=10)
    assert lost(again, 160) == 60


def test_late_answers_to_calls_from_before_change_nothing_while_it_is_open() -> None:
    opened = ill()
    assert observe(opened, HOSTS[5], StillRunning(), 101, RULES, at_work=10).phase is Phase.ILL
    probing = probe_due(opened, 102, RULES)
    assert observe(probing, HOSTS[5], DOWN, 102, RULES, at_work=10).phase is Phase.PROBING


def test_probes_ask_about_hosts_that_complained_and_others_by_turns() -> None:
    breaker, asked = ill(), []
    for _ in range(4):
        breaker = probe_due(breaker, breaker.next_at, RULES)
        asked.append(probe_candidate(breaker, HOSTS) in {HOSTS[number] for number in range(4)})
        breaker = observe_probe(breaker, HOSTS[0], NOT_REACHED, breaker.next_at, RULES)
    assert asked == [False, True, False, True]


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("sign", [sign for sign in Sign if sign not in LATE])
def test_a_sign_that_cannot_come_is_refused(phase: Phase, sign: Sign) -> None:
    if (phase, sign) in TRANSITIONS:
        return
    breaker = Breaker(phase=phase, since=0 if sign is Sign.TOO_LONG else 1e9)
    reply = Reachable() if sign is Sign.PROBE_ANSWERED else NOT_REACHED
    with pytest.raises(IllegalTransition):
        probe_due(breaker, 1e8, RULES) if sign in DUE else observe_probe(breaker, HOSTS[0], reply, 1, RULES)


@settings(derandomize=True, max_examples=300)
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from([DOWN, REFUSED, LIMITED, StillRunning(), Started(pid=1)])),
        max_size=60,
    ),
    st.lists(st.booleans(), max_size=60),
)
def test_it_never_opens_without_enough_complaints_in_a_row_and_lost_time_never_runs_backwards(
    replies: list[tuple[int, Reply]], probes: list[bool]
) -> None:
    breaker, now, row, before = Breaker(), 100.0, 0, 0.0
    answers = iter(probes)
    for host, reply in replies:
        now += 0.5
        was = breaker.phase
        breaker = observe(breaker, HOSTS[host], reply, now, RULES, at_work=4)
        row = row + 1 if complaint_of(HOSTS[host], reply) else 0
        if was is Phase.WELL and breaker.phase is Phase.ILL:
            assert row >= RULES.complaints
        if breaker.phase is Phase.ILL:
            now = max(now, next_wake(breaker, RULES))
            breaker = probe_due(breaker, now, RULES)
        if breaker.phase is Phase.PROBING:
            breaker = observe_probe(
                breaker, HOSTS[host], Reachable() if next(answers, True) else NOT_REACHED, now, RULES
            )
        assert lost(breaker, now) >= before
        before = lost(breaker, now)
