"""The invariants of a run, over random plans, outcomes in random order, and interruptions.

The deciders are driven here without an engine: a tiny scheduler does what they say, in an order drawn at random, and
checks before each step that nothing forbidden is about to happen.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from orchestrator import gates
from orchestrator.core import host as core_host
from orchestrator.core.between import PROGRESS, AnswerGate, AskGate, Hold, Look
from orchestrator.core.certificate import Fate, certificate_json, certify, differences
from orchestrator.core.evolve import MOST_RERUNS, given_up
from orchestrator.core.host import owed, owes_undo, undo_failed
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
    Wait,
    WaitUntil,
)
from orchestrator.core.places import Places
from orchestrator.core.rollout import Course, Finish, OpenWave, WorkOn, over_budget
from orchestrator.core.run_state import RunState, fold
from orchestrator.core.taking_back import take_back
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
from orchestrator.model.gate import Approval, Bake, ControllerCommand, Gate, OnDeny, UrlWatch, WaveCommand
from orchestrator.model.host import Host, ProviderSpec
from orchestrator.model.ids import HostName, RunId, StepName, Vmid
from orchestrator.model.origin import Origin, Text
from orchestrator.model.plan import Command, HostPlan, Once, Plan, Policy, Section, Slot, Template, Wave
from orchestrator.model.playbook import Body, Interrupted, OnFailure, Outcome, Repeat, Retries, RunOnce
from orchestrator.model.rollout import InFlight, RollbackScope, Spread
from orchestrator.model.state import HostState, Progress, RunStatus, Standing

BODY = Body(kind="run", texts=(Text(source="true", origin=Origin(file="p.yml")),))
LOOP = StepName("loop")
RUNS = 3_000


WHEN = Text(source="noted.stdout == 'x'", origin=Origin(file="p.yml"))
"""Of some undos: true on the hosts whose first step has printed an x, and an error where it left no result."""


def draw_undo(rng: random.Random, step: int, repeat: Repeat | None) -> list[Slot]:
    """The undo of a step: one command or several, with a check or none, always owed or not."""
    names = rng.choice([[f"s{step}"], [f"s{step}"], [f"s{step}/a", f"s{step}/b"], [f"s{step}/a", f"s{step}/b"]])
    parts = [draw_slot(rng, name, Section.UNDO, step, repeat) for name in names]
    if rng.random() < 0.4:
        parts.append(replace(draw_slot(rng, f"s{step}/verify", Section.UNDO, step, repeat), verifies=True))
    when = WHEN if rng.random() < 0.3 else None
    return [replace(part, undo_on=parts[0].undo_on, when=when) for part in parts]


def draw_slot(
    rng: random.Random, name: str, section: Section, undo_of: int | None = None, repeat: Repeat | None = None
) -> Slot:
    retries = Retries(
        attempts=rng.choice([1, 1, 2, 3]),
        delay=rng.choice([0.0, 5.0]),
        jitter=rng.choice([0.0, 2.0]),
        jitter_percent=rng.choice([0.0, 10.0]),
    )
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
        run_once=rng.choice([None] * 6 + list(RunOnce)) if section is Section.STEPS else None,
        handlers=tuple(StepName(n) for n in ("c0", "c1") if rng.random() < 0.3) if section is Section.STEPS else (),
        repeat=repeat,
    )


def draw_plan(rng: random.Random) -> Plan:
    steps = rng.randint(1, 4)
    looped = rng.choice([0, 0, 2, 3])  # how many of the steps are the items of one loop
    repeats = [Repeat(step=LOOP, index=i) if i < looped else None for i in range(steps)]
    slots = [draw_slot(rng, f"s{i}", Section.STEPS, repeat=repeats[i]) for i in range(steps)]
    slots[0] = replace(slots[0], register="noted")
    slots += [slot for i in range(steps) if rng.random() < 0.7 for slot in draw_undo(rng, i, repeats[i])]
    slots += [draw_slot(rng, f"c{i}", Section.HANDLERS) for i in range(rng.choice([0, 1, 2]))]
    slots += [draw_slot(rng, f"a{i}", Section.AFTER_ROLLBACK) for i in range(rng.choice([0, 0, 1]))]
    slots += [draw_slot(rng, f"f{i}", Section.FINALLY) for i in range(rng.choice([0, 0, 1, 2]))]
    slots += [replace(draw_slot(rng, name, Section.GATES), retries=Retries()) for name in ("look0", "look1")]
    spread = rng.choice([None, None, Spread(by="zone", max=rng.randint(1, 2))])
    names = [HostName(f"h{i}") for i in range(rng.randint(1, 7))]
    cuts = sorted(rng.sample(range(1, len(names)), rng.randint(0, len(names) - 1)))
    waves = [names[a:b] for a, b in zip([0, *cuts], [*cuts, len(names)], strict=True)]
    asked = [tuple(draw_gate(rng, n) for n in range(rng.choice([0, 0, 1, 2]))) for _ in waves]
    commands = (Command(text="true"),) * len(slots)
    hosts = [
        replace(
            host,
            whens=tuple(
                s.name in {gate.name for gate in asked[w]}
                if s.section is Section.GATES
                else (None if s.when else True)
                if s.section is Section.UNDO
                else not host.lacks(s) and rng.random() > 0.1
                for s in slots
            ),
            spread=rng.choice("abc") if spread else "",
        )
        for w, wave in enumerate(waves)
        for name in wave
        for host in [
            HostPlan(
                host=Host(name=name, vmid=Vmid(name)),
                wave=w,
                commands=commands,
                whens=(),
                loops={LOOP: rng.choice([looped, rng.randint(0, looped)])},
            )
        ]
    ]
    return Plan(
        playbook="p",
        file="p.yml",
        inventory="i.yml",
        provider=ProviderSpec(kind="simulator", url="http://127.0.0.1:1", api_key="env:K"),
        tool="0",
        slots=tuple(slots),
        hosts=tuple(hosts),
        waves=tuple(
            Wave(
                index=i,
                name="",
                hosts=tuple(wave),
                max_failures=rng.choice([None, None, 0, 1]),
                gates=asked[i],
            )
            for i, wave in enumerate(waves)
        ),
        policy=Policy(
            max_parallel=rng.randint(1, 4),
            max_failures=rng.randint(0, 2),
            max_unreachable=rng.randint(0, 1),
            rollback=rng.choice(list(RollbackScope)),
            in_flight=rng.choice(list(InFlight)),
            spread=spread,
            min_healthy=rng.choice([0.0, 0.0, 30.0]),
            progress_deadline=rng.choice([None, None, 60.0]),
        ),
        once=tuple(draw_once(slots, waves)),
    )


def draw_gate(rng: random.Random, number: int) -> Gate:
    name = f"g{number}"
    kinds: list[Gate] = [
        Bake(name=name, seconds=300.0),
        Approval(name=name, by=("ana",), expires=100.0, on_deny=rng.choice(list(OnDeny))),
        Approval(name=name, by=("ana", "test")),
        ControllerCommand(name=name, argv=("true",)),
        UrlWatch(name=name, get="http://127.0.0.1/"),
        WaveCommand(name=f"look{number}", run=Text(source="true", origin=Origin(file="p.yml"))),
        WaveCommand(name=f"look{number}", run=Text(source="true", origin=Origin(file="p.yml"))),
    ]
    return rng.choice(kinds)


def draw_once(slots: list[Slot], waves: list[list[HostName]]) -> Iterator[Once]:
    firsts = tuple(wave[0] for wave in waves)
    for index, slot in enumerate(slots):
        if slot.run_once:
            yield Once(slot=index, hosts=firsts if slot.run_once is RunOnce.WAVE else firsts[:1] * len(firsts))


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
    kept: Places = field(init=False)
    waiting: int = 0
    steps_taken: int = 0
    due: dict[tuple[HostName, int], float] = field(default_factory=dict)

    def record(self, event: Event) -> None:
        self.now += 0.001
        recorded = Recorded(run=RunId("r"), seq=len(self.log) + 1, at=self.now, event=event)
        self.log.append(recorded)
        self.state.apply(recorded)

    def run(self) -> None:
        self.record(RunStarted(playbook="p", digest="", hosts=len(self.plan.hosts), by="test"))
        self.kept = Places(self.state, self.now)
        while not self.state.finished:
            self.steps_taken += 1
            assert self.steps_taken < 5000, "it does not end"
            match self.state.decide(now=self.now):
                case AskGate(wave=wave, number=number):
                    gate = self.plan.waves[wave].gates[number]
                    self.record(GateAsked(gate=gate.name, wave=wave, kind=gate.kind))
                case AnswerGate() as said:
                    self.record(
                        GateAnswered(
                            gate=said.gate, wave=said.wave, kind=said.kind, answer=said.answer, by="orc", why=said.why
                        )
                    )
                case Look(gate=gate):
                    looked = self.rng.choice([Answer.PASSED, Answer.PASSED, Answer.FAILED, Answer.INCONCLUSIVE])
                    wave = self.state.opened - 1
                    self.record(GateAnswered(gate=gate.name, wave=wave, kind=gate.kind, answer=looked, by="orc"))
                case gates.WaitUntil(at=at):
                    self.now = max(self.now, at)
                    if self.rng.random() < 0.1:
                        self.crash()
                case OpenWave(wave=wave):
                    self.kept.release()
                    check_wave_opens(self, wave)
                    self.record(WaveOpened(wave=wave, hosts=len(self.plan.waves[wave].hosts)))
                case WorkOn(wave=wave):
                    self.work_on(wave)
                case Hold():
                    if self.state.paused or self.state.left:
                        self.flight.clear()  # what was under way is attended by the next process
                        self.record(RunResumed(by="test"))
                    elif self.state.asking():
                        self.answer()
                    else:
                        self.answer_gate()
                    self.kept = Places(self.state, self.now)  # a process of its own goes on
                case Finish() as finish:
                    assert not self.flight, "finished while something is in flight"
                    lists = {s.value: names for s, names in self.state.lists().items() if s is not Standing.BUSY}
                    self.record(RunFinished(status=finish.status, cause=finish.cause, exit=finish.exit, lists=lists))

    def work_on(self, wave: int) -> None:
        """What a dispatcher does: every host of the wave until it rests; then the run decides again."""
        lined_up = list(self.state.to_work_on(wave))
        if self.rng.random() < 0.3:
            self.rng.shuffle(lined_up)
            lined_up.sort(key=lambda host: not self.under_way(host))
        for host in lined_up:
            if self.kept.has_kept(host):
                self.kept.take_back(host)
                self.places.append(host)
            else:
                self.kept.line_up(host)
                self.waiting += 1
        progressed = False
        while self.waiting or self.places or self.flight:
            self.steps_taken += 1
            assert self.steps_taken < 5000, "a wave does not end"
            for host in self.kept.let_in():
                self.places.append(host)
                self.waiting -= 1
            self.waiting -= len(self.kept.send_off())
            if (stalled := self.state.stalled(self.now)) and self.rng.random() < 0.5:
                self.record(
                    GateAnswered(gate=PROGRESS, wave=stalled.wave, kind=PROGRESS, answer=Answer.FAILED, by="orc")
                )
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

    def under_way(self, host: HostName) -> bool:
        state = self.state.hosts[host]
        return state.begun and state.settled is None

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

    def answer_gate(self) -> None:
        """A person says whether a wave's gate has passed; or nobody who may, or too late."""
        question = self.state.between.question
        assert question, "the run waits for nobody"
        by = self.rng.choice(["ana", "ana", "ben", "test"])
        if self.rng.random() < 0.3:
            self.now += 200
        if self.rng.random() < 0.2:
            self.crash()
        if objection := self.state.objection(None, by=f"{by}@here", at=self.now):
            assert "expired" in objection or by not in self.who_may(question.gate)
            return
        assert by in self.who_may(question.gate), "an answer of one who may not"
        assert question.expires_at is None or self.now < question.expires_at, "a late answer"
        said = self.rng.choice([Answer.PASSED, Answer.PASSED, Answer.FAILED])
        name, kind = question.gate.name, question.gate.kind
        self.record(GateAnswered(gate=name, wave=question.wave, kind=kind, answer=said, by=by))

    def who_may(self, gate: Gate) -> tuple[str, ...]:
        return gate.by if isinstance(gate, Approval) else ("ana", "ben", "test")

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
        signals = self.state.signals(plan.wave, host=host)
        chance = self.rng.random()
        return core_host.decide(self.state.layout, plan, self.state.hosts[host], signals, self.now, chance=chance)

    def do(self, host: HostName, decision: HostDecision) -> None:  # a decision, a case
        slots = self.plan.slots
        match decision:
            case Start(slot=index, attempt=attempt):
                check_start(self, host, index)
                kind = UndoStarted if slots[index].section is Section.UNDO else AttemptStarted
                self.record(kind(host=host, step=slots[index].name, attempt=attempt, nonce="n"))
                self.flight[host] = (index, attempt)
            case Attend(slot=index, attempt=attempt):
                self.flight[host] = (index, attempt)
            case Skip(slot=index, reason=reason):
                undone = slots[index].undo_of
                if undone is not None and reason == "when is false":
                    if not self.plan.takes_back:
                        check_not_owed(self, host, index)
                elif undone is not None and self.plan.takes_back:
                    kept = next(each.kept for each in self.plan.hosts if each.host.name == host)
                    assert index in kept, "an undo was left out that the plan has"
                elif undone is not None:
                    check_kept(self.state, host, index)
                elif "runs once" in reason:
                    check_passed(self.plan, self.state, host, index)
                name = slots[index if undone is None else undone].name
                self.record(StepSkipped(host=host, step=name, reason=reason, undo=undone is not None))
            case PlanRetry(slot=index, attempt=attempt, delay=delay):
                check_delay(slots[index].retries, delay)
                undo = slots[index].section is Section.UNDO
                at = self.now + delay
                self.record(RetryPlanned(host=host, step=slots[index].name, attempt=attempt, not_before=at, undo=undo))
                self.due[host, index] = at
            case Fail(slot=index, attempt=attempt):
                assert slots[index].when is WHEN, "a condition that can be decided has failed"
                assert "noted" not in self.state.hosts[host].registered, "a condition had what it needs"
                name = slots[index].name
                self.record(UndoStarted(host=host, step=name, attempt=attempt, nonce=""))
                self.record(
                    UndoEnded(host=host, step=name, attempt=attempt, outcome=Outcome.FAILED, duration=0, detail="when")
                )
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
            case Wait() if self.state.at_work(self.state.wave_of(host)):
                if not self.state.hosts[host].begun:  # it needs no place for that
                    self.places.remove(host)
                    self.kept.leave(host)
                    self.kept.line_up(host)
                    self.waiting += 1
            case Rest() | Wait():
                until, forward = self.state.healthy.at(self.state.hosts[host]), self.state.signals(0).forward
                if until is not None and until > self.now and forward and not self.state.paused:
                    if len(self.places) == 1 or self.rng.random() < 0.1:
                        self.now = until
                    return
                self.places.remove(host)
                self.kept.leave(host)

    def end_an_attempt(self) -> None:
        host = self.rng.choice(sorted(self.flight))
        index, attempt = self.flight.pop(host)
        bad = [Outcome.FAILED, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.UNREACHABLE, Outcome.UNKNOWN]
        outcome = self.rng.choice(bad) if self.rng.random() < self.p_bad else Outcome.OK
        forward = self.plan.slots[index].section is Section.STEPS
        cancelled = forward and self.state.signals(0).cancel and self.rng.random() < 0.8
        outcome = Outcome.FAILED if cancelled else outcome
        kind = UndoEnded if self.plan.slots[index].section is Section.UNDO else AttemptEnded
        skipped = kind is AttemptEnded and outcome is Outcome.OK and self.rng.random() < 0.1
        self.record(
            kind(
                host=host,
                step=self.plan.slots[index].name,
                attempt=attempt,
                outcome=outcome,
                duration=1.0,
                may_be_running=outcome is Outcome.UNKNOWN,
                interrupted=outcome is Outcome.FAILED and not cancelled and self.rng.random() < 0.8,
                cancelled=cancelled,
                skipped=skipped,
                result=StepResult(exit_code=0 if outcome is Outcome.OK else 1, stdout=self.rng.choice(["x", "x", "y"]))
                if outcome is not Outcome.UNREACHABLE
                else None,
            )
        )

    def crash(self) -> None:
        """The process dies: all it knew is in the journal. Attempts in flight are attended by the next one."""
        self.flight.clear()
        self.places.clear()
        self.waiting = 0
        self.state = fold(self.plan, self.log)
        self.kept = Places(self.state, self.now)


