"""A run in miniature: a playbook as text, a fleet in memory, the real engine, a clock that jumps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from orchestrator.clock import FakeClock
from orchestrator.core.attempt import Pace
from orchestrator.core.expand import expand, inventory_of_vmids
from orchestrator.core.run_state import RunState, fold
from orchestrator.engine.controller import Controller
from orchestrator.engine.live_run import LiveRun, Observer, Outside
from orchestrator.engine.requests import take_answers
from orchestrator.engine.runs import LocalDispatcher, carry_on
from orchestrator.journal.memory import MemoryJournal
from orchestrator.load import load_playbook
from orchestrator.model.event import Event, RunResumed
from orchestrator.model.gate import CommandRan, CommandReply, ControllerCommand, Fetched, UrlReply, UrlWatch
from orchestrator.model.host import Host, ProviderSpec
from orchestrator.model.ids import HostName, RunId, Vmid
from orchestrator.model.plan import Plan
from orchestrator.model.request import Act, Request
from orchestrator.model.state import RunStatus
from orchestrator.ports import Exited, RunRecord
from orchestrator.providers.memory import Fault, MemoryProvider
from tests.fake_fleet import FakeFleet, Ran, Script

RUN = RunId("r1")
SPEC = ProviderSpec(kind="simulator", url="http://127.0.0.1:1", api_key="env:KEY")


@dataclass
class FakeController:
    """What this machine answers to gates: to commands, and to one request after the other, the last one for good."""

    command: CommandReply = field(default_factory=lambda: CommandRan(exit_code=0))
    answers: Sequence[UrlReply] = field(default_factory=lambda: [Fetched(status=200)])
    asked: int = 0

    async def run(self, gate: ControllerCommand) -> CommandReply:
        return self.command

    async def fetch(self, gate: UrlWatch) -> UrlReply:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


def ok(host: str, slot: str, attempt: int) -> Ran:
    """Every command succeeds at once."""
    return Ran()


def plan_of(folder: Path, text: str) -> Plan:
    """The plan of a playbook of bare vmids."""
    path = folder / "playbook.yml"
    path.write_text(text)
    playbook = load_playbook(path)
    inventory = inventory_of_vmids(playbook, SPEC)
    return expand(playbook, inventory, inventory.hosts, {}, key=b"key")


@dataclass
class Ended:
    """What a run came to: its state, the fleet it ran on, and the events in the journal."""

    state: RunState
    fleet: FakeFleet
    provider: MemoryProvider
    events: list[Event]

    @property
    def lists(self) -> dict[str, tuple[str, ...]]:
        assert self.state.finished
        return {name: tuple(hosts) for name, hosts in self.state.finished.lists.items() if hosts}

    @property
    def exit(self) -> int:
        assert self.state.finished
        return self.state.finished.exit

    def slots_of(self, host: str) -> list[str]:
        """The slots that ran on a host, in order."""
        return [slot for name, slot, _ in self.fleet.order if name == host]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a person says to the gate that waits. after, then: seconds before, and until the run is gone on with."""

    act: Act
    by: str = "ana@laptop"
    after: float = 0.0
    then: float = 0.0
    gate: str | None = None

    def request(self, now: float) -> Request:
        return Request(run=RUN, act=self.act, by=self.by, at=now + self.after, gate=self.gate, why="looked at it")


async def taken_up(
    plan: Plan,
    events: Sequence[Event],
    journal: MemoryJournal,
    clock: FakeClock,
    *,
    provider: MemoryProvider | None = None,
) -> LiveRun:
    """A run with these events, taken up anew. provider: None where nothing is to be sent."""

    async def nothing(host: Host, program: str) -> Exited:
        raise AssertionError("nothing is sent here")

    await journal.create(RunRecord(id=RUN, plan=plan, created_at=clock.now(), by="test"))
    nonces = (f"{n:016x}" for n in count(1))
    outside = Outside(
        journal=journal,
        provider=provider or MemoryProvider(nothing, vmids=[]),
        clock=clock,
        nonce=lambda: next(nonces),
        chance=lambda: 0.5,
        pace=Pace(),
        controller=FakeController(),
    )
    return LiveRun(RUN, fold(plan, await journal.append(RUN, events)), outside)


def _about(answer: tuple[str, Act], clock: FakeClock) -> Request:
    host, act = answer
    return Request(run=RUN, act=act, by="ana", at=clock.now(), host=HostName(host))


async def drive(
    plan: Plan,
    script: Script = ok,
    *,
    fault: Fault | None = None,
    loss: Fault | None = None,
    observers: Sequence[Observer] = (),
    answers: Sequence[tuple[str, Act] | Said] = (),
    controller: Controller | None = None,
    by: str = "test",
    before: Sequence[Event] = (),
) -> Ended:
    """Run a plan to its end, and check that the journal folds to the state that the run ended in.

    answers: how hosts go on that wait for a person, and what people say to gates; given one by one, each when only that
    takes the run further. by: who starts it. before: what a process that died had done, of which this one goes on.
    """
    async with FakeClock() as clock:
        fleet = FakeFleet(script=script, clock=clock)
        vmids = [Vmid(str(h.host.vmid)) for h in plan.hosts]
        async with (
            MemoryJournal(clock=clock) as journal,
            MemoryProvider(fleet.run, vmids=vmids, fault=fault, loss=loss) as provider,
        ):
            await journal.create(RunRecord(id=RUN, plan=plan, created_at=clock.now(), by="test"))
            nonces = (f"{n:016x}" for n in count(1))
            outside = Outside(
                journal=journal,
                provider=provider,
                clock=clock,
                nonce=lambda: next(nonces),
                chance=lambda: 0.5,
                pace=Pace(),
                controller=controller or FakeController(),
            )
            live = LiveRun(RUN, fold(plan, await journal.append(RUN, before)), outside, observers)
            if before:
                await live.record(RunResumed(by=by))
            await carry_on(live, LocalDispatcher(), by=by)
            for answer in answers:
                assert live.state.status() is RunStatus.WAITING, "an answer to a run that waits for none"
                asked = answer.request(clock.now()) if isinstance(answer, Said) else _about(answer, clock)
                asked = await journal.ask(asked)
                if isinstance(answer, Said):
                    await clock.sleep_until(clock.now() + answer.then)
                live = LiveRun(RUN, fold(plan, await journal.events(RUN)), outside, observers)
                await live.record(RunResumed(by="test"))
                await take_answers(live, until=asked.id)
                await carry_on(live, LocalDispatcher(), by="test")
            recorded = await journal.events(RUN)
    replayed = fold(plan, recorded)
    assert dict(replayed.hosts) == dict(live.state.hosts)
    assert (replayed.between, replayed.spread) == (live.state.between, live.state.spread)
    return Ended(state=live.state, fleet=fleet, provider=provider, events=[r.event for r in recorded])
