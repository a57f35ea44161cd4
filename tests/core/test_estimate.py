"""What a plan will take, in time and in API calls."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.estimate import GUESS, Durations, estimate, quantile
from orchestrator.model.gate import Approval, Bake, UrlWatch
from orchestrator.model.ids import StepName
from orchestrator.model.plan import Plan
from tests.builders import Rule, make_plan

ONE, TWO = StepName("one"), StepName("two")
KNOWN: Durations = {ONE: [1.0, 2.0, 3.0, 4.0, 20.0], TWO: [10.0]}


def plan(hosts: int = 6, waves: tuple[int, ...] = (1, 5), max_parallel: int = 5, rate: float | None = None) -> Plan:
    made = make_plan(hosts, [Rule(name="one", rollback="true"), Rule(name="two")], waves=waves)
    return replace(
        made,
        policy=replace(made.policy, max_parallel=max_parallel),
        provider=replace(made.provider, rate=rate),
    )


def test_waves_come_one_after_the_other_and_the_hosts_of_one_side_by_side() -> None:
    found = estimate(plan(), KNOWN)
    assert (found.seconds, found.seconds_p90) == (2 * (3.0 + 10.0), 2 * (20.0 + 10.0))
    assert (found.attempts, found.guessed) == (6, ())


def test_hosts_wait_for_a_place_of_max_parallel() -> None:
    assert estimate(plan(max_parallel=2), KNOWN).seconds == (1 + 3) * 13.0


def test_a_wave_takes_no_less_time_than_its_calls_at_the_keys_rate() -> None:
    found = estimate(plan(rate=0.5), KNOWN)
    assert found.calls == 6 + 2 * 2 * 6
    assert found.seconds == 13.0 + (5 + 2 * 2 * 5) / 0.5
    assert found.peak == 0.5


def test_the_time_of_gates_is_in_it_and_that_of_people_is_not() -> None:
    made = plan()
    gates = (Bake(name="b", seconds=60.0), UrlWatch(name="u", get="http://x", for_=30.0), Approval(name="a", by=("x",)))
    first, second = made.waves
    assert estimate(replace(made, waves=(replace(first, gates=gates), second)), KNOWN).seconds == 26.0 + 90.0


def test_a_host_keeps_its_place_until_it_has_been_healthy_for_min_healthy() -> None:
    made = plan()
    slower = replace(made, policy=replace(made.policy, min_healthy=7.0))
    assert estimate(slower, KNOWN).seconds == 2 * (13.0 + 7.0)


def test_what_nothing_is_known_of_is_guessed_and_named() -> None:
    found = estimate(plan(), {TWO: [10.0]})
    assert (found.seconds, found.guessed) == (2 * (GUESS + 10.0), (ONE,))


def test_what_is_not_run_takes_no_time() -> None:
    made = plan()
    hosts = tuple(replace(host, whens=(True, False, True)) for host in made.hosts)
    assert estimate(replace(made, hosts=hosts), {}).guessed == (ONE,)
    done = tuple(replace(host, done=(0, 1)) for host in made.hosts)
    assert estimate(replace(made, hosts=done), {}).seconds == 0.0


@pytest.mark.parametrize(("part", "value"), [(0.5, 2.0), (0.9, 4.0), (0.0, 1.0), (1.0, 4.0), (0.25, 1.0), (0.26, 2.0)])
def test_a_quantile_is_the_smallest_value_that_is_no_less_than_that_part(part: float, value: float) -> None:
    assert quantile([4.0, 1.0, 3.0, 2.0], part, 9.0) == value
    assert quantile([], part, 9.0) == 9.0


@given(st.integers(1, 30), st.lists(st.floats(0.1, 100), min_size=1, max_size=9))
def test_more_places_never_take_longer(hosts: int, seconds: list[float]) -> None:
    took = [
        estimate(plan(hosts, (hosts,), places), {ONE: seconds}).seconds for places in range(1, hosts + 2)
    ]  # fmt: skip
    assert all(later <= earlier + 1e-6 for earlier, later in pairwise(took))