def spread_of(plan: Plan, host: HostName) -> str:
    return next(each.spread for each in plan.hosts if each.host.name == host)


def mine_is_free(state: RunState, host: HostName) -> bool:
    return not any(progress.running for progress in state.hosts[host].progress)


def check_left(drive: "Drive") -> None:
    """That every host rests as it is, whatever is under way there."""
    for plan in drive.plan.hosts:
        assert isinstance(drive.decide(plan.host.name), Rest), "something is done though the run is left"


def check_wave_opens(drive: "Drive", wave: int) -> None:
    state = drive.state
    assert not over_budget(state.plan.policy, state.waves), "a wave opened over budget"
    for earlier in state.plan.waves[:wave]:
        if earlier.max_failures is not None:
            failed = sum(state.hosts[host].failure is not None for host in earlier.hosts)
            assert failed <= earlier.max_failures, "a wave opened over the budget of one before it"
        check_gates(drive.log, earlier)
    for name, mine in state.hosts.items():
        if mine.settled is Standing.OK:
            assert drive.now >= ok_since(drive.log, name) + state.plan.policy.min_healthy, (
                "a wave opened before a host was healthy"
            )
    for earlier in state.plan.waves[:wave]:
        for host in earlier.hosts:
            assert state.hosts[host].settled is not None, "a wave overtook an unsettled host"


