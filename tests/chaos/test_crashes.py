"""A crash of orc at every single call that it makes of the outside, before and after its effect; then it goes on.

In memory: the fleet lives on through the crash, as real ones do, and counts what it was made to run.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Self, TypeVar

import pytest

from orchestrator.clock import FakeClock
from orchestrator.core.attempt import Pace
from orchestrator.core.run_state import RunState, fold
from orchestrator.engine.live_run import LiveRun, Outside
from orchestrator.engine.runs import LocalDispatcher, carry_on
from orchestrator.journal.memory import MemoryJournal
from orchestrator.journal.sql import SqlJournal
from orchestrator.model.event import AttemptStarted, Event, Recorded, RunResumed, UndoStarted
from orchestrator.model.host import Host
from orchestrator.model.ids import RunId, Vmid
from orchestrator.model.plan import Plan
from orchestrator.ports import Clock, Journal, PollReply, ProbeReply, Provider, RunRecord, StartReply
from orchestrator.providers.memory import MemoryProvider
from tests.fake_fleet import FakeFleet, Ran
from tests.small_run import RUN, FakeController, plan_of

pytestmark = pytest.mark.anyio

T = TypeVar("T")
PLAYBOOK = """
name: t
vmids: [1, 2, 3]
rollout: {waves: [1, 2], max_failures: 1}
steps:
  - {name: one, run: one, register: seen, rollback: undo one}
  - {name: two, run: "two {{ seen.stdout }}", rollback: undo two, retries: {attempts: 2, delay: 1s}}
  - {name: three, run: three}
after_rollback: [{name: again, run: again}]
finally: [{name: last, run: last}]
"""
END = {"ok": ("1", "3"), "rolled_back": ("2",)}
RAN = Counter(
    [(host, slot, 1) for host in "13" for slot in ("00-one", "01-two", "02-three", "06-last")]
    + [("2", slot, 1) for slot in ("00-one", "01-two", "02-three", "04-two-undo", "03-one-undo", "05-again", "06-last")]
    + [("1", "01-two", 2)]
)
"""What the playbook comes to on this fleet, by attempt, whatever happens to the process that drives it."""


def script(host: str, slot: str, attempt: int) -> Ran:
    """The third step fails on host 2; the second is tried twice on host 1."""
    fails = (host, slot) == ("2", "02-three") or (host, slot, attempt) == ("1", "01-two", 1)
    return Ran(exit_code=int(fails), stdout=f"{host} {slot}\n", duration=0.1)


class Crash(Exception):
    """The process that drives the run is gone."""


@dataclass(kw_only=True)
class Fuse:
    """Ends the process at its call number `at`, after the call's effect or before it; once it has, every other call
    ends it too, since nothing is done by a process that is dead."""

    at: int
    after: bool
    calls: int = 0
    blown: bool = False
    where: str = ""

    async def around(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        if self.blown:
            raise Crash
        self.calls += 1
        here = self.calls == self.at
        if here and not self.after:
            self._blow(name)
        result = await call()
        if here or self.blown:
            self._blow(name)
        return result

    def _blow(self, name: str) -> None:
        self.blown, self.where = True, self.where or name
        raise Crash(name)


class FusedJournal:
    """The journal of a process with a fuse."""

    def __init__(self, journal: Journal, fuse: Fuse) -> None:
        self._journal, self._fuse = journal, fuse

    async def append(self, run: RunId, events: Sequence[Event], **rest: Any) -> tuple[Recorded, ...]:
        names = "+".join(event.type for event in events)
        return await self._fuse.around(f"append {names}", lambda: self._journal.append(run, events, **rest))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


class FusedProvider:
    """The provider of a process with a fuse."""

    def __init__(self, provider: Provider, fuse: Fuse) -> None:
        self._provider, self._fuse = provider, fuse
        self.capabilities = provider.capabilities

    async def start(self, host: Host, command: str) -> StartReply:
        return await self._fuse.around(f"start {host.vmid}", lambda: self._provider.start(host, command))

    async def poll(self, host: Host, pid: int) -> PollReply:
        return await self._fuse.around(f"poll {host.vmid}", lambda: self._provider.poll(host, pid))

    async def probe(self, host: Host) -> ProbeReply:
        return await self._fuse.around(f"probe {host.vmid}", lambda: self._provider.probe(host))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        return None


class FusedClock:
    """The clock of a process with a fuse."""

    def __init__(self, clock: Clock, fuse: Fuse) -> None:
        self._clock, self._fuse = clock, fuse
        self.now = clock.now

    async def sleep_until(self, at: float) -> None:
        await self._fuse.around("sleep", lambda: self._clock.sleep_until(at))


@dataclass(kw_only=True)
class World:
    """What outlives a crash: the clock, the fleet, the provider's side of it, the journal's store."""

    plan: Plan
    clock: FakeClock
    fleet: FakeFleet
    provider: MemoryProvider
    store: Callable[[], AbstractAsyncContextManager[Any]]
    nonces: Any = field(default_factory=lambda: (f"{n:016x}" for n in count(1)))

    async def live(self, fuse: Fuse) -> bool:
        """One process's life, from the journal to the run's end or to the fuse's; whether the run has ended."""
        async with self.store() as journal:
            state = fold(self.plan, await journal.events(RUN))
            if state.finished:  # the process was gone before it could say so
                return True
            outside = Outside(
                journal=FusedJournal(journal, fuse),
                provider=FusedProvider(self.provider, fuse),
                clock=FusedClock(self.clock, fuse),
                nonce=lambda: next(self.nonces),
                chance=lambda: 0.5,
                pace=Pace(),
                controller=FakeController(),
            )
            run = LiveRun(RUN, state, outside)
            lived = False
            try:
                if state.seq:
                    await run.record(RunResumed(by="test"))
                await carry_on(run, LocalDispatcher(), by="test")
                lived = True
            except* Crash:
                pass
        return lived

    async def events(self) -> tuple[Recorded, ...]:
        async with self.store() as journal:
            events: tuple[Recorded, ...] = await journal.events(RUN)
            return events


