"""Who has a place: in order, never too many, and kept over a crash."""

from dataclasses import replace

from orchestrator.core.places import Places
from orchestrator.core.run_state import RunState
from orchestrator.model.event import AttemptStarted, Event, HostSettled, Recorded, RunStarted, WaveOpened
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.rollout import Spread
from orchestrator.model.state import Standing
from tests.builders import Rule, make_plan

A, B, C, D = (HostName(f"h{n}") for n in range(4))


def state_after(*events: tuple[float, Event], values: str = "xxyy", spread: int = 4, parallel: int = 2) -> RunState:
    plan = make_plan([A, B, C, D], (Rule(name="one"),), max_parallel=parallel)
    hosts = tuple(replace(host, spread=value) for host, value in zip(plan.hosts, values, strict=True))
    policy = replace(plan.policy, spread=Spread(by="zone", max=spread), min_healthy=30.0)
    state = RunState(replace(plan, hosts=hosts, policy=policy))
    begun = RunStarted(playbook="p", digest="", hosts=4, by="me"), WaveOpened(wave=0, hosts=4)
    for seq, (at, event) in enumerate([*((0.0, each) for each in begun), *events], start=1):
        state.apply(Recorded(run=RunId("r"), seq=seq, at=at, event=event))
    return state


def started(host: HostName) -> Event:
    return AttemptStarted(host=host, step=StepName("one"), attempt=1, nonce="n")


def line_up(places: Places) -> list[HostName]:
    for host in (A, B, C, D):
        if not places.has_kept(host):
            places.line_up(host)
    return places.let_in()


def test_a_host_whose_value_is_full_waits_and_those_behind_it_go_on() -> None:
    places = Places(state_after(spread=1, parallel=3), now=0.0)
    assert line_up(places) == [A, C]
    places.leave(A)
    assert places.let_in() == [B]


def test_a_host_that_was_under_way_has_kept_its_place() -> None:
    places = Places(state_after((1.0, started(D))), now=5.0)
    assert places.has_kept(D)
    assert line_up(places) == [A]


def test_a_host_that_has_not_been_ok_for_long_enough_has_kept_its_place() -> None:
    ok = (1.0, HostSettled(host=D, standing=Standing.OK))
    assert line_up(Places(state_after(ok), now=30.9)) == [A]
    assert line_up(Places(state_after(ok), now=31.1)) == [A, B]


def test_where_nobody_can_leave_a_place_those_in_line_are_sent_off() -> None:
    places = Places(state_after((1.0, started(C)), (1.0, started(D))), now=5.0)
    assert line_up(places) == []
    assert places.send_off() == [A, B]
