"""The state of a run: its events, folded. Folding a journal and following a live run give the same."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from orchestrator.core import between as core_between
from orchestrator.core import checks, going_back, rollout
from orchestrator.core.between import Between, Hold
from orchestrator.core.counts import RunCounts
from orchestrator.core.evolve import HostEvent, evolve, first_state, fresh
from orchestrator.core.healthy import Healthy
from orchestrator.core.host import owes_undo
from orchestrator.core.host_decisions import Signals
from orchestrator.core.layout import Layout, lay_out
from orchestrator.core.once import OnceLedger
from orchestrator.core.progress import ProgressClock
from orchestrator.core.rollout import Course, Moment
from orchestrator.core.spread import SpreadCounts
from orchestrator.errors import IllegalTransition
from orchestrator.model.event import (
    ApiPaused,
    ApiResumed,
    GateAnswered,
    GateAsked,
    Recorded,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    StepSkipped,
    WaveOpened,
)
from orchestrator.model.ids import HostName
from orchestrator.model.plan import HostPlan, Plan
from orchestrator.model.state import HostState, RunStatus, Standing


class RunState:
    """What folding a run's events gives.

    The one mutable thing in this layer: an event changes one host and one wave's counters in place, so that its cost
    does not depend on the size of the fleet. It changes by `apply` alone.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.layout: Layout = lay_out(plan)
        self._plans: dict[HostName, HostPlan] = {each.host.name: each for each in plan.hosts}
        start = fresh(self.layout)
        self._hosts: dict[HostName, HostState] = {each.host.name: first_state(start, each) for each in plan.hosts}
        self.waves = RunCounts([wave.max_failures for wave in plan.waves])
        self.spread = SpreadCounts(plan)
        self.between = Between()
        self.progress = ProgressClock()
        self.healthy = Healthy(plan.policy.min_healthy)
        self._once = OnceLedger(plan, self.layout)
        for each in plan.hosts:
            self._count(each.wave, self._hosts[each.host.name], +1)
            self._once.count(each, self._hosts[each.host.name], +1)
        self._count_held(range(len(self.waves)))
        self.opened = 0
        self.taken_up = 0
        self.taken_up_at = 0.0
        self.started_by = ""
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
        if self.finished and isinstance(event, RunPaused):
            self.seq = recorded.seq  # asked for while the end was being written, by a version that let it
            return
        if self.finished:
            raise IllegalTransition(f"{event.type} after the run had finished")
        self.seq = recorded.seq
        self.progress.observe(event, recorded.at)
        match event:
            case RunStarted():
                self.started_at = recorded.at
                self.started_by = event.by
                self.taken_up, self.taken_up_at = self.taken_up + 1, recorded.at
            case WaveOpened():
                if event.wave != self.opened:
                    raise IllegalTransition(f"wave {event.wave} opened after {self.opened} waves")
                self.opened += 1
                self.between = Between()
                self.spread.open(event.wave)
                self._bar()
            case GateAsked(host=None) | GateAnswered(host=None):
                self.answers += isinstance(event, GateAnswered)
                gates = [wave.gates for wave in self.plan.waves[: self.opened]]
                self.between = core_between.evolve(self.between, gates, event, recorded.at)
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
                self.taken_up, self.taken_up_at = self.taken_up + 1, recorded.at
            case RunFinished():
                self.finished = event
            case _:
                self._apply_to_host(event, recorded.at)

    def _apply_to_host(self, event: HostEvent, at: float) -> None:
        self.answers += isinstance(event, GateAnswered)
        host = event.host
        if host is None:
            raise IllegalTransition(f"{event.type} about no host")
        before, plan = self._hosts[host], self._plans[host]
        after = evolve(self.layout, before, event, at)
        if isinstance(event, StepSkipped) and not event.undo:
            after = self._once.shared(plan, event.step, after, self._hosts)
        self._hosts[host] = after
        self._count(plan.wave, before, -1)
        self._count(plan.wave, after, +1)
        self.spread.move(host, plan.wave, standing(before), standing(after))
        self._count_once(plan, before, after)
        self._bar()
        if after.settled is Standing.OK and before.settled is not Standing.OK:
            self.healthy.became_ok(host, after.settled_at)

    def _bar(self) -> None:
        if self.opened:
            wave = self.opened - 1
            counts = self.waves[wave]
            counts.barred = self.spread.barred
            counts.barred_and_held = self._barred_and_held(wave) if counts.barred and counts.held_new else 0

    def _barred_and_held(self, wave: int) -> int:
        barred = (h for h in self.plan.waves[wave].hosts if not self._hosts[h].begun and self.spread.full(h))
        return sum(self._once.holds(self._plans[host], self._hosts) for host in barred)

    def _count_once(self, plan: HostPlan, before: HostState, after: HostState) -> None:
        """What this means for the steps that run once. Only a host that runs one changes anything for other waves."""
        if not self.plan.once:
            return
        self._once.count(plan, before, -1)
        self._once.count(plan, after, +1)
        runs = self._once.runs(plan)
        if runs and before.failure is None and after.failure is not None:
            self.waves.lose(plan.wave, self._once.lose(plan, after))
        moved = runs and [p.done for p in before.progress] != [p.done for p in after.progress]
        lost = runs and before.failure is not after.failure
        self._count_held(range(len(self.waves)) if moved or lost else [plan.wave])

    def _count_held(self, waves: Iterable[int]) -> None:
        for wave in waves if self.plan.once else ():
            counts = self.waves[wave]
            counts.held, counts.held_new = self._once.held(wave, self._hosts)

    def _count(self, wave: int, state: HostState, sign: int) -> None:
        owing = (state.touched or self.layout.goes_back) and owes_undo(self.layout, state)
        self.waves.add(wave, state, standing(state), sign, owing=owing)

    def wave_of(self, host: HostName) -> int:
        """The index of the host's wave."""
        return self._plans[host].wave

    def at_work(self, wave: int) -> bool:
        """Whether a host of an open wave is under way, or will be, without anybody's answer."""
        counts = self.waves[wave]
        if counts.standing[Standing.BUSY] > counts.resting:
            return True
        return rollout.under_way(self.waves) < self.plan.policy.max_parallel and counts.ready > 0

    def to_work_on(self, wave: int) -> tuple[HostName, ...]:
        """The hosts of a wave, in the order in which they get their places: those under way first, then the wave's."""
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

    def signals(self, wave: int, asked: Course = Course.ON, host: HostName | None = None) -> Signals:
        """What the run asks of the hosts of a wave, or of one; asked: a course that is not in the journal yet."""
        course = max(self.course, asked, key=Course.rank)
        found = self._signals(wave, course, host)
        return replace(found, ill=True, left=self.left) if self.ill and course is not Course.ABORTING_NOW else found

    def _signals(self, wave: int, course: Course, host: HostName | None) -> Signals:
        if self.layout.goes_back:
            found = going_back.signal(course)
            return found if found.aborting else replace(found, check=checks.asked(self.layout, self.between, wave))
        found = rollout.signal(
            self.plan.policy, self.waves, wave=wave, opened=self.opened, course=course, between=self.between
        )
        if host is not None and self.spread.full(host):
            found = replace(found, begin=False)
        if self.plan.once:
            over = not found.forward and not found.aborting
            found = replace(found, once=self._once.signals(wave, self._hosts, over=over, newest=self.opened - 1))
        return replace(found, check=checks.asked(self.layout, self.between, wave)) if found.forward else found

    def decide(self, asked: Course = Course.ON, now: float | None = None) -> rollout.RunDecision:
        """What to do next with the run at `now` (seconds since the epoch); None: when its latest event happened."""
        course = max(self.course, asked, key=Course.rank)
        if self.left and course not in (Course.PAUSED, Course.ABORTING_NOW):
            return Hold(waits_for="the API has been ill for too long: a person has to say when to ask it again")
        newest = self.plan.waves[self.opened - 1] if self.opened else None
        gates, hosts = (newest.gates, newest.hosts) if newest else ((), ())
        decide = going_back.decide if self.layout.goes_back else partial(rollout.decide, self.plan.policy)
        return decide(
            self.waves,
            opened=self.opened,
            course=course,
            between=self.between,
            gates=gates,
            moment=self.moment(self.progress.last if now is None else now),
            looked=partial(checks.look, self.layout, hosts=hosts, states=self._hosts),
        )

    def moment(self, now: float) -> Moment:
        """The time, and what the run waits for by it."""
        return Moment(now=now, healthy_at=self.healthy.all_at(), progress_due=self.progress_due())

    def stalled(self, now: float) -> core_between.AnswerGate | None:
        """The answer that the run gives itself where its progress deadline has passed."""
        return rollout.stalled(self.plan.policy, self.opened - 1, self.moment(now))

    def progress_due(self) -> float | None:
        """When the progress deadline passes if no other host becomes ok; None where none runs, or the API is ill."""
        since, deadline = self.progress.since, self.plan.policy.progress_deadline
        going = self.opened and self.between == Between() and self.course is Course.ON and not self.ill
        if deadline is None or since is None or not going or rollout.over_budget(self.plan.policy, self.waves):
            return None
        standing = self.waves[self.opened - 1].standing
        return since + deadline if standing[Standing.BUSY] or standing[Standing.NEVER_STARTED] else None

    def objection(self, gate: str | None, *, by: str, at: float) -> str:
        """Why a person's answer to a gate, given at `at`, does not count; empty where it does."""
        return core_between.objection(self.between, gate, by=by, at=at, started_by=self.started_by)

    @property
    def stop_cause(self) -> str:
        """Why the run goes no further; empty while it may."""
        return rollout.stop_cause(self.plan.policy, self.waves, self.between)

    def status(self) -> RunStatus:
        """Where the run stands."""
        if self.finished:
            return self.finished.status
        if self.paused:
            return RunStatus.PAUSED
        return RunStatus.WAITING if isinstance(self.decide(), Hold) else RunStatus.RUNNING

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
