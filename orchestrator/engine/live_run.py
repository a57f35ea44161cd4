"""A run under way in this process: its state, and the one way to change it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio

from orchestrator.core.attempt import Pace
from orchestrator.core.breaker import BreakerRules
from orchestrator.core.host_decisions import Signals
from orchestrator.core.locks import fenced, unneeded
from orchestrator.core.rollout import Course, under_way
from orchestrator.core.run_state import RunState
from orchestrator.engine.api_health import ApiHealth
from orchestrator.engine.controller import Controller
from orchestrator.engine.places import LivePlaces
from orchestrator.errors import Held
from orchestrator.model.event import Event, Recorded, RunPaused
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.plan import HostPlan, Section, Slot
from orchestrator.ports import Clock, Journal, Provider

Observer = Callable[[Recorded], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What a run needs of the outside.

    nonce: makes an unguessable word for one attempt. chance: makes a random number from 0 up to 1.
    controller: this machine, as gates use it.
    express: the same provider for what must not wait behind the rest; None where nothing has to wait.
    """

    journal: Journal
    provider: Provider
    clock: Clock
    nonce: Callable[[], str]
    chance: Callable[[], float]
    pace: Pace
    controller: Controller
    express: Provider | None = None
    breaker: BreakerRules = field(default_factory=BreakerRules)

    def provider_for(self, *, pressing: bool) -> Provider:
        """Whom to ask; pressing: it takes something back, or ends it."""
        return self.express if pressing and self.express is not None else self.provider


