"""What to do next with the run as a whole, from counters alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from orchestrator.core import between as core_between
from orchestrator.core.between import PROGRESS, AnswerGate, Between, GateDecision, Hold, Looked, LookThere
from orchestrator.core.counts import Counts, RunCounts
from orchestrator.core.host_decisions import Signals
from orchestrator.gates.kind import WaitUntil
from orchestrator.gates.words import period
from orchestrator.model.event import Answer
from orchestrator.model.gate import Gate
from orchestrator.model.plan import Policy
from orchestrator.model.rollout import InFlight, RollbackScope
from orchestrator.model.state import RunStatus, Standing


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


def over_budget(policy: Policy, counts: RunCounts) -> str:
    """Why the run may not go forward: which budget is over, and by what; empty while none is.

    A budget is over when count > budget: `max_failures: 0` stops at the first failure.
    """
    total = counts.total
    if total.failures > policy.max_failures:
        return f"{count_hosts(total.failures)} failed, max_failures is {policy.max_failures}"
    if total.unreachable > policy.max_unreachable:
        return f"{count_hosts(total.unreachable)} unreachable, max_unreachable is {policy.max_unreachable}"
    if counts.over:
        index = min(counts.over)
        fell = count_hosts(counts[index].failures + counts[index].unreachable)
        return f"{fell} of wave {index + 1} failed or unreachable, its max_failures is {counts[index].budget}"
    if total.lost:
        return "the host failed on which a step runs once for all of them"
    return ""


def stop_cause(policy: Policy, counts: RunCounts, between: Between) -> str:
    """Why the run may not go forward: a budget that is over, or a gate's answer; empty while it may."""
    return over_budget(policy, counts) or (between.stop.cause if between.stop else "")


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
    counts: RunCounts,
    *,
    wave: int,
    opened: int,
    course: Course,
    between: Between = NOTHING_BETWEEN,
) -> Signals:
    """What the run asks of the hosts of a wave (index from 0), when `opened` waves have been opened."""
    if course.aborts or counts.total.aborts:
        now = course is Course.ABORTING_NOW
        paused = course is Course.PAUSED
        return Signals(forward=False, undo=False, self_undo=False, paused=paused, aborting=True, now=now)
    over = bool(stop_cause(policy, counts, between))
    stays = between.stop is not None and not between.stop.undo
    in_scope = policy.rollback is RollbackScope.RUN or (policy.rollback is RollbackScope.WAVE and wave == opened - 1)
    return Signals(
        forward=not over,
        begin=under_way(counts) < policy.max_parallel,
        undo=over and in_scope and not stays,
        self_undo=policy.rollback is not RollbackScope.NONE,
        paused=course is Course.PAUSED,
        cancel=over and policy.in_flight is InFlight.CANCEL,
    )


def under_way(counts: RunCounts) -> int:
    """How many hosts have begun and are not settled, whether they are at work or wait for a person.

    One that waits is as much out of service as one at work: it keeps its place under `max_parallel`.
    """
    return counts.total.standing[Standing.BUSY]


def decide(
    policy: Policy,
    counts: RunCounts,
    *,
    opened: int,
    course: Course,
    between: Between = NOTHING_BETWEEN,
    gates: Sequence[Gate] = (),
    moment: Moment = NOW,
    looked: Looked = lambda _: None,
) -> RunDecision:
    """What to do next with the run. gates: those of the newest wave; looked: what its hosts have answered to one.

    Open waves come first, so that nothing overtakes an unsettled one: those with hosts under way (after a crash or a
    pause they keep their places), then the newest.
    """
    if course is Course.PAUSED:
        return Hold()
    for wave in _with_work(policy, counts, opened=opened, course=course, between=between):
        return stalled(policy, opened - 1, moment) or WorkOn(wave=wave)
    if course.aborts:
        return Finish(status=RunStatus.ABORTED, cause="aborted by a person", exit=130)
    if aborts := counts.total.aborts:
        cause = f"a step whose on_failure is abort failed on {count_hosts(aborts)}"
        return Finish(status=RunStatus.ABORTED, cause=cause, exit=3)
    if asking := counts.total.asking:
        return Hold(waits_for=f"a person has to say how {count_hosts(asking)} {'goes' if asking == 1 else 'go'} on")
    if cause := stop_cause(policy, counts, between):
        return _finish(policy, counts, cause, between)
    if moment.now < moment.healthy_at:
        return WaitUntil(at=moment.healthy_at)
    if opened and (decision := core_between.decide(between, opened - 1, gates, moment.now, looked)):
        return WorkOn(wave=decision.wave) if isinstance(decision, LookThere) else decision
    if opened < len(counts):
        return OpenWave(wave=opened)
    return _finish(policy, counts, cause, between)


def stalled(policy: Policy, wave: int, moment: Moment) -> AnswerGate | None:
    """The end of the run's way forward where no host of its newest wave has become ok for too long."""
    if moment.progress_due is None or policy.progress_deadline is None or moment.now < moment.progress_due:
        return None
    why = f"no host of wave {wave + 1} became ok for {period(policy.progress_deadline)}"
    return AnswerGate(wave=wave, gate=PROGRESS, kind=PROGRESS, answer=Answer.FAILED, why=why)


def _with_work(policy: Policy, counts: RunCounts, *, opened: int, course: Course, between: Between) -> Iterator[int]:
    """The open waves in which there is something to do, in the order in which that is done."""
    if not opened:
        return
    newest = opened - 1
    asked, of_others = (
        signal(policy, counts, wave=wave, opened=opened, course=course, between=between)
        for wave in (newest, newest - 1)  # all but the newest are asked the same
    )
    waves = {newest} | counts.busy | (counts.owing if of_others.undo else set())
    for wave in sorted(waves, key=lambda wave: (counts[wave].standing[Standing.BUSY] <= counts[wave].resting, -wave)):
        if _has_work(counts[wave], asked if wave == newest else of_others):
            yield wave


def _has_work(counts: Counts, signals: Signals) -> bool:
    waiting = counts.ready if signals.forward and signals.begin else 0
    busy = counts.standing[Standing.BUSY] - (counts.resting if signals.forward else 0)
    return bool(waiting or busy or (signals.undo and counts.owing))


def _finish(policy: Policy, counts: RunCounts, cause: str, between: Between) -> Finish:
    """The verdict: the worst that any host came to, or the run itself. A success needs every host and every gate."""

    def total(*standings: Standing) -> int:
        return sum(counts.total.standing[standing] for standing in standings)

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
