"""The invariants of a run, over random plans, outcomes in random order, and interruptions.

The deciders are driven here without an engine: a tiny scheduler does what they say, in an order drawn at random, and
checks before each step that nothing forbidden is about to happen.
"""

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from orchestrator.core import host as core_host
from orchestrator.core.evolve import MOST_RERUNS, given_up
from orchestrator.core.host import owed, undo_failed
from orchestrator.core.host_decisions import (
    Ask,
    Attend,
    AwaitApi,
    Fail,
    HostDecision,
    Lapse,
    PlanRetry,
    Rest,
    Settle,
    Skip,
    Start,
    WaitUntil,
)
from orchestrator.core.rollout import Course, Finish, Hold, OpenWave, WorkOn, over_budget
from orchestrator.core.run_state import RunState, fold
from orchestrator.model.event import (
    Answer,
    ApiPaused,
    ApiResumed,
    AttemptEnded,
    AttemptStarted,
    Event,
    GateAnswered,
    GateAsked,
    HostSettled,
    Recorded,
    RetryPlanned,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    StepResult,
    StepSkipped,
    UndoEnded,
    UndoStarted,
    WaveOpened,
)
from orchestrator.model.host import Host, ProviderSpec
from orchestrator.model.ids import HostName, RunId, StepName, Vmid
from orchestrator.model.origin import Origin, Text
from orchestrator.model.plan import Command, HostPlan, Plan, Policy, Section, Slot, Template, Wave
from orchestrator.model.playbook import Body, Interrupted, OnFailure, Outcome, Retries, RollbackScope
from orchestrator.model.state import Progress, RunStatus, Standing

BODY = Body(kind="run", texts=(Text(source="true", origin=Origin(file="p.yml")),))
RUNS = 5000


def draw_slot(rng: random.Random, name: str, section: Section, undo_of: int | None = None) -> Slot:
    retries = Retries(attempts=rng.choice([1, 1, 2, 3]), delay=rng.choice([0.0, 5.0]))
    undo_on = tuple(o for o in (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.UNKNOWN) if rng.random() < 0.6)
    return Slot(
        name=StepName(name),
        section=section,
        template=Template(body=BODY),
        timeout=60,
        retries=retries,
        undo_of=undo_of,
        undo_on=undo_on if section is Section.UNDO else (),
        interrupted=rng.choice([Interrupted.FAIL, Interrupted.RERUN, Interrupted.ASK])
        if section is Section.STEPS
        else Interrupted.FAIL,
        on_failure=rng.choice([OnFailure.ROLLBACK] * 6 + list(OnFailure))
        if section is Section.STEPS
        else OnFailure.ROLLBACK,
    )


def draw_plan(rng: random.Random) -> Plan:
    steps = rng.randint(1, 4)
    slots = [draw_slot(rng, f"s{i}", Section.STEPS) for i in range(steps)]
    slots += [draw_slot(rng, f"s{i}", Section.UNDO, i) for i in range(steps) if rng.random() < 0.7]
    slots += [draw_slot(rng, f"a{i}", Section.AFTER_ROLLBACK) for i in range(rng.choice([0, 0, 1]))]
    slots += [draw_slot(rng, f"f{i}", Section.FINALLY) for i in range(rng.choice([0, 0, 1, 2]))]
    names = [HostName(f"h{i}") for i in range(rng.randint(1, 7))]
    cuts = sorted(rng.sample(range(1, len(names)), rng.randint(0, len(names) - 1)))
    waves = [names[a:b] for a, b in zip([0, *cuts], [*cuts, len(names)], strict=True)]
    commands = (Command(text="true"),) * len(slots)
    hosts = [
        HostPlan(
            host=Host(name=name, vmid=Vmid(name)),
            wave=w,
            commands=commands,
            whens=tuple(rng.random() > 0.1 if s.section is not Section.UNDO else True for s in slots),
        )
        for w, wave in enumerate(waves)
        for name in wave
    ]
    return Plan(
        playbook="p",
        file="p.yml",
        inventory="i.yml",
        provider=ProviderSpec(kind="simulator", url="http://127.0.0.1:1", api_key="env:K"),
        tool="0",
        slots=tuple(slots),
        hosts=tuple(hosts),
        waves=tuple(Wave(index=i, name="", hosts=tuple(wave)) for i, wave in enumerate(waves)),
        policy=Policy(
            max_parallel=rng.randint(1, 4),
            max_failures=rng.randint(0, 2),
            max_unreachable=rng.randint(0, 1),
            rollback=rng.choice(list(RollbackScope)),
        ),
    )


