"""What to do next with the run as a whole, from counters alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from orchestrator.core import between as core_between
from orchestrator.core.between import PROGRESS, AnswerGate, Between, GateDecision, Hold
from orchestrator.core.host_decisions import Signals
from orchestrator.gates.kind import WaitUntil
from orchestrator.gates.words import period
from orchestrator.model.event import Answer
from orchestrator.model.gate import Gate
from orchestrator.model.plan import Policy
from orchestrator.model.playbook import Outcome
from orchestrator.model.rollout import InFlight, RollbackScope
from orchestrator.model.state import HostState, RunStatus, Standing


@dataclass(slots=True, kw_only=True)
class Counts:
    """How many hosts of one wave stand where.

    failures, unreachable: what the budgets count; a host that failed and was rolled back still counts.
    owing: hosts that would have something to undo if they were taken back now.
    asking: of those under way, the ones that wait for a person. aborts: those whose failure ends the run.
    cancelled: those of which a step was ended because the run went no further.
    barred: of those never started, the ones whose value of the spread is full. budget: the wave's own, None for none.
    held, held_new: those under way, and those not begun, that wait for a step which runs once, on another host.
    barred_and_held: of those never started, the ones that are counted in both barred and held_new.
    lost: steps that run once, on a host of this wave, from which nobody can go on.
    """

    standing: dict[Standing, int] = field(default_factory=lambda: dict.fromkeys(Standing, 0))
    failures: int = 0
    unreachable: int = 0
    owing: int = 0
    asking: int = 0
    aborts: int = 0
    cancelled: int = 0
    barred: int = 0
    budget: int | None = None
    held: int = 0
    held_new: int = 0
    barred_and_held: int = 0
    lost: int = 0

    def add(self, state: HostState, stands: Standing, sign: int, *, owing: bool) -> None:
        """Count one host as it stands (sign 1), or no more (-1). owing: it would have something to undo."""
        self.standing[stands] += sign
        self.unreachable += sign * (state.failure is Outcome.UNREACHABLE)
        fell = state.failure is not Outcome.UNREACHABLE and (state.failure is not None or state.ever_failed_finally)
        self.failures += sign * fell
        self.asking += sign * (state.asks is not None and state.failure is None)
        self.aborts += sign * state.aborts
        self.cancelled += sign * state.cancelled
        self.owing += sign * owing

    @property
    def resting(self) -> int:
        """Of those under way, the ones that do nothing by themselves while the run goes forward."""
        return self.asking + self.held

    @property
    def ready(self) -> int:
        """Of those never started, the ones that could begin if there were a place."""
        return self.standing[Standing.NEVER_STARTED] - self.barred - self.held_new + self.barred_and_held


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWave:
    """Open the next wave."""

    wave: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOn:
    """Bring the hosts of an open wave forward, or back, until they are settled."""

    wave: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Nothing is left to do."""

    status: RunStatus
    cause: str
    exit: int


RunDecision = OpenWave | WorkOn | GateDecision | Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The time (seconds since the epoch), and what the run waits for by it.

    healthy_at: when the last host that became ok will have been so for `min_healthy`. progress_due: when hosts of the
    newest wave have not become ok for too long; None: no such deadline runs.
    """

    now: float = 0.0
    healthy_at: float = 0.0
    progress_due: float | None = None


NOW = Moment()
NOTHING_BETWEEN = Between()


def over_budget(policy: Policy, waves: Sequence[Counts]) -> str:
    """Why the run may not go forward: which budget is over, and by what; empty while none is.

    A budget is over when count > budget: `max_failures: 0` stops at the first failure.
    """
    failures = sum(wave.failures for wave in waves)
    unreachable = sum(wave.unreachable for wave in waves)
    if failures > policy.max_failures:
        return f"{count_hosts(failures)} failed, max_failures is {policy.max_failures}"
    if unreachable > policy.max_unreachable:
        return f"{count_hosts(unreachable)} unreachable, max_unreachable is {policy.max_unreachable}"
    for index, wave in enumerate(waves):
        if wave.budget is not None and wave.failures + wave.unreachable > wave.budget:
            said = f"{count_hosts(wave.failures + wave.unreachable)} of wave {index + 1} failed or unreachable"
            return f"{said}, its max_failures is {wave.budget}"
    if any(wave.lost for wave in waves):
        return "the host failed on which a step runs once for all of them"
    return ""


def stop_cause(policy: Policy, waves: Sequence[Counts], between: Between) -> str:
    """Why the run may not go forward: a budget that is over, or a gate's answer; empty while it may."""
    return over_budget(policy, waves) or (between.stop.cause if between.stop else "")


class Course(Enum):
    """Which way a person lets the run go."""

    ON = "on"
    """As the plan says."""
    PAUSED = "paused"
    """Nothing new is started, until it is resumed."""
    ABORTING = "aborting"
    """Nothing new is started but `finally`; then the run ends."""
    ABORTING_NOW = "aborting_now"
    """What is under way is ended in the guests; then the run ends."""

    @property
    def aborts(self) -> bool:
        """Whether the run ends without going on."""
        return self in (Course.ABORTING, Course.ABORTING_NOW)

    def rank(self) -> int:
        """How far it goes: of two courses the one that goes further holds."""
        return list(Course).index(self)


