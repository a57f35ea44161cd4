"""What to do next with a run that takes another back: its undos, and nothing else."""

from collections.abc import Sequence

from orchestrator.core import between as core_between
from orchestrator.core.between import Between, Hold, Looked, LookThere
from orchestrator.core.counts import RunCounts
from orchestrator.core.host_decisions import Signals
from orchestrator.core.rollout import Course, Finish, Moment, OpenWave, RunDecision, WorkOn, count_hosts
from orchestrator.model.gate import Gate
from orchestrator.model.state import RunStatus, Standing


def signal(course: Course) -> Signals:
    """What the run asks of each of its hosts: to be taken back. One whose undo fails stops no other."""
    now = course is Course.ABORTING_NOW
    paused = course is Course.PAUSED
    return Signals(
        forward=False, undo=not course.aborts, self_undo=False, paused=paused, aborting=course.aborts, now=now
    )


def decide(
    counts: RunCounts,
    *,
    opened: int,
    course: Course,
    between: Between,
    gates: Sequence[Gate],
    moment: Moment,
    looked: Looked,
) -> RunDecision:
    """What to do next with the run. gates: those of the newest wave, where the way back has any; else nothing is
    waited for. moment, looked: as in `rollout.decide`.

    A later wave may have a host on whose step those before it rely: it is opened only once all of them are back.
    """
    if course is Course.PAUSED:
        return Hold()
    if opened and (counts.busy or (counts.owing & set(range(opened)) and not course.aborts)):
        return WorkOn(wave=min(counts.busy or counts.owing))
    if course.aborts:
        return Finish(status=RunStatus.ABORTED, cause="aborted by a person", exit=130)
    total = counts.total.standing
    if failed := total[Standing.ROLLBACK_FAILED] + total[Standing.FAILED]:
        cause = f"the rollback of {count_hosts(failed)} failed"
        return Finish(status=RunStatus.ROLLBACK_FAILED, cause=cause, exit=5)
    if stop := between.stop:
        status, exit = (RunStatus.HELD, 7) if stop.held else (RunStatus.FAILED, 3)
        return Finish(status=status, cause=stop.cause, exit=exit)
    if opened and (decision := core_between.decide(between, opened - 1, gates, moment.now, looked)):
        return WorkOn(wave=decision.wave) if isinstance(decision, LookThere) else decision
    if opened < len(counts):
        return OpenWave(wave=opened)
    return Finish(status=RunStatus.ROLLED_BACK, cause="asked for by a person", exit=0)
