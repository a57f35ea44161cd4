"""The state of a run: its events, folded. Folding a journal and following a live run give the same."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from orchestrator.core import rollout
from orchestrator.core.evolve import HostEvent, evolve, fresh
from orchestrator.core.host import owes_undo
from orchestrator.core.host_decisions import Signals
from orchestrator.core.layout import Layout, lay_out
from orchestrator.core.rollout import Counts, Course
from orchestrator.errors import IllegalTransition
from orchestrator.model.event import (
    ApiPaused,
    ApiResumed,
    GateAnswered,
    Recorded,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    WaveOpened,
)
from orchestrator.model.ids import HostName
from orchestrator.model.plan import Plan
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import HostState, RunStatus, Standing


class RunState:
    """What folding a run's events gives.

    The one mutable thing in this layer: an event changes one host and one wave's counters in place, so that its cost
    does not depend on the size of the fleet. It changes by `apply` alone.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.layout: Layout = lay_out(plan)
        self._wave_of: dict[HostName, int] = {h.host.name: h.wave for h in plan.hosts}
        start = fresh(self.layout)
        self._hosts: dict[HostName, HostState] = {
            each.host.name: replace(start, registered=each.registered) if each.registered else start
            for each in plan.hosts
        }
        self.waves: list[Counts] = [Counts() for _ in plan.waves]
        for wave in self._wave_of.values():
            self.waves[wave].standing[Standing.NEVER_STARTED] += 1
        self.opened = 0
        self.taken_up = 0
        self.started_at: float | None = None
        self.paused: RunPaused | None = None
        self.ill: ApiPaused | None = None
        self.finished: RunFinished | None = None
        self.answers = 0
        self.seq = 0

    @property
    def hosts(self) -> Mapping[HostName, HostState]:
        """The state of every host of the plan, in the plan's order."""
        return self._hosts

    def apply(self, recorded: Recorded) -> None:
        """Fold one more event in. Raises IllegalTransition for one that cannot follow."""
        event = recorded.event
        if self.finished:
            raise IllegalTransition(f"{event.type} after the run had finished")
        self.seq = recorded.seq
        match event:
            case RunStarted():
                self.started_at = recorded.at
                self.taken_up += 1
            case WaveOpened():
                if event.wave != self.opened:
                    raise IllegalTransition(f"wave {event.wave} opened after {self.opened} waves")
                self.opened += 1
            case RunPaused():
                # An abort stays one: a later pause does not take it back.
                if not event.waiting and (not self.course.aborts or event.now):
                    self.paused = event
            case ApiPaused():
                self.ill = event
            case ApiResumed():
                self.ill = None
            case RunResumed():
                self.ill = None  # the process that takes it up finds out for itself
                if not self.course.aborts:
                    self.paused = None
                self.taken_up += 1
            case RunFinished():
                self.finished = event
            case _:
                self._apply_to_host(event, recorded.at)

    def _apply_to_host(self, event: HostEvent, at: float) -> None:
        self.answers += isinstance(event, GateAnswered)
        before = self._hosts[event.host]
        after = evolve(self.layout, before, event, at)
        self._hosts[event.host] = after
        counts = self.waves[self._wave_of[event.host]]
        self._count(counts, before, -1)
        self._count(counts, after, +1)

    def _count(self, counts: Counts, state: HostState, sign: int) -> None:
        counts.standing[standing(state)] += sign
        if state.failure is Outcome.UNREACHABLE:
            counts.unreachable += sign
        elif state.failure is not None or state.ever_failed_finally:
            counts.failures += sign
        if state.asks and state.failure is None:
            counts.asking += sign
        if state.aborts:
            counts.aborts += sign
        if state.touched and owes_undo(self.layout, state):
            counts.owing += sign

    def wave_of(self, host: HostName) -> int:
        """The index of the host's wave."""
        return self._wave_of[host]

    def at_work(self, wave: int) -> bool:
        """Whether a host of an open wave is under way, or will be, without anybody's answer."""
        standing = self.waves[wave].standing
        if standing[Standing.BUSY] > self.waves[wave].asking:
            return True
        return standing[Standing.NEVER_STARTED] > 0 and rollout.under_way(self.waves) < self.plan.policy.max_parallel

    def to_work_on(self, wave: int) -> tuple[HostName, ...]:
        """The hosts of a wave, in the order in which they get their places: those under way first, then the plan's."""
        hosts = self.plan.waves[wave].hosts
        return tuple(sorted(hosts, key=lambda host: standing(self._hosts[host]) is not Standing.BUSY))

    @property
    def left(self) -> bool:
        """Whether the API has been ill for so long that everything is left as it is, until a person resumes the run."""
        return self.ill is not None and self.ill.next_try is None

    @property
    def course(self) -> Course:
        """Which way a person lets the run go."""
        if self.paused is None:
            return Course.ON
        if self.paused.aborting:
            return Course.ABORTING_NOW if self.paused.now else Course.ABORTING
        return Course.PAUSED

    def signals(self, wave: int, asked: Course = Course.ON) -> Signals:
        """What the run asks of the hosts of a wave; asked: a course that is not in the journal yet."""
        course = max(self.course, asked, key=Course.rank)
        signals = rollout.signal(self.plan.policy, self.waves, wave=wave, opened=self.opened, course=course)
        if self.ill and course is not Course.ABORTING_NOW:
            return replace(signals, ill=True, left=self.left)
        return signals

    def decide(self, asked: Course = Course.ON) -> rollout.RunDecision:
        """What to do next with the run."""
        course = max(self.course, asked, key=Course.rank)
        if self.left and course not in (Course.PAUSED, Course.ABORTING_NOW):
            return rollout.Hold(waits_for="the API has been ill for too long: a person has to say when to ask it again")
        return rollout.decide(self.plan.policy, self.waves, opened=self.opened, course=course)

    def status(self) -> RunStatus:
        """Where the run stands."""
        if self.finished:
            return self.finished.status
        if self.paused:
            return RunStatus.PAUSED
        return RunStatus.WAITING if isinstance(self.decide(), rollout.Hold) else RunStatus.RUNNING

    def asking(self) -> Mapping[HostName, HostState]:
        """The hosts about which a person is asked, in the plan's order."""
        return {name: state for name, state in self._hosts.items() if state.asks}

    def lists(self) -> dict[Standing, tuple[HostName, ...]]:
        """Every host of the plan in exactly one list, in the plan's order; hosts that are not settled are BUSY."""
        found: dict[Standing, list[HostName]] = {s: [] for s in Standing}
        for name, state in self._hosts.items():
            found[standing(state)].append(name)
        return {s: tuple(names) for s, names in found.items()}


def standing(state: HostState) -> Standing:
    """Where a host stands now."""
    if state.settled is not None:
        return state.settled
    return Standing.BUSY if state.begun else Standing.NEVER_STARTED


def fold(plan: Plan, events: Iterable[Recorded]) -> RunState:
    """The state that these events lead to. Raises IllegalTransition."""
    state = RunState(plan)
    for recorded in events:
        state.apply(recorded)
    return state
