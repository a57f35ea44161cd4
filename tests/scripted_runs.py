"""Runs of plans, for tests: what happens when a scripted fleet follows a plan.

`play` drives the real deciders over a fleet that answers by script, so that what a test folds could have happened.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC

from orchestrator import gates
from orchestrator.core import host as core_host
from orchestrator.core.between import AnswerGate, AskGate, Hold, Look
from orchestrator.core.host_decisions import (
    Ask,
    Attend,
    AwaitApi,
    Fail,
    Lapse,
    PlanRetry,
    Rest,
    Settle,
    Skip,
    Start,
    Wait,
    WaitUntil,
)
from orchestrator.core.rollout import Finish, OpenWave, WorkOn
from orchestrator.core.run_state import RunState, fold
from orchestrator.model.event import (
    Answer,
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
    RunStarted,
    StepResult,
    StepSkipped,
    UndoEnded,
    UndoStarted,
    WaveOpened,
)
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.plan import Plan, Section, Slot
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import Standing
from orchestrator.ports import Output
from orchestrator.report.view import Paper, RunView

RUN = RunId("r261124-071233-x7k3p")
BEGAN_AT = 1_795_504_353.0
"""2026-11-24 07:12:33 UTC."""

PAPER = Paper(zone=UTC)
ARGV = ("orc", "run", "playbooks/deploy.yml", "-i", "inventories/prod.yml", "-e", "release=v2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """How an attempt ends. detail: empty for the words that the engine would find."""

    outcome: Outcome = Outcome.OK
    exit_code: int | None = 0
    stdout: str = ""
    stderr: str = ""
    duration: float = 0.4
    detail: str = ""
    may_be_running: bool = False
    attached: bool = False


OK = Ends()
Script = Callable[[str, str, bool, int], Ends | None]
"""(host, step, undo, attempt) to how it ends; None: the run is left there, with the attempt under way."""


def failing(exit_code: int = 1, stderr: str = "", **more: object) -> Ends:
    """An attempt whose command failed."""
    ends = Ends(outcome=Outcome.FAILED, exit_code=exit_code, stderr=stderr, detail=f"exit status {exit_code}")
    return replace(ends, **more)  # type: ignore[arg-type] # the fields of Ends, by name


def by_table(table: Mapping[tuple[str, str], Ends]) -> Script:
    """A script from (host, step) to how every attempt ends; an undo's step is `undo of STEP`; all else is ok."""
    return lambda host, step, undo, attempt: table.get((host, f"undo of {step}" if undo else step), OK)


@dataclass(kw_only=True)
class Played:
    """A run that was played: its plan, its journal and its state."""

    plan: Plan
    state: RunState
    log: list[Recorded] = field(default_factory=list)
    now: float = BEGAN_AT

    def record(self, event: Event) -> None:
        """Let an event happen now."""
        recorded = Recorded(run=RUN, seq=len(self.log) + 1, at=self.now, event=event)
        self.log.append(recorded)
        self.state.apply(recorded)

    def outputs(self) -> tuple[Output, ...]:
        """The captured outputs, as a journal gives them."""
        return tuple(found for recorded in self.log if (found := Output.of(recorded)))


class _Left(Exception):
    """The script left the run where it was."""


def play(
    plan: Plan,
    script: Script = lambda *_: OK,
    *,
    pause_after: int | None = None,
    cause: str = "Ctrl-C",
    looked: Answer = Answer.PASSED,
) -> Played:
    """A run of the plan, host after host, to its end, or to where the script leaves it.

    pause_after: once so many hosts are settled, the run is paused and left. looked: what a gate finds out here.
    """
    played = Played(plan=plan, state=RunState(plan))
    played.record(RunStarted(playbook=plan.playbook, digest=plan.digest, hosts=len(plan.hosts), by="ana@laptop"))
    played.now += 0.1
    try:
        while not played.state.finished:
            _advance(played, script, pause_after, cause, looked)
    except _Left:
        pass
    return played


def carry_on(played: Played, script: Script = lambda *_: OK) -> None:
    """Play a run on that was left."""
    try:
        while not played.state.finished:
            _advance(played, script, None, "", Answer.PASSED)
    except _Left:
        pass


