"""What people ask of a run from elsewhere, heeded by the process that drives it."""

from collections.abc import Mapping

from orchestrator.core.rollout import Course
from orchestrator.engine.live_run import LiveRun
from orchestrator.ports import Act

LOOK_EVERY = 0.5
"""Seconds between two looks into the journal."""

COURSES: Mapping[Act, Course] = {
    Act.PAUSE: Course.PAUSED,
    Act.ABORT: Course.ABORTING,
    Act.ABORT_NOW: Course.ABORTING_NOW,
}


async def heed(live: LiveRun) -> None:
    """Steer the run as it is asked, until cancelled. What was asked before this process took it up is past."""
    journal, clock = live.outside.journal, live.outside.clock
    past = await journal.requests(live.id)
    seen = past[-1].id if past else 0
    while True:
        await clock.sleep_until(clock.now() + LOOK_EVERY)
        for request in await journal.requests(live.id, after=seen):
            seen = request.id
            if course := COURSES.get(request.act):
                cause = f"orc {request.act.value.replace('_', ' ')}" + (f": {request.why}" if request.why else "")
                await live.steer(course, by=request.by, cause=cause)