async def go_through(plan: Plan, fuses: Callable[[int], Fuse], store: str, folder: Path) -> tuple[World, list[Fuse]]:
    """Drive the run, process after process, each with its fuse, until one lives to the run's end."""
    burnt: list[Fuse] = []
    async with FakeClock() as clock:
        fleet = FakeFleet(script=script, clock=clock)
        memory = MemoryJournal(clock=clock)
        async with MemoryProvider(fleet.run, vmids=[Vmid(v) for v in "123"]) as provider:

            def open_store() -> AbstractAsyncContextManager[Any]:
                return memory if store == "memory" else SqlJournal(f"sqlite:///{folder}/journal.db", clock=clock)

            world = World(plan=plan, clock=clock, fleet=fleet, provider=provider, store=open_store)
            async with open_store() as journal:
                await journal.create(RunRecord(id=RUN, plan=plan, created_at=clock.now(), by="test"))
            for life in count():
                assert life < 500, f"the run does not end: {burnt[-5:]}"
                burnt.append(fuses(life))
                if await world.live(burnt[-1]):
                    break
            await check(world, burnt)
    return world, burnt


async def check(world: World, burnt: list[Fuse]) -> None:
    """Each attempt ran once if it was to run, nothing else ran, and the end is the end of a run without a crash."""
    where = [(fuse.where, "after" if fuse.after else "before") for fuse in burnt]
    events = await world.events()
    state: RunState = fold(world.plan, events)
    assert world.fleet.ran == RAN, where
    assert state.finished, where
    assert (state.finished.exit, {name: tuple(h) for name, h in state.finished.lists.items() if h}) == (4, END), where
    intents = [e.event for e in events if isinstance(e.event, AttemptStarted | UndoStarted)]
    assert len(intents) == sum(RAN.values()), where
    assert world.fleet.most_at_once <= 2, where
    command = world.fleet.commands["2", "01-two", 1]
    assert command == "two '2 00-one'", where


def _once(fuse: Fuse, life: int) -> Fuse:
    """This fuse for the first process, and none for those after it."""
    return fuse if life == 0 else Fuse(at=0, after=False)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_crash_at_any_call_loses_nothing_and_runs_nothing_twice(tmp_path: Path, *, after: bool) -> None:
    plan = plan_of(tmp_path, PLAYBOOK)
    for at in count(1):
        first = Fuse(at=at, after=after)
        _, burnt = await go_through(plan, partial(_once, first), "memory", tmp_path)
        if not burnt[0].blown:
            break
    assert at > 80  # or hardly anything was crashed into


@pytest.mark.parametrize("seed", range(30))
async def test_crash_upon_crash_loses_nothing_and_runs_nothing_twice(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    plan = plan_of(tmp_path, PLAYBOOK)
    # The first call of a process that takes a run up records that; with one call a life, nothing would go forward.
    _, burnt = await go_through(
        plan, lambda _: Fuse(at=random.randint(2, 25), after=random.random() < 0.5), "memory", tmp_path
    )
    assert len(burnt) > 3


@pytest.mark.parametrize("seed", range(3))
async def test_crash_upon_crash_loses_nothing_where_the_journal_is_a_file(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    plan = plan_of(tmp_path, PLAYBOOK)
    _, burnt = await go_through(
        plan, lambda _: Fuse(at=random.randint(2, 40), after=random.random() < 0.5), "file", tmp_path
    )
    assert len(burnt) > 3
