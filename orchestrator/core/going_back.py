"""What to do next with a run that takes another back: its undos, and nothing else."""

from orchestrator.core.between import Hold
from orchestrator.core.counts import RunCounts
from orchestrator.core.host_decisions import Signals
from orchestrator.core.rollout import Course, Finish, OpenWave, RunDecision, WorkOn, count_hosts
from orchestrator.model.state import RunStatus, Standing


def signal(course: Course) -> Signals:
    """What the run asks of each of its hosts: to be taken back. One whose undo fails stops no other."""
    now = course is Course.ABORTING_NOW
    paused = course is Course.PAUSED
    return Signals(
        forward=False, undo=not course.aborts, self_undo=False, paused=paused, aborting=course.aborts, now=now
    )


def decide(counts: RunCounts, *, opened: int, course: Course) -> RunDecision:
    """What to do next with the run: no gate is asked and nothing is waited for on the way back.

    A later wave has a host on whose step those before it rely: it is opened only once all of them are back.
    """
    if course is Course.PAUSED:
        return Hold()
    if opened and (counts.busy or (counts.owing & set(range(opened)) and not course.aborts)):
        return WorkOn(wave=min(counts.busy or counts.owing))
    if course.aborts:
        return Finish(status=RunStatus.ABORTED, cause="aborted by a person", exit=130)
    total = counts.total.standing
    failed = total[Standing.ROLLBACK_FAILED] + total[Standing.FAILED]
    if opened < len(counts) and not failed:
        return OpenWave(wave=opened)
    if failed:
        cause = f"the rollback of {count_hosts(failed)} failed"
        return Finish(status=RunStatus.ROLLBACK_FAILED, cause=cause, exit=5)
    return Finish(status=RunStatus.ROLLED_BACK, cause="asked for by a person", exit=0)