class LiveRun:
    """A run under way. Its state changes only by events that the journal has made durable before.

    observers: called with every event once it is durable and folded in, in the order of their seq; they must not block.
    """

    def __init__(self, id: RunId, state: RunState, outside: Outside, observers: Sequence[Observer] = ()) -> None:
        self.id = id
        self.state = state
        self.plan = state.plan
        self.outside = outside
        self.places = LivePlaces(state, outside.clock.now())
        self.answering = anyio.Lock()
        self.host_plans: dict[HostName, HostPlan] = {host.host.name: host for host in self.plan.hosts}
        self.signals_changed = anyio.Event()
        self._observers = tuple(observers)
        self._early: dict[int, tuple[Recorded, anyio.Event]] = {}
        self.asked = Course.ON
        self.ending = state.finished is not None
        self._appending = 0
        self._waits: set[anyio.CancelScope] = set()
        self.api = ApiHealth(
            outside.provider,
            outside.clock,
            outside.breaker,
            hosts={name: each.host for name, each in self.host_plans.items()},
            record=self._tell_of_api,
            at_work=lambda: under_way(state.waves),
            left=lambda: state.left,
        )

    def signals(self, host: HostName) -> Signals:
        """What the run asks of this host now."""
        return self.state.signals(self.state.wave_of(host), asked=self.asked, host=host)

    def waits_healthy(self, host: HostName) -> float | None:
        """Until when a host that is ok keeps its place all the same; None where it does not."""
        until = self.state.healthy.at(self.state.hosts[host])
        keeps = until is not None and until > self.clock.now() and self.signals(host).forward
        return until if keeps and not self.signals(host).paused else None

    def awaits_answer(self, host: HostName) -> bool:
        """Whether an answer about this host may still come while others of its wave are at work."""
        signals = self.signals(host)
        asked = self.state.hosts[host].asks is not None and signals.forward and not signals.paused
        return asked and not signals.left and self.at_work(host)

    def at_work(self, host: HostName) -> bool:
        """Whether something goes on in the host's wave that does not wait for anybody."""
        return self.state.at_work(self.state.wave_of(host))

    @property
    def clock(self) -> Clock:
        """The clock that the run goes by."""
        return self.outside.clock

    def ends_attempt(self, host: HostName, slot: Slot) -> bool:
        """Whether an attempt that is under way is to be ended in the guest.

        A plain one is not where it could be left alone: nothing ends it there, and its outcome would be lost.
        """
        if max(self.asked, self.state.course, key=Course.rank) is Course.ABORTING_NOW:
            return True
        return slot.section is Section.STEPS and not slot.plain and self.signals(host).cancel

    async def wait_until(self, at: float) -> None:
        """Wait until `at`, or until what is under way is to be ended: then it is time to look again."""
        with self._wait():
            await self.outside.clock.sleep_until(at)

    async def wait_well(self) -> None:
        """Wait until the API is well, the run is left, or what is under way is to be ended."""
        with self._wait():
            await self.api.well()

    @contextmanager
    def _wait(self) -> Iterator[None]:
        """A wait that ends where what is under way is to be ended."""
        with anyio.CancelScope() as wait:
            self._waits.add(wait)
            try:
                yield
            finally:
                self._waits.discard(wait)

    async def wait_for_change(self, at: float, changed: anyio.Event) -> None:
        """Wait until `at`, or until `changed`: the `signals_changed` of before it was decided to wait."""
        async with anyio.create_task_group() as either:

            async def sleep() -> None:
                await self.outside.clock.sleep_until(at)
                either.cancel_scope.cancel()

            either.start_soon(sleep)
            await changed.wait()
            either.cancel_scope.cancel()

    async def record(self, *events: Event) -> None:
        """Make events durable, then fold them into the state, in the order of their seq. Raises JournalError.

        The host locks that the run needs no more are given up in the same commit, and fences put up.
        """
        unlock = [key for event in events for key in unneeded(self.plan, self.host_plans, event)]
        now = self.outside.clock.now()
        fences = [each for event in events for each in fenced(self.plan, self.host_plans, self.id, event, now)]
        self._appending += 1
        try:
            appended = await self.outside.journal.append(self.id, events, unlock=unlock, fences=fences)
        finally:
            self._appending -= 1
        waits = [anyio.Event() for _ in appended]
        self._early.update({each.seq: (each, folded) for each, folded in zip(appended, waits, strict=True)})
        self._fold_ready()
        if self._early and not self._appending:
            # All of ours are here, and one is missing: somebody else's.
            raise Held(f"another process writes to the run {self.id}", next=(f"orc status {self.id}",))
        for folded in waits:
            await folded.wait()

    async def _tell_of_api(self, event: Event) -> None:
        """Record what concerns the run of the API's health; nothing may follow its end."""
        if not self.ending:
            await self.record(event)

    def _fold_ready(self) -> None:
        """Fold what is next in line; the event loop may wake those who appended in any order."""
        before = self._signature()
        while ready := self._early.pop(self.state.seq + 1, None):
            recorded, folded = ready
            self.state.apply(recorded)
            for observer in self._observers:
                observer(recorded)
            folded.set()
        if self._signature() != before:
            self._announce()
            if self.state.signals(max(self.state.opened - 1, 0)).cancel:
                self._look_again()

    def _signature(self) -> tuple[object, ...]:
        """What the signals of every host follow from, and what a host looks at that waits for an answer."""
        wave = max(self.state.opened - 1, 0)
        signals = self.state.signals(wave, asked=self.asked)
        return (self.state.opened, self.state.answers, self.state.at_work(wave), signals)

    def _look_again(self) -> None:
        """End the waits for what is under way in the guests: it may have to be ended there."""
        for wait in self._waits:
            wait.cancel()

    def _announce(self) -> None:
        self.signals_changed.set()
        self.signals_changed = anyio.Event()

    async def steer(self, course: Course, *, by: str, cause: str) -> None:
        """Take a course that goes further than the present one: at once here, and in the journal.

        A run whose end is being recorded takes none: nothing may follow that.
        """
        if self.ending or course.rank() <= max(self.asked, self.state.course, key=Course.rank).rank():
            return
        self.asked = course
        self._announce()
        if course is Course.ABORTING_NOW:
            self._look_again()
        await self.record(RunPaused(by=by, cause=cause, aborting=course.aborts, now=course is Course.ABORTING_NOW))