def ok_since(log: list[Recorded], host: HostName) -> float:
    """When a host became ok: that a gate is asked there later is no step of it."""
    of_host = [r for r in log if isinstance(r.event, AttemptEnded | HostSettled) and r.event.host == host]
    steps = [r.seq for r in of_host if isinstance(r.event, AttemptEnded) and not r.event.step.startswith("look")]
    return next(r.at for r in of_host if isinstance(r.event, HostSettled) and r.seq > max(steps, default=0))


def check_gates(log: list[Recorded], wave: Wave) -> None:
    """That every gate of a wave was asked in its turn and has passed, and that nothing was hurried."""
    of_wave = [r for r in log if isinstance(r.event, GateAsked | GateAnswered) and r.event.wave == wave.index]
    answers = [r for r in of_wave if isinstance(r.event, GateAnswered) and r.event.answer is not Answer.INCONCLUSIVE]
    asked = [r for r in of_wave if isinstance(r.event, GateAsked)]
    names = [r.event.gate for r in asked if isinstance(r.event, GateAsked)]
    assert names == [gate.name for gate in wave.gates], "a gate was left out, or asked twice"
    assert len(answers) == len(asked), "a wave opened before a gate had its answer"
    for gate, question, answer in zip(wave.gates, asked, answers, strict=True):
        assert isinstance(answer.event, GateAnswered)
        assert (answer.event.gate, answer.event.answer) == (gate.name, Answer.PASSED), "a wave opened past a gate"
        if isinstance(gate, Bake):
            assert answer.at >= question.at + gate.seconds, "a bake was cut short"
        if isinstance(gate, WaveCommand) and answer.event.by == "orc":
            check_looked(log, wave, gate, question, answer)
        if isinstance(gate, Approval):
            assert answer.event.by in gate.by, "approved by one who may not"
            assert gate.expires is None or answer.at < question.at + gate.expires + 0.01, "a late approval counted"