@dataclass
class Drive:
    """A scheduler in miniature: hosts with a place, attempts in flight, and a clock that jumps."""

    plan: Plan
    rng: random.Random
    p_bad: float
    p_abort: float
    p_ill: float
    state: RunState
    now: float = 1000.0
    log: list[Recorded] = field(default_factory=list)
    flight: dict[HostName, tuple[int, int]] = field(default_factory=dict)
    places: list[HostName] = field(default_factory=list)
    steps_taken: int = 0

    def record(self, event: Event) -> None:
        self.now += 0.001
        recorded = Recorded(run=RunId("r"), seq=len(self.log) + 1, at=self.now, event=event)
        self.log.append(recorded)
        self.state.apply(recorded)

    def run(self) -> None:
        self.record(RunStarted(playbook="p", digest="", hosts=len(self.plan.hosts), by="test"))
        while not self.state.finished:
            self.steps_taken += 1
            assert self.steps_taken < 5000, "it does not end"
            match self.state.decide():
                case OpenWave(wave=wave):
                    check_wave_opens(self.state, wave)
                    self.record(WaveOpened(wave=wave, hosts=len(self.plan.waves[wave].hosts)))
                case WorkOn(wave=wave):
                    self.work_on(wave)
                case Hold():
                    if self.state.paused or self.state.left:
                        self.flight.clear()  # what was under way is attended by the next process
                        self.record(RunResumed(by="test"))
                    else:
                        self.answer()
                case Finish() as finish:
                    assert not self.flight, "finished while something is in flight"
                    lists = {s.value: names for s, names in self.state.lists().items() if s is not Standing.BUSY}
                    self.record(RunFinished(status=finish.status, cause=finish.cause, exit=finish.exit, lists=lists))

    def work_on(self, wave: int) -> None:
        """What a dispatcher does: every host of the wave until it rests; then the run decides again."""
        waiting = list(self.state.to_work_on(wave))
        progressed = False
        while waiting or self.places or self.flight:
            self.steps_taken += 1
            assert self.steps_taken < 5000, "a wave does not end"
            while waiting and len(self.places) < self.plan.policy.max_parallel:
                self.places.append(waiting.pop(0))
            if self.rng.random() < 0.01 and not self.state.paused:
                self.record(RunPaused(by="test", cause="drawn"))
            if self.rng.random() < self.p_abort:
                self.record(RunPaused(by="test", cause="drawn", aborting=True, now=self.rng.random() < 0.5))
            if self.state.asking() and self.rng.random() < 0.05:
                self.answer()
            if self.rng.random() < 0.02:
                self.crash()
                return
            self.draw_illness()
            if self.state.left and self.state.course is not Course.ABORTING_NOW:
                check_left(self)
                self.places.clear()
                return
            if self.flight and (self.rng.random() < 0.5 or not self.step_a_host()):
                self.end_an_attempt()
                progressed = True
            elif not self.flight:
                progressed = self.step_a_host() or progressed
        assert progressed or self.state.paused, "work was asked for and there was none"

    def draw_illness(self) -> None:
        """The API falls ill, goes on being ill, is left for a person, or is well again."""
        if self.rng.random() < self.p_ill and not self.state.left:
            next_try = None if self.rng.random() < 0.2 else self.now + 1
            host = self.plan.hosts[0].host.name
            ill = ApiPaused(host=host, answer="api_down", detail="502", since=self.now, next_try=next_try)
            self.record(ill)
        elif self.state.ill and not self.state.left and (self.rng.random() < 0.3 or not self.flight):
            self.record(ApiResumed(since=self.state.ill.since, probes=1))

    def answer(self) -> None:
        """A person says how a host goes on that waits for one."""
        asking = self.state.asking()
        assert asking, "the run waits for nobody"
        host = self.rng.choice(sorted(asking))
        step = asking[host].asks
        assert step
        answer = self.rng.choice([Answer.RETRY, Answer.SKIP, Answer.FAILED])
        self.record(GateAnswered(gate=step, host=host, step=step, answer=answer, by="test"))

    def step_a_host(self) -> bool:
        """Do the next decision of some host that has a place and no attempt in flight; whether there was one."""
        free = [h for h in self.places if h not in self.flight]
        if not free:
            return False
        host = self.rng.choice(free)
        self.do(host, self.decide(host))
        return True

    def decide(self, host: HostName) -> HostDecision:
        plan = next(h for h in self.plan.hosts if h.host.name == host)
        signals = self.state.signals(plan.wave)
        return core_host.decide(self.state.layout, plan, self.state.hosts[host], signals, self.now)

    def do(self, host: HostName, decision: HostDecision) -> None:
        slots = self.plan.slots
        match decision:
            case Start(slot=index, attempt=attempt):
                check_start(self, host, index)
                kind = UndoStarted if slots[index].section is Section.UNDO else AttemptStarted
                self.record(kind(host=host, step=slots[index].name, attempt=attempt, nonce="n"))
                self.flight[host] = (index, attempt)
            case Attend(slot=index, attempt=attempt):
                self.flight[host] = (index, attempt)
            case Skip(slot=index):
                self.record(StepSkipped(host=host, step=slots[index].name, reason="when is false"))
            case PlanRetry(slot=index, attempt=attempt, delay=delay):
                undo = slots[index].section is Section.UNDO
                at = self.now + delay
                self.record(RetryPlanned(host=host, step=slots[index].name, attempt=attempt, not_before=at, undo=undo))
            case Fail():
                raise AssertionError("no condition here is late")
            case Ask(slot=index):
                assert mine_is_free(self.state, host), "asked about a host where something is under way"
                self.record(GateAsked(gate="g", host=host, step=slots[index].name))
            case Lapse(slot=index):
                name = slots[index].name
                self.record(GateAnswered(gate="g", host=host, step=name, answer=Answer.FAILED, by="orc"))
            case AwaitApi():
                assert self.state.ill, "waits for an API that is well"
            case WaitUntil(at=at):
                self.now = max(self.now, at)
            case Settle(standing=standing):
                self.record(HostSettled(host=host, standing=standing))
            case Rest():
                self.places.remove(host)

    def end_an_attempt(self) -> None:
        host = self.rng.choice(sorted(self.flight))
        index, attempt = self.flight.pop(host)
        bad = [Outcome.FAILED, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.UNREACHABLE, Outcome.UNKNOWN]
        outcome = self.rng.choice(bad) if self.rng.random() < self.p_bad else Outcome.OK
        kind = UndoEnded if self.plan.slots[index].section is Section.UNDO else AttemptEnded
        self.record(
            kind(
                host=host,
                step=self.plan.slots[index].name,
                attempt=attempt,
                outcome=outcome,
                duration=1.0,
                may_be_running=outcome is Outcome.UNKNOWN,
                interrupted=outcome is Outcome.FAILED and self.rng.random() < 0.8,
                result=StepResult(exit_code=0 if outcome is Outcome.OK else 1),
            )
        )

    def crash(self) -> None:
        """The process dies: all it knew is in the journal. Attempts in flight are attended by the next one."""
        self.flight.clear()
        self.places.clear()
        self.state = fold(self.plan, self.log)