def signal(
    policy: Policy,
    waves: Sequence[Counts],
    *,
    wave: int,
    opened: int,
    course: Course,
    between: Between = NOTHING_BETWEEN,
) -> Signals:
    """What the run asks of the hosts of a wave (index from 0), when `opened` waves have been opened."""
    if course.aborts or _aborted_by_a_step(waves):
        now = course is Course.ABORTING_NOW
        paused = course is Course.PAUSED
        return Signals(forward=False, undo=False, self_undo=False, paused=paused, aborting=True, now=now)
    over = bool(stop_cause(policy, waves, between))
    stays = between.stop is not None and not between.stop.undo
    in_scope = policy.rollback is RollbackScope.RUN or (policy.rollback is RollbackScope.WAVE and wave == opened - 1)
    return Signals(
        forward=not over,
        begin=under_way(waves) < policy.max_parallel,
        undo=over and in_scope and not stays,
        self_undo=policy.rollback is not RollbackScope.NONE,
        paused=course is Course.PAUSED,
        cancel=over and policy.in_flight is InFlight.CANCEL,
    )


def under_way(waves: Sequence[Counts]) -> int:
    """How many hosts have begun and are not settled, whether they are at work or wait for a person.

    One that waits is as much out of service as one at work: it keeps its place under `max_parallel`.
    """
    return sum(wave.standing[Standing.BUSY] for wave in waves)


def decide(
    policy: Policy,
    waves: Sequence[Counts],
    *,
    opened: int,
    course: Course,
    between: Between = NOTHING_BETWEEN,
    gates: Sequence[Gate] = (),
    moment: Moment = NOW,
) -> RunDecision:
    """What to do next with the run. gates: those of the newest wave.

    Open waves come first, so that nothing overtakes an unsettled one: those with hosts under way (after a crash or a
    pause they keep their places), then the newest.
    """
    if course is Course.PAUSED:
        return Hold()
    at_work = [wave for wave in range(opened) if waves[wave].standing[Standing.BUSY] > waves[wave].resting]
    for wave in (*reversed(at_work), *reversed(range(opened))):
        if _has_work(waves[wave], signal(policy, waves, wave=wave, opened=opened, course=course, between=between)):
            return stalled(policy, opened - 1, moment) or WorkOn(wave=wave)
    if course.aborts:
        return Finish(status=RunStatus.ABORTED, cause="aborted by a person", exit=130)
    if aborts := _aborted_by_a_step(waves):
        cause = f"a step whose on_failure is abort failed on {count_hosts(aborts)}"
        return Finish(status=RunStatus.ABORTED, cause=cause, exit=3)
    if asking := sum(wave.asking for wave in waves):
        return Hold(waits_for=f"a person has to say how {count_hosts(asking)} {'goes' if asking == 1 else 'go'} on")
    if cause := stop_cause(policy, waves, between):
        return _finish(policy, waves, cause, between)
    if moment.now < moment.healthy_at:
        return WaitUntil(at=moment.healthy_at)
    if opened and (decision := core_between.decide(between, opened - 1, gates, moment.now)):
        return decision
    if opened < len(waves):
        return OpenWave(wave=opened)
    return _finish(policy, waves, cause, between)


def stalled(policy: Policy, wave: int, moment: Moment) -> AnswerGate | None:
    """The end of the run's way forward where no host of its newest wave has become ok for too long."""
    if moment.progress_due is None or policy.progress_deadline is None or moment.now < moment.progress_due:
        return None
    why = f"no host of wave {wave + 1} became ok for {period(policy.progress_deadline)}"
    return AnswerGate(wave=wave, gate=PROGRESS, kind=PROGRESS, answer=Answer.FAILED, why=why)


def _aborted_by_a_step(waves: Sequence[Counts]) -> int:
    return sum(wave.aborts for wave in waves)


def _has_work(counts: Counts, signals: Signals) -> bool:
    waiting = counts.ready if signals.forward and signals.begin else 0
    busy = counts.standing[Standing.BUSY] - (counts.resting if signals.forward else 0)
    return bool(waiting or busy or (signals.undo and counts.owing))


def _finish(policy: Policy, waves: Sequence[Counts], cause: str, between: Between) -> Finish:
    """The verdict: the worst that any host came to, or the run itself. A success needs every host and every gate."""

    def total(*standings: Standing) -> int:
        return sum(wave.standing[standing] for wave in waves for standing in standings)

    rollback_failed = total(Standing.ROLLBACK_FAILED)
    failed = total(Standing.FAILED)
    rolled_back = total(Standing.ROLLED_BACK)
    not_known = total(Standing.UNREACHABLE, Standing.UNKNOWN)
    stop = between.stop
    taken_back = stop and stop.undo and policy.rollback in (RollbackScope.WAVE, RollbackScope.RUN) and rolled_back
    if rollback_failed:
        cause = cause or f"the rollback of {count_hosts(rollback_failed)} failed"
        return Finish(status=RunStatus.ROLLBACK_FAILED, cause=cause, exit=5)
    if unknown := total(Standing.UNKNOWN) if rolled_back else 0:
        failed += unknown  # not all that failed was taken back
    if failed:
        return _failed(cause or f"{count_hosts(failed)} failed")
    if stop and not taken_back:
        return Finish(status=RunStatus.HELD, cause=cause, exit=7) if stop.held else _failed(cause)
    if rolled_back:
        cause = cause or f"{count_hosts(rolled_back)} failed, within max_failures"
        return Finish(status=RunStatus.ROLLED_BACK, cause=cause, exit=4)
    if not_known:
        cause = cause or f"{count_hosts(not_known)} unreachable or of unknown outcome"
        return Finish(status=RunStatus.FAILED, cause=cause, exit=6)
    return Finish(status=RunStatus.SUCCEEDED, cause="", exit=0)


def _failed(cause: str) -> Finish:
    return Finish(status=RunStatus.FAILED, cause=cause, exit=3)


def count_hosts(count: int) -> str:
    """`1 host`, `2 hosts`."""
    return f"{count} host" if count == 1 else f"{count} hosts"