def _advance(played: Played, script: Script, pause_after: int | None, cause: str, looked: Answer) -> None:
    state = played.state
    match state.decide(now=played.now):
        case OpenWave(wave=wave):
            played.record(WaveOpened(wave=wave, hosts=len(played.plan.waves[wave].hosts)))
        case WorkOn(wave=wave):
            for host in state.to_work_on(wave):
                while _step(played, host, script):
                    pass
                settled = sum(each.settled is not None for each in state.hosts.values())
                if pause_after is not None and settled >= pause_after:
                    played.record(RunPaused(by="ana@laptop", cause=cause))
                    raise _Left
        case AskGate(wave=wave, number=number):
            gate = played.plan.waves[wave].gates[number]
            until = gates.expires_at(gate, played.now)
            played.record(
                GateAsked(gate=gate.name, wave=wave, kind=gate.kind, expires_at=until, detail=gates.told(gate))
            )
        case AnswerGate() as said:
            played.record(
                GateAnswered(gate=said.gate, wave=said.wave, kind=said.kind, answer=said.answer, by="orc", why=said.why)
            )
        case Look(gate=gate):
            wave = state.opened - 1
            played.record(GateAnswered(gate=gate.name, wave=wave, kind=gate.kind, answer=looked, by="orc"))
        case gates.WaitUntil(at=at):
            played.now = at
        case Hold() as hold:
            played.record(RunPaused(by="orc", cause=hold.waits_for, waiting=True))
            raise _Left
        case Finish() as finish:
            lists = {s.value: names for s, names in state.lists().items() if s is not Standing.BUSY}
            played.record(RunFinished(status=finish.status, cause=finish.cause, exit=finish.exit, lists=lists))


def _step(played: Played, host: HostName, script: Script) -> bool:
    """Do the host's next decision; whether there may be another."""
    state, plan = played.state, played.plan
    mine = next(each for each in plan.hosts if each.host.name == host)

    decision = core_host.decide(state.layout, mine, state.hosts[host], state.signals(mine.wave), played.now)
    match decision:
        case Start(slot=index, attempt=number):
            _attempt(played, host, plan.slots[index], number, script)
        case Fail(slot=index, attempt=number, detail=detail):
            broken = Ends(outcome=Outcome.FAILED, exit_code=None, duration=0.0, detail=detail)
            _attempt(played, host, plan.slots[index], number, lambda *_: broken)
        case Skip(slot=index, reason=reason):
            undone = plan.slots[index].undo_of
            step = plan.slots[index if undone is None else undone].name
            played.record(StepSkipped(host=host, step=step, reason=reason, undo=undone is not None))
        case PlanRetry(slot=index, attempt=number, delay=delay):
            slot = plan.slots[index]
            undo = slot.section is Section.UNDO
            at = played.now + delay
            played.record(RetryPlanned(host=host, step=slot.name, attempt=number, not_before=at, undo=undo))
        case WaitUntil(at=at):
            played.now = max(played.now, at)
        case Ask(slot=index, detail=detail):
            step = plan.slots[index].name
            played.record(GateAsked(gate=step, host=host, step=step, detail=detail))
        case Lapse(slot=index, why=why):
            step = plan.slots[index].name
            played.record(GateAnswered(gate=step, host=host, step=step, answer=Answer.FAILED, by="orc", why=why))
        case Settle(standing=standing):
            played.record(HostSettled(host=host, standing=standing))
        case Rest() | Attend() | Wait() | AwaitApi():
            return False
    return True


def _attempt(played: Played, host: HostName, slot: Slot, number: int, script: Script) -> None:
    undo = slot.section is Section.UNDO
    started = (UndoStarted if undo else AttemptStarted)(host=host, step=slot.name, attempt=number, nonce="5f0c")
    played.record(started)
    ends = script(host, slot.name, undo, number)
    if ends is None:
        raise _Left
    played.now += ends.duration
    result = StepResult(
        exit_code=ends.exit_code,
        stdout=ends.stdout,
        stderr=ends.stderr,
        stdout_size=len(ends.stdout.encode(errors="surrogatepass")),
        stderr_size=len(ends.stderr.encode(errors="surrogatepass")),
    )
    ended = UndoEnded if undo else AttemptEnded
    played.record(
        ended(
            host=host,
            step=slot.name,
            attempt=number,
            outcome=ends.outcome,
            duration=ends.duration,
            attached=ends.attached,
            may_be_running=ends.may_be_running,
            detail=ends.detail,
            result=None if ends.outcome in (Outcome.UNREACHABLE, Outcome.UNKNOWN) else result,
        )
    )


def refold(played: Played) -> RunState:
    """The state that the journal alone gives."""
    return fold(played.plan, played.log)


def view_of(played: Played, *, driver: str = "") -> RunView:
    """The run as reports see it."""
    return RunView(
        id=RUN,
        state=played.state,
        created_at=BEGAN_AT,
        last_at=played.log[-1].at,
        by="ana@laptop",
        argv=ARGV,
        driver=driver,
        outputs={(output.host, output.step, output.undo): output for output in played.outputs()},
    )
