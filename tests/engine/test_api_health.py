"""Whole runs on a fleet in memory whose API falls ill: nothing is started, nothing runs out, and then it goes on."""

from collections.abc import Callable, Sequence
from pathlib import Path

import anyio
import pytest

from orchestrator.clock import FakeClock
from orchestrator.engine.live_run import LiveRun
from orchestrator.engine.runs import LocalDispatcher, carry_on
from orchestrator.journal.memory import MemoryJournal
from orchestrator.model.event import (
    ApiPaused,
    ApiResumed,
    AttemptEnded,
    AttemptStarted,
    Event,
    Recorded,
    RetryPlanned,
    RunFinished,
    RunPaused,
)
from orchestrator.model.host import Host
from orchestrator.model.ids import HostName
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
from orchestrator.providers.memory import Fault, MemoryProvider
from tests.fake_fleet import FakeFleet, Ran
from tests.small_run import RUN, drive, plan_of, taken_up

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
    """It falls ill while one host waits for its next attempt, which is due long before the API is well again."""
    text = PLAYBOOK.replace("run: one,", "run: one, retries: {attempts: 2, delay: 5s},")
    planned = False

    def observe(recorded: Recorded) -> None:
        nonlocal planned
        planned = planned or isinstance(recorded.event, RetryPlanned)

    refuse = ill_for(20, Refusal.API_DOWN, after=0)

    def script(host: str, slot: str, attempt: int) -> Ran:
        return Ran(exit_code=1) if host == "4" and attempt == 1 and slot == "00-one" else Ran(duration=6)

    ended = await drive(
        plan_of(tmp_path, text),
        script,
        fault=lambda kind, host: refuse(kind, host) if planned else None,
        observers=[observe],
    )
    retry = next(e for e in ended.events if isinstance(e, RetryPlanned))
    ill = [at for at, e in enumerate(ended.events) if isinstance(e, ApiPaused)]
    well = next(at for at, e in enumerate(ended.events) if isinstance(e, ApiResumed))
    again = next(at for at, e in enumerate(ended.events) if isinstance(e, AttemptStarted) and e.attempt == 2)
    assert ended.events.index(retry) < ill[0] < well < again
    assert not of(ended.events[ill[0] : well], AttemptStarted)
    assert ended.exit == 0


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


class SlowProbes(MemoryProvider):
    """Answers a probe only when it is let, and says when one is under way."""

    asked: anyio.Event
    let: anyio.Event

    async def probe(self, host: Host) -> ProbeReply:
        self.asked.set()
        await self.let.wait()
        return await super().probe(host)


class Impatient(LocalDispatcher):
    """Leaves the hosts of the wave as a probe is under way; is then asked for them anew, and lets it be answered."""

    def __init__(self, provider: SlowProbes) -> None:
        self.provider, self.times = provider, 0

    async def dispatch(self, live: LiveRun, shards: Sequence[Sequence[HostName]]) -> None:
        self.times += 1
        if self.times > 1:
            self.provider.let.set()
            await super().dispatch(live, shards)
            return
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(super().dispatch, live, shards)
            await self.provider.asked.wait()
            tasks.cancel_scope.cancel()


async def test_a_probe_that_is_under_way_as_a_wave_is_left_is_still_answered(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, PLAYBOOK)
    async with FakeClock() as clock, MemoryJournal(clock=clock) as journal:
        fleet = FakeFleet(script=lambda *_: Ran(), clock=clock)
        vmids = [each.host.vmid for each in plan.hosts]
        async with SlowProbes(fleet.run, vmids=vmids, fault=ill_for(5, Refusal.API_DOWN, after=2)) as provider:
            provider.asked, provider.let = anyio.Event(), anyio.Event()
            live = await taken_up(plan, (), journal, clock, provider=provider)
            dispatcher = Impatient(provider)
            with anyio.fail_after(10):
                await carry_on(live, dispatcher, by="test")
            assert live.state.finished
            assert live.state.finished.exit == 0


async def test_an_illness_that_is_found_as_the_run_ends_is_no_news_of_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, PLAYBOOK)
    done = [e for e in (await drive(plan)).events if not isinstance(e, RunFinished)]
    async with FakeClock() as clock, MemoryJournal(clock=clock) as journal:
        live = await taken_up(plan, done, journal, clock)
        live.ending = True
        for host in (HostName("1"), HostName("2"), HostName("3"), HostName("1"), HostName("2")):
            await live.api.observe(host, StartUnknown(message="502"))
        assert not [e for e in await journal.events(RUN) if isinstance(e.event, ApiPaused)]


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