def check_looked(log: list[Recorded], wave: Wave, gate: WaveCommand, question: Recorded, answer: Recorded) -> None:
    """That its command was ok, once, on every host that was ok, between the question and its answer."""
    before = [r.event for r in log if isinstance(r.event, HostSettled) and r.seq < question.seq]
    stood = {event.host: event.standing for event in before}
    goes_back = not any(isinstance(r.event, AttemptStarted) and r.event.step.startswith("s") for r in log)
    looked = Counter(
        r.event.host
        for r in log
        if isinstance(r.event, AttemptEnded)
        and r.event.step == gate.name
        and r.event.outcome is Outcome.OK
        and question.seq < r.seq < answer.seq
    )
    done = {Standing.OK, Standing.ROLLED_BACK} if goes_back else {Standing.OK}
    ok = {host for host in wave.hosts if stood[host] in done}
    assert looked == dict.fromkeys(ok, 1), "a gate passed though not every host has said so, once"
    assert ok, "a gate passed that nobody was asked"


def check_check(state: RunState, host: HostName, index: int) -> None:
    """The command of a gate is run once, on a host that is done, while that gate is asked of its wave."""
    mine, question = state.hosts[host], state.between.question
    assert question, "the command of a gate that was not asked"
    assert question.gate.name == state.plan.slots[index].name, "the command of another gate"
    assert question.inconclusive is None, "the command of a gate about which a person is asked"
    assert question.wave == state.wave_of(host) == state.opened - 1, "asked on a host of another wave"
    assert mine.settled is (Standing.ROLLED_BACK if state.plan.takes_back else Standing.OK), "asked on a host not done"
    assert not mine.progress[index].touched, "asked twice"
    for other in state.plan.waves[question.wave].hosts:
        theirs = state.hosts[other]
        looking = any(theirs.progress[i].touched for i in state.layout.checks)
        assert theirs.settled is not None or looking, "asked before the wave was done"