def mine_is_free(state: RunState, host: HostName) -> bool:
    return not any(progress.running for progress in state.hosts[host].progress)


def check_left(drive: Drive) -> None:
    """That every host rests as it is, whatever is under way there."""
    for plan in drive.plan.hosts:
        assert isinstance(drive.decide(plan.host.name), Rest), "something is done though the run is left"


def check_wave_opens(state: RunState, wave: int) -> None:
    assert not over_budget(state.plan.policy, state.waves), "a wave opened over budget"
    for earlier in state.plan.waves[:wave]:
        for host in earlier.hosts:
            assert state.hosts[host].settled is not None, "a wave overtook an unsettled host"


def check_start(drive: Drive, host: HostName, index: int) -> None:
    state, plan = drive.state, drive.plan
    mine, slot = state.hosts[host], plan.slots[index]
    running = [h for h, s in state.hosts.items() if any(p.running for p in s.progress)]
    busy = {h for h, s in state.hosts.items() if s.begun and s.settled is None} | {host}
    assert len(running) < plan.policy.max_parallel, "more in flight than allowed"
    assert len(busy) <= plan.policy.max_parallel, "more hosts under way than allowed"
    assert host not in running, "two attempts on one host"
    assert state.ill is None or state.course is Course.ABORTING_NOW, "started while the API is ill"
    assert mine.asks is None, "started while a person is asked"
    assert state.course is not Course.PAUSED, "started while paused"
    assert state.course is not Course.ABORTING_NOW, "started while everything is to be ended"
    assert not state.course.aborts or slot.section is Section.FINALLY, "an abort starts and undoes nothing"
    assert not mine.progress[index].done, "a step that is done was started again"
    check_attempts(mine.progress[index], slot)
    assert not mine.progress[index].may_be_running, "tried again beside an attempt that may be running"
    match slot.section:
        case Section.STEPS:
            assert not over_budget(plan.policy, state.waves), "forward while over budget"
            assert all(mine.progress[i].done for i in state.layout.steps if i < index), "steps out of order"
            assert mine.failure is None, "forward on a failed host"
            assert state.wave_of(host) == state.opened - 1, "a host of a wave that is not open"
        case Section.UNDO:
            check_undo(drive, host, index)
        case Section.AFTER_ROLLBACK:
            assert not owed(state.layout, mine), "after_rollback before the undos are done"
        case Section.FINALLY:
            pass


