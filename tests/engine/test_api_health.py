"""Whole runs on a fleet in memory whose API falls ill: nothing is started, nothing runs out, and then it goes on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.model.event import ApiPaused, ApiResumed, AttemptEnded, AttemptStarted, Event, RunPaused
from orchestrator.model.host import Host
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import RunStatus
from orchestrator.ports import (
    NotReachable,
    NotStarted,
    PollReply,
    PollUnanswered,
    ProbeReply,
    Refusal,
    StartReply,
    StartUnknown,
)
from orchestrator.providers.memory import Fault
from tests.fake_fleet import Ran
from tests.small_run import drive, plan_of

pytestmark = pytest.mark.anyio

PLAYBOOK = """
vmids: [1, 2, 3, 4, 5, 6]
rollout: {waves: [1, 100%]}
steps:
  - {name: one, run: one, timeout: 10s}
  - {name: two, run: two, timeout: 10s}
"""


def ill_for(calls: int, refusal: Refusal, *, after: int = 12) -> Fault:
    """An API that answers `after` calls, then refuses so many, then is well."""
    seen = 0

    def fault(kind: str, host: Host) -> StartReply | PollReply | ProbeReply | None:
        nonlocal seen
        seen += 1
        if not after < seen <= after + calls:
            return None
        if kind == "start":
            return NotStarted(refusal=refusal, message="refused")
        make = PollUnanswered if kind == "poll" else NotReachable
        return make(refusal=refusal, message="refused")

    return fault


def of(events: list[Event], *kinds: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kinds)]


@pytest.mark.parametrize(
    ("refusal", "calls"), [(Refusal.API_DOWN, 15), (Refusal.UNAUTHORISED, 15), (Refusal.RATE_LIMITED, 40)]
)
async def test_an_api_that_falls_ill_for_minutes_costs_no_host_anything(
    tmp_path: Path, refusal: Refusal, calls: int
) -> None:
    ended = await drive(plan_of(tmp_path, PLAYBOOK), fault=ill_for(calls, refusal))
    assert (ended.exit, len(ended.lists["ok"])) == (0, 6)
    assert set(ended.fleet.ran.values()) == {1}
    told = of(ended.events, ApiPaused, ApiResumed)
    assert isinstance(told[0], ApiPaused)
    assert isinstance(told[-1], ApiResumed)
    assert {e.answer for e in told if isinstance(e, ApiPaused)} == {refusal.value}


async def test_nothing_is_started_while_the_api_is_ill(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, PLAYBOOK), fault=ill_for(15, Refusal.API_DOWN))
    is_ill = False
    for event in ended.events:
        is_ill = isinstance(event, ApiPaused) or (is_ill and not isinstance(event, ApiResumed))
        assert not (is_ill and isinstance(event, AttemptStarted))


async def test_one_probe_at_a_time_is_all_that_is_sent_to_an_ill_api(tmp_path: Path) -> None:
    sent: list[str] = []
    ill = False

    def observe(recorded: object) -> None:
        nonlocal ill
        event = getattr(recorded, "event", None)
        ill = isinstance(event, ApiPaused) or (ill and not isinstance(event, ApiResumed))

    def watched(fault: Fault) -> Fault:
        def also(kind: str, host: Host) -> StartReply | PollReply | ProbeReply | None:
            if ill:
                sent.append(kind)
            return fault(kind, host)  # type: ignore[arg-type]

        return also

    ended = await drive(plan_of(tmp_path, PLAYBOOK), fault=watched(ill_for(15, Refusal.API_DOWN)), observers=[observe])
    probes = of(ended.events, ApiPaused)
    late = [kind for kind in sent if kind != "probe"]
    assert len(late) <= 5, "more than was under way when it was found to be ill"
    assert len(sent) - len(late) == len(probes)


async def test_a_host_that_is_ill_itself_stops_nobody_and_ends_as_it_would(tmp_path: Path) -> None:
    def fault(kind: str, host: Host) -> StartReply | PollReply | ProbeReply | None:
        return StartUnknown(message="502") if kind == "start" and host.vmid == "2" else None

    text = PLAYBOOK.replace("waves:", "max_failures: 1, waves:")
    ended = await drive(plan_of(tmp_path, text), lambda *_: Ran(duration=1), fault=fault)
    assert ended.lists == {"ok": ("1", "3", "4", "5", "6"), "unknown": ("2",)}


async def test_an_illness_that_takes_too_long_leaves_the_run_to_a_person_and_every_host_as_it_is(
    tmp_path: Path,
) -> None:
    ended = await drive(plan_of(tmp_path, PLAYBOOK), fault=ill_for(10_000, Refusal.API_DOWN))
    assert ended.state.status() is RunStatus.WAITING
    assert ended.state.left
    last = of(ended.events, ApiPaused)[-1]
    assert isinstance(last, ApiPaused)
    assert last.next_try is None
    assert [e.waiting for e in ended.events if isinstance(e, RunPaused)] == [True]
    bad = [e for e in ended.events if isinstance(e, AttemptEnded) and e.outcome is not Outcome.OK]
    assert not bad, "an attempt ended for the API's sake"
    assert len(ended.provider.calls) < 100


async def test_the_commands_own_time_out_in_the_guest_is_no_concern_of_the_apis_illness(tmp_path: Path) -> None:
    """A command that ran into its time-out while nobody could ask is timed out, as the guest says."""

    def script(host: str, slot: str, attempt: int) -> Ran:
        return Ran(duration=10, ending="late", exit_code=143) if slot == "01-two" and host == "1" else Ran()

    text = PLAYBOOK.replace("waves:", "max_failures: 1, waves:")
    fault: Callable[..., object] = ill_for(12, Refusal.API_DOWN, after=5)
    ended = await drive(plan_of(tmp_path, text), script, fault=fault)  # type: ignore[arg-type]
    assert [e.outcome for e in ended.events if isinstance(e, AttemptEnded) and e.outcome is not Outcome.OK] == [
        Outcome.TIMED_OUT
    ]