def check_start(drive: Drive, host: HostName, index: int) -> None:
    state, plan = drive.state, drive.plan
    mine, slot = state.hosts[host], plan.slots[index]
    running = [h for h, s in state.hosts.items() if any(p.running for p in s.progress)]
    busy = {h for h, s in state.hosts.items() if s.begun and s.settled is None} | {host}
    assert len(running) < plan.policy.max_parallel, "more in flight than allowed"
    assert len(busy) <= plan.policy.max_parallel, "more hosts under way than allowed"
    healthy = {h for h in state.healthy.not_yet(state.hosts, drive.now) if h not in busy}
    assert not state.signals(0).forward or len(busy | healthy) <= plan.policy.max_parallel, "a place was given up early"
    if plan.policy.spread:
        mine_too = [h for h in plan.hosts if h.host.name in busy and h.spread == spread_of(plan, host)]
        assert len(mine_too) <= plan.policy.spread.max, "too many hosts of one value at once"
    assert host not in running, "two attempts on one host"
    assert state.ill is None or state.course is Course.ABORTING_NOW, "started while the API is ill"
    assert mine.asks is None, "started while a person is asked"
    assert state.course is not Course.PAUSED, "started while paused"
    assert state.course is not Course.ABORTING_NOW, "started while everything is to be ended"
    assert not state.course.aborts or slot.section is Section.FINALLY, "an abort starts and undoes nothing"
    assert not mine.progress[index].done, "a step that is done was started again"
    here = next(h for h in plan.hosts if h.host.name == host)
    assert not here.lacks(slot), "an item was run that the host's loop does not have"
    due = drive.due.pop((host, index), 0.0)
    anew = slot.section is Section.HANDLERS and mine.progress[index].retry_at is None  # called again, by an undo
    assert anew or drive.now >= due, "a retry did not wait as it was planned, whatever crashed in between"
    check_attempts(mine.progress[index], slot)
    assert not mine.progress[index].may_be_running, "tried again beside an attempt that may be running"
    match slot.section:
        case Section.STEPS:
            assert not over_budget(plan.policy, state.waves), "forward while over budget"
            assert all(mine.progress[i].done for i in state.layout.steps if i < index), "steps out of order"
            assert mine.failure is None, "forward on a failed host"
            assert not mine.cancelled, "forward on a host whose step was cancelled"
            assert state.between.stop is None, "forward though a gate has said no"
            assert state.wave_of(host) == state.opened - 1, "a host of a wave that is not open"
            check_once(plan, state, host, index)
        case Section.UNDO:
            check_undo(drive, host, index)
        case Section.HANDLERS:
            assert index in mine.owed, "a handler was run that nobody called, or twice for one call"
            ends = mine.failure is not None or all(mine.progress[i].done for i in state.layout.steps)
            assert ends or is_undone(plan, mine), "a handler before the end of the host's steps"
            assert not (is_undone(plan, mine) and owed(state.layout, mine)), "a handler before the undos are done"
        case Section.AFTER_ROLLBACK:
            assert not owed(state.layout, mine), "after_rollback before the undos are done"
            assert not mine.owed, "after_rollback before the handlers"
        case Section.FINALLY:
            pass
        case Section.GATES:
            check_check(state, host, index)