def check_attempts(before: Progress, slot: Slot) -> None:
    """That one more may be made; a host that is reopened begins its `finally` anew."""
    if slot.section is Section.FINALLY or before.attempts < slot.retries.attempts + before.granted:
        return
    assert before.interrupted, "an attempt beyond the retries of a step that was not interrupted"
    assert slot.interrupted is Interrupted.RERUN, "a step was run again that must not be"
    assert before.attempts < slot.retries.attempts + before.granted + MOST_RERUNS, "too many reruns"


def check_undo(drive: Drive, host: HostName, index: int) -> None:
    state, plan = drive.state, drive.plan
    mine, slot = state.hosts[host], plan.slots[index]
    assert slot.undo_of is not None
    step = mine.progress[slot.undo_of]
    scope, over = plan.policy.rollback, bool(over_budget(plan.policy, state.waves))
    assert scope is not RollbackScope.NONE, "an undo that the rules do not ask for"
    in_scope = over and (
        scope is RollbackScope.RUN or (scope is RollbackScope.WAVE and state.wave_of(host) == state.opened - 1)
    )
    assert not mine.stays, "a host was taken back that was to be left as it is"
    assert mine.failure is not None or in_scope, "a host outside the scope was taken back"
    assert step.touched, "undo of a step that cannot have had an effect"
    assert step.outcome is Outcome.OK or step.outcome in slot.undo_on, (
        "undo after an outcome that its rule does not name"
    )
    newer = [u for u in owed(state.layout, mine) if u.step > slot.undo_of]
    assert not newer, "an older step was undone before a newer one"


def check_end(drive: Drive) -> None:
    state, plan = drive.state, drive.plan
    assert state.finished
    lists = state.finished.lists
    listed = [host for names in lists.values() for host in names]
    assert sorted(listed) == sorted(h.host.name for h in plan.hosts), "a host is not in exactly one list"
    assert "busy" not in lists
    succeeded = state.finished.status is RunStatus.SUCCEEDED
    aborted = state.finished.status is RunStatus.ABORTED
    by_a_step = any(mine.aborts for mine in state.hosts.values())
    assert aborted == (state.course.aborts or by_a_step), "an abort was forgotten, or made up"
    all_ok = len(lists.get("ok", ())) == len(plan.hosts)
    assert succeeded == (all_ok and not aborted), "a success needs every host"
    assert succeeded == (state.finished.exit == 0)
    for host in lists["rolled_back"]:
        assert not owed(state.layout, state.hosts[host]), "called rolled back with undos owed"
    for host in lists["rollback_failed"]:
        mine = state.hosts[host]
        ended = [given_up(plan.slots[i], mine.progress[i]) for i in state.layout.finally_]
        assert undo_failed(state.layout, mine) or any(ended) or aborted
    replayed = fold(plan, drive.log)
    assert dict(replayed.hosts) == dict(state.hosts), "the journal folds to another state"
    assert replayed.waves == state.waves
    assert replayed.finished == state.finished


@pytest.mark.parametrize("part", range(4))
def test_no_run_ever_breaks_an_invariant(part: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(part * RUNS // 4, (part + 1) * RUNS // 4):
        rng = random.Random(seed)
        plan = draw_plan(rng)
        drive = Drive(
            plan=plan,
            rng=rng,
            p_bad=rng.choice([0.0, 0.05, 0.3, 0.9]),
            p_abort=rng.choice([0, 0, 0, 0.02]),
            p_ill=rng.choice([0, 0, 0.02, 0.1]),
            state=RunState(plan),
        )
        try:
            drive.run()
            check_end(drive)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        assert drive.state.finished
        seen[f"{drive.state.finished.status.value} {drive.state.finished.exit}"] += 1
    wanted = "succeeded 0, failed 3, rolled_back 4, rollback_failed 5, failed 6, aborted 130, aborted 3"
    assert set(seen) == set(wanted.split(", ")), seen
