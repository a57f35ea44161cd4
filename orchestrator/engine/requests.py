"""What people ask of a run from elsewhere, heeded by the process that drives it."""

from collections.abc import Mapping

from orchestrator.core.between import GATE_ANSWERS
from orchestrator.core.rollout import Course
from orchestrator.engine.live_run import LiveRun
from orchestrator.model.event import Answer, GateAnswered
from orchestrator.model.request import Act, Request

LOOK_EVERY = 0.5
"""Seconds between two looks into the journal."""

COURSES: Mapping[Act, Course] = {
    Act.PAUSE: Course.PAUSED,
    Act.ABORT: Course.ABORTING,
    Act.ABORT_NOW: Course.ABORTING_NOW,
}


ANSWERS: Mapping[Act, Answer] = {Act.RETRY: Answer.RETRY, Act.SKIP: Answer.SKIP, Act.FAIL: Answer.FAILED}


async def take_answers(live: LiveRun, *, until: int) -> None:
    """Record the answers that were given while no process drove the run: those of requests with an id up to `until`."""
    for request in await live.outside.journal.requests(live.id):
        if request.id <= until:
            await _answer(live, request)


async def heed(live: LiveRun, *, after: int) -> None:
    """Do as the requests with an id above `after` say, until cancelled."""
    journal, clock = live.outside.journal, live.outside.clock
    seen = after
    while True:
        await clock.sleep_until(clock.now() + LOOK_EVERY)
        for request in await journal.requests(live.id, after=seen):
            seen = request.id
            if course := COURSES.get(request.act):
                cause = f"orc {request.act.value.replace('_', ' ')}" + (f": {request.why}" if request.why else "")
                await live.steer(course, by=request.by, cause=cause)
            await _answer(live, request)


async def _answer(live: LiveRun, request: Request) -> None:
    """Record the answer to a question that is still open, and was when the answer was given."""
    if request.act in GATE_ANSWERS:
        await _answer_gate(live, request)
        return
    answer = ANSWERS.get(request.act)
    if answer is None or request.host is None or live.state.finished:
        return
    host = live.state.hosts.get(request.host)
    if host is None or host.asks is None or request.at < host.asked_at:
        return
    await live.record(
        GateAnswered(gate=host.asks, host=request.host, step=host.asks, answer=answer, by=request.by, why=request.why)
    )


async def _answer_gate(live: LiveRun, request: Request) -> None:
    """Record the answer to a wave's gate that still waits for a person, if it is one that counts."""
    async with live.answering:
        if live.state.finished or live.state.objection(request.gate, by=request.by, at=request.at):
            return
        question = live.state.between.question
        if question is None:
            return
        await live.record(
            GateAnswered(
                gate=question.gate.name,
                wave=question.wave,
                kind=question.gate.kind,
                answer=GATE_ANSWERS[request.act],
                by=request.by,
                why=request.why,
            )
        )