def is_undone(plan: Plan, mine: HostState) -> bool:
    return any(p.outcome is Outcome.OK for p, s in zip(mine.progress, plan.slots, strict=True) if s.undo_of is not None)


def concerned(plan: Plan, state: RunState, once: Once, on: HostName) -> list[HostName]:
    """The other hosts that a step concerns which is run once, on this host."""
    everywhere = plan.slots[once.slot].run_once is RunOnce.RUN
    wave = state.wave_of(on)
    return [h for h in state.hosts if h != on and (everywhere or state.wave_of(h) == wave)]


def relying(plan: Plan, state: RunState, once: Once, on: HostName) -> list[HostName]:
    """Those of them that have begun a step after it and were not rolled back."""
    later = [i for i in state.layout.steps if i > once.slot]
    return [
        h
        for h in concerned(plan, state, once, on)
        if any(state.hosts[h].progress[i].touched for i in later) and state.hosts[h].settled is not Standing.ROLLED_BACK
    ]


def check_once(plan: Plan, state: RunState, host: HostName, index: int) -> None:
    """A step that runs once is run where the plan says; no host starts what comes after before it is done there."""
    for once in plan.once:
        on = once.hosts[state.wave_of(host)]
        assert once.slot != index or on == host, "a step that runs once was run on another host"
        if once.slot < index and on != host:
            there = state.hosts[on]
            assert there.progress[once.slot].done, "a host went past a step that was not done"
            undos = [u.slot for u in state.layout.undos if u.step == once.slot]
            assert not any(there.progress[u].touched for u in undos), "a host went on from a step that was taken back"


def check_passed(plan: Plan, state: RunState, host: HostName, index: int) -> None:
    once = next(o for o in plan.once if o.slot == index)
    on = once.hosts[state.wave_of(host)]
    assert on != host
    assert state.hosts[on].progress[index].done, "passed over before it was done"


def check_kept(state: RunState, host: HostName, index: int) -> None:
    """The undo of a step that runs once is left out only because of hosts that rely on it."""
    once = next(o for o in state.plan.once if o.slot == state.plan.slots[index].undo_of)
    found = relying(state.plan, state, once, host)
    assert found, "an undo was left out that nobody minds"
    mine = state.hosts[host]
    if not any(mine.progress[undo.slot].touched for undo in state.layout.undos):
        taken_back = [
            h for h in found if state.signals(state.wave_of(h)).undo and owes_undo(state.layout, state.hosts[h])
        ]
        going_back = taken_back if state.signals(state.wave_of(host)).undo else []
        assert not going_back, "an undo was left out because of hosts that are taken back, too"


