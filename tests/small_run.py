"""A run in miniature: a playbook as text, a fleet in memory, the real engine, a clock that jumps."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from orchestrator.clock import FakeClock
from orchestrator.core.attempt import Pace
from orchestrator.core.expand import expand, inventory_of_vmids
from orchestrator.core.run_state import RunState, fold
from orchestrator.engine.live_run import LiveRun, Observer, Outside
from orchestrator.engine.requests import take_answers
from orchestrator.engine.runs import LocalDispatcher, carry_on
from orchestrator.journal.memory import MemoryJournal
from orchestrator.load import load_playbook
from orchestrator.model.event import Event
from orchestrator.model.host import ProviderSpec
from orchestrator.model.ids import HostName, RunId, Vmid
from orchestrator.model.plan import Plan
from orchestrator.model.state import RunStatus
from orchestrator.ports import Act, Request, RunRecord
from orchestrator.providers.memory import Fault, MemoryProvider
from tests.fake_fleet import FakeFleet, Ran, Script

RUN = RunId("r1")
SPEC = ProviderSpec(kind="simulator", url="http://127.0.0.1:1", api_key="env:KEY")


def ok(host: str, slot: str, attempt: int) -> Ran:
    """Every command succeeds at once."""
    return Ran()


def plan_of(folder: Path, text: str) -> Plan:
    """The plan of a playbook of bare vmids."""
    path = folder / "playbook.yml"
    path.write_text(text)
    playbook = load_playbook(path)
    inventory = inventory_of_vmids(playbook, SPEC)
    return expand(playbook, inventory, inventory.hosts, {})


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


async def drive(
    plan: Plan,
    script: Script = ok,
    *,
    fault: Fault | None = None,
    loss: Fault | None = None,
    observers: Sequence[Observer] = (),
    answers: Sequence[tuple[str, Act]] = (),
) -> Ended:
    """Run a plan to its end, and check that the journal folds to the state that the run ended in.

    answers: how hosts go on that wait for a person, given one by one, each when only that takes the run further.
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
            )
            live = LiveRun(RUN, RunState(plan), outside, observers)
            await carry_on(live, LocalDispatcher(), by="test")
            for host, act in answers:
                assert live.state.status() is RunStatus.WAITING, "an answer to a run that waits for none"
                await journal.ask(Request(run=RUN, act=act, by="ana", at=clock.now(), host=HostName(host)))
                await take_answers(live)
                await carry_on(live, LocalDispatcher(), by="test")
            recorded = await journal.events(RUN)
    assert dict(fold(plan, recorded).hosts) == dict(live.state.hosts)
    return Ended(state=live.state, fleet=fleet, provider=provider, events=[r.event for r in recorded])
