"""What to do next with a run that takes another back: its undos, and nothing else."""

from orchestrator.core.between import Hold
from orchestrator.core.counts import Counts
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


def decide(counts: Counts, *, opened: int, course: Course) -> RunDecision:
    """What to do next with the run, which has one wave: no gate is asked and nothing is waited for on the way back."""
    if course is Course.PAUSED:
        return Hold()
    if not opened and not course.aborts:
        return OpenWave(wave=0)
    if counts.standing[Standing.BUSY] or (counts.owing and not course.aborts):
        return WorkOn(wave=0)
    if course.aborts:
        return Finish(status=RunStatus.ABORTED, cause="aborted by a person", exit=130)
    if failed := counts.standing[Standing.ROLLBACK_FAILED] + counts.standing[Standing.FAILED]:
        cause = f"the rollback of {count_hosts(failed)} failed"
        return Finish(status=RunStatus.ROLLBACK_FAILED, cause=cause, exit=5)
    return Finish(status=RunStatus.ROLLED_BACK, cause="asked for by a person", exit=0)