def check_delay(retries: Retries, delay: float) -> None:
    least = min(retries.delay, retries.max_delay)
    most = retries.max_delay * (1 + retries.jitter_percent / 100) + retries.jitter
    assert least <= delay <= most, "a retry waits longer, or shorter, than its rule says"


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
    if plan.takes_back:
        check_undo_of_back(drive, host, index)
        return
    scope, stop = plan.policy.rollback, state.between.stop
    over = bool(over_budget(plan.policy, state.waves) or stop) and not (stop and not stop.undo)
    assert scope is not RollbackScope.NONE, "an undo that the rules do not ask for"
    in_scope = over and (
        scope is RollbackScope.RUN or (scope is RollbackScope.WAVE and state.wave_of(host) == state.opened - 1)
    )
    assert not mine.stays, "a host was taken back that was to be left as it is"
    assert mine.failure is not None or mine.cancelled or in_scope, "a host outside the scope was taken back"
    assert step.touched, "undo of a step that cannot have had an effect"
    effect = Outcome.UNKNOWN if step.may_be_running else step.effect
    assert effect is Outcome.OK or effect in slot.undo_on, "undo after an outcome that its rule does not name"
    assert step.ran, "undo of a step that its guard had skipped"
    for once in plan.once:
        if once.slot == slot.undo_of:
            assert not relying(plan, state, once, host), "an undo of what other hosts rely on"
            others = [h for h in concerned(plan, state, once, host) if drive.under_way(h)]
            past = [h for h in others if state.hosts[h].progress[once.slot].skipped]
            assert not past, "an undo beside hosts that went past the step and are under way"
    newer = [u for u in owed(state.layout, mine) if u.step > slot.undo_of]
    assert not newer, "an older step was undone before a newer one"
    before = [i for i in undos_of(plan, slot.undo_of) if i < index]
    assert all(mine.progress[i].outcome is Outcome.OK for i in before), "a part of an undo before the one above it"
    parts = [mine.progress[i] for i in undos_of(plan, slot.undo_of)]
    assert not any(part.skipped for part in parts), "a part of an undo that is not owed"
    if slot.when is WHEN:
        assert mine.registered["noted"].stdout == "x", "undone where the rollback's when is false"
    assert not any(given_up(plan.slots[u.slot], mine.progress[u.slot]) for u in state.layout.undos), (
        "undone beyond an undo, or a check, that failed"
    )


def check_undo_of_back(drive: Drive, host: HostName, index: int) -> None:
    """In a run that takes another back: only what is owed, newest first, and nothing that was undone before."""
    mine, slot = drive.state.hosts[host], drive.plan.slots[index]
    assert slot.undo_of is not None
    outcome = mine.progress[slot.undo_of].outcome
    assert outcome is Outcome.OK or outcome in slot.undo_on, "undo after an outcome that its rule does not name"
    assert mine.progress[index].outcome is not Outcome.OK, "undone a second time"
    first = owed(drive.state.layout, mine)[0]
    assert first.slot == index, "an older step was undone before a newer one, or a part before the one above it"
    assert drive.plan.hosts[[h.host.name for h in drive.plan.hosts].index(host)].whens[index], "it is not owed"


def check_back(drive: Drive) -> None:
    """That a finished run can be taken back by another, whatever came of it, and once."""
    hosts = tuple(drive.state.hosts)
    rng = random.Random(len(drive.log))
    found = take_back(drive.state, RunId("r"), hosts, with_gates=rng.random() < 0.6)
    if found.plan is None:
        return
    back = Drive(plan=found.plan, rng=rng, p_bad=rng.choice([0, 0.3]), p_abort=0, p_ill=0, state=RunState(found.plan))
    back.run()
    lists = back.state.lists()
    assert not any(isinstance(r.event, AttemptStarted) and r.event.step.startswith("s") for r in back.log), "forward"
    broken = lists[Standing.ROLLBACK_FAILED] + lists[Standing.FAILED]
    stopped = broken or back.state.between.stop
    waiting = [each.host.name for each in back.plan.hosts if each.wave and stopped]
    left = set(back.state.hosts) - {*lists[Standing.ROLLED_BACK], *broken, *waiting}
    assert not left, "a host was left as it was"
    check_relied_on(drive, back)
    assert dict(fold(back.plan, back.log).hosts) == dict(back.state.hosts)
    done = set(lists[Standing.ROLLED_BACK])
    again = take_back(drive.state, RunId("r"), hosts, [back.state])
    assert again.plan is None or not done & {each.host.name for each in again.plan.hosts}, "taken back twice"
    if back.state.finished and back.state.finished.exit in (3, 7):
        assert stopped, "it ended early for no reason"
        assert back.state.opened < len(back.plan.waves), "a gate was asked after the last wave"
    if back.state.finished and back.state.finished.exit == 0:
        assert again.plan is None, "something was left"


def check_relied_on(drive: Drive, back: Drive) -> None:
    """That what ran once is taken back only after all hosts that rely on it, and not beside one that stays."""
    at = {r.event.host: r.seq for r in back.log if isinstance(r.event, HostSettled)}
    rolled_back = set(back.state.lists()[Standing.ROLLED_BACK])
    for recorded in back.log:
        event = recorded.event
        if not isinstance(event, UndoStarted):
            continue
        step = drive.plan.slots[drive.state.layout.find(event.step, undo=True)].undo_of
        for once in drive.plan.once:
            if once.slot == step and event.host in once.hosts:
                relied = [i for i in drive.state.layout.steps if i > once.slot]
                for other in relying(drive.plan, drive.state, once, event.host):
                    theirs = drive.state.hosts[other]
                    if not any(theirs.progress[i].effect for i in relied):
                        continue  # all that was begun there could not be started
                    if is_undone(drive.plan, theirs) and not owed(drive.state.layout, theirs):
                        continue  # it was taken back, and its `finally` failed afterwards
                    assert other in rolled_back, "an undo of what a host relies on that stays"
                    assert at[other] < recorded.seq, "an undo of what other hosts relied on, before theirs"


