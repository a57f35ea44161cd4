"""What to do next with the run as a whole, from counters alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from orchestrator.core.host_decisions import Signals
from orchestrator.model.plan import Policy
from orchestrator.model.playbook import RollbackScope
from orchestrator.model.state import RunStatus, Standing


@dataclass(slots=True, kw_only=True)
class Counts:
    """How many hosts of one wave stand where.

    failures, unreachable: what the budgets count; a host that failed and was rolled back still counts.
    owing: hosts that would have something to undo if they were taken back now.
    asking: of those under way, the ones that wait for a person. aborts: those whose failure ends the run.
    """

    standing: dict[Standing, int] = field(default_factory=lambda: dict.fromkeys(Standing, 0))
    failures: int = 0
    unreachable: int = 0
    owing: int = 0
    asking: int = 0
    aborts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWave:
    """Open the next wave."""

    wave: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOn:
    """Bring the hosts of an open wave forward, or back, until they are settled."""

    wave: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Start nothing: the run is paused; or only a person's answer takes it further, and `waits_for` says what for."""

    waits_for: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Nothing is left to do."""

    status: RunStatus
    cause: str
    exit: int


RunDecision = OpenWave | WorkOn | Hold | Finish


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
    return ""


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


def signal(policy: Policy, waves: Sequence[Counts], *, wave: int, opened: int, course: Course) -> Signals:
    """What the run asks of the hosts of a wave (index from 0), when `opened` waves have been opened."""
    if course.aborts or _aborted_by_a_step(waves):
        now = course is Course.ABORTING_NOW
        paused = course is Course.PAUSED
        return Signals(forward=False, undo=False, self_undo=False, paused=paused, aborting=True, now=now)
    over = bool(over_budget(policy, waves))
    in_scope = policy.rollback is RollbackScope.RUN or (policy.rollback is RollbackScope.WAVE and wave == opened - 1)
    return Signals(
        forward=not over,
        begin=under_way(waves) < policy.max_parallel,
        undo=over and in_scope,
        self_undo=policy.rollback is not RollbackScope.NONE,
        paused=course is Course.PAUSED,
    )


def under_way(waves: Sequence[Counts]) -> int:
    """How many hosts have begun and are not settled, whether they are at work or wait for a person.

    One that waits is as much out of service as one at work: it keeps its place under `max_parallel`.
    """
    return sum(wave.standing[Standing.BUSY] for wave in waves)


def decide(policy: Policy, waves: Sequence[Counts], *, opened: int, course: Course) -> RunDecision:
    """What to do next with the run.

    Open waves come first, so that nothing overtakes an unsettled one: those with hosts under way (after a crash or a
    pause they keep their places), then the newest.
    """
    if course is Course.PAUSED:
        return Hold()
    at_work = [wave for wave in range(opened) if waves[wave].standing[Standing.BUSY] > waves[wave].asking]
    for wave in (*reversed(at_work), *reversed(range(opened))):
        if _has_work(waves[wave], signal(policy, waves, wave=wave, opened=opened, course=course)):
            return WorkOn(wave=wave)
    if course.aborts:
        return Finish(status=RunStatus.ABORTED, cause="aborted by a person", exit=130)
    if aborts := _aborted_by_a_step(waves):
        cause = f"a step whose on_failure is abort failed on {count_hosts(aborts)}"
        return Finish(status=RunStatus.ABORTED, cause=cause, exit=3)
    if asking := sum(wave.asking for wave in waves):
        return Hold(waits_for=f"a person has to say how {count_hosts(asking)} {'goes' if asking == 1 else 'go'} on")
    cause = over_budget(policy, waves)
    if opened < len(waves) and not cause:
        return OpenWave(wave=opened)
    return _finish(waves, cause)


def _aborted_by_a_step(waves: Sequence[Counts]) -> int:
    return sum(wave.aborts for wave in waves)


def _has_work(counts: Counts, signals: Signals) -> bool:
    waiting = counts.standing[Standing.NEVER_STARTED] if signals.forward and signals.begin else 0
    busy = counts.standing[Standing.BUSY] - (counts.asking if signals.forward else 0)
    return bool(waiting or busy or (signals.undo and counts.owing))


def _finish(waves: Sequence[Counts], cause: str) -> Finish:
    """The verdict: the worst that any host came to. A success needs every host."""

    def total(*standings: Standing) -> int:
        return sum(wave.standing[standing] for wave in waves for standing in standings)

    rollback_failed = total(Standing.ROLLBACK_FAILED)
    failed = total(Standing.FAILED)
    rolled_back = total(Standing.ROLLED_BACK)
    not_known = total(Standing.UNREACHABLE, Standing.UNKNOWN)
    if rollback_failed:
        cause = cause or f"the rollback of {count_hosts(rollback_failed)} failed"
        return Finish(status=RunStatus.ROLLBACK_FAILED, cause=cause, exit=5)
    if failed:
        return Finish(status=RunStatus.FAILED, cause=cause or f"{count_hosts(failed)} failed", exit=3)
    if rolled_back:
        cause = cause or f"{count_hosts(rolled_back)} failed, within max_failures"
        return Finish(status=RunStatus.ROLLED_BACK, cause=cause, exit=4)
    if not_known:
        cause = cause or f"{count_hosts(not_known)} unreachable or of unknown outcome"
        return Finish(status=RunStatus.FAILED, cause=cause, exit=6)
    return Finish(status=RunStatus.SUCCEEDED, cause="", exit=0)


def count_hosts(count: int) -> str:
    """`1 host`, `2 hosts`."""
    return f"{count} host" if count == 1 else f"{count} hosts"