def undos_of(plan: Plan, step: int) -> list[int]:
    return [i for i, slot in enumerate(plan.slots) if slot.undo_of == step]


def check_not_owed(drive: Drive, host: HostName, index: int) -> None:
    mine, slot = drive.state.hosts[host], drive.plan.slots[index]
    assert slot.when is WHEN, "passed over an undo that has no condition"
    assert mine.registered["noted"].stdout != "x", "passed over an undo that is owed"
    parts = [mine.progress[i] for i in undos_of(drive.plan, slot.undo_of or 0)]
    assert not any(part.touched for part in parts), "found not owed when it was half done"


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
    assert succeeded == (all_ok and not aborted and not state.between.stop), "a success needs every host and gate"
    if succeeded:
        for wave in plan.waves:
            check_gates(drive.log, wave)
    assert succeeded == (state.finished.exit == 0)
    for host in lists["rolled_back"]:
        mine = state.hosts[host]
        assert not owed(state.layout, mine), "called rolled back with undos owed"
        undone = [u for u in state.layout.undos if mine.progress[u.slot].touched]
        assert undone, "called rolled back with nothing undone"
        assert all(mine.progress[u.slot].outcome is Outcome.OK for u in undone), "called rolled back, an undo failed"
    check_certificate(drive)
    for host in lists["rollback_failed"]:
        mine = state.hosts[host]
        if mine.owed and is_undone(plan, mine):
            continue
        ended = [given_up(plan.slots[i], mine.progress[i]) for i in state.layout.finally_]
        assert undo_failed(state.layout, mine) or any(ended) or aborted
    for host in lists["ok"]:
        assert not state.hosts[host].owed, "ok with handlers owed"
    replayed = fold(plan, drive.log)
    assert dict(replayed.hosts) == dict(state.hosts), "the journal folds to another state"
    assert [*replayed.waves, replayed.waves.total] == [*state.waves, state.waves.total]
    assert (replayed.between, replayed.spread) == (state.between, state.spread)
    assert replayed.finished == state.finished


def features_of(drive: Drive) -> Counter[str]:
    """How often the run met what is rare, so that the checks of it have looked at something."""
    skips = [each.event for each in drive.log if isinstance(each.event, StepSkipped)]
    started = [each.event.step for each in drive.log if isinstance(each.event, AttemptStarted)]
    return Counter(
        {
            "passed over": sum("runs once, on" in each.reason for each in skips),
            "undo left out": sum(each.undo for each in skips),
            "lost": sum(wave.lost for wave in drive.state.waves),
            "handlers": sum(step.startswith("c") for step in started),
            "looked": sum(step.startswith("look") for step in started),
        }
    )


def check_certificate(drive: Drive) -> None:
    """That it says of every step on every host what has happened there."""
    state, plan = drive.state, drive.plan
    made = certify(RunId("r"), state, drive.log)
    assert not differences(certificate_json(made), made)
    assert list(made.table) == [each.host.name for each in plan.hosts]
    for host, steps in made.table.items():
        mine = state.hosts[host]
        assert list(steps) == [plan.slots[i].name for i in state.layout.steps]
        for index in state.layout.steps:
            fate, undos = steps[plan.slots[index].name], undos_of(plan, index)
            ended = [mine.progress[i].outcome is Outcome.OK for i in undos]
            assert (fate in (Fate.UNDONE, Fate.VERIFIED)) == (bool(undos) and all(ended)), "undone is what was undone"
            assert fate is not Fate.VERIFIED or any(plan.slots[i].verifies for i in undos)
            if fate is Fate.NEVER_STARTED:
                assert mine.progress[index].effect is None


LONG = 20_000
"""Runs of the long form."""
PARTS = [
    *(pytest.param(at, at + 1_000, id=str(at)) for at in range(0, RUNS, 1_000)),
    *(pytest.param(at, at + 1_000, id=str(at), marks=pytest.mark.slow) for at in range(RUNS, LONG, 1_000)),
]


@pytest.mark.parametrize(("first", "end"), PARTS)
def test_no_run_ever_breaks_an_invariant(first: int, end: int) -> None:
    seen: Counter[str] = Counter()
    drawn: Counter[str] = Counter()
    for seed in range(first, end):
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
            if seed % 3 == 0:
                check_back(drive)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        assert drive.state.finished
        seen[f"{drive.state.finished.status.value} {drive.state.finished.exit}"] += 1
        drawn += features_of(drive)
    wanted = "succeeded 0, failed 3, rolled_back 4, rollback_failed 5, failed 6, aborted 130, aborted 3, held 7"
    assert set(seen) == set(wanted.split(", ")), seen
    assert min(drawn[each] for each in ("passed over", "undo left out", "lost", "handlers", "looked")) > 0, drawn
