"""What people ask of a run from elsewhere, heeded by the process that drives it."""

from collections.abc import Mapping

import anyio

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


async def take_aborts(live: LiveRun, *, until: int, since: float) -> None:
    """Take the course of an abort, by a request with an id up to `until`, that nobody came to heed.

    since: when the process before this one took the run up; what was asked before that is past.
    """
    for request in await live.outside.journal.requests(live.id):
        if request.id <= until and request.at >= since and request.act in (Act.ABORT, Act.ABORT_NOW):
            await _steer(live, request)


class Requests:
    """The requests to a run with an id above `after`: each is heeded once, in the order in which they were made."""

    def __init__(self, live: LiveRun, *, after: int) -> None:
        self._live = live
        self._seen = after
        self._looking = anyio.Lock()

    async def look(self) -> None:
        """Do as those say that were made since the last look."""
        async with self._looking:
            for request in await self._live.outside.journal.requests(self._live.id, after=self._seen):
                self._seen = request.id
                if request.act in COURSES:
                    await _steer(self._live, request)
                await _answer(self._live, request)

    async def keep_looking(self) -> None:
        """Look again and again, until cancelled."""
        clock = self._live.outside.clock
        while True:
            await clock.sleep_until(clock.now() + LOOK_EVERY)
            await self.look()


async def _steer(live: LiveRun, request: Request) -> None:
    cause = f"orc {request.act.value.replace('_', ' ')}" + (f": {request.why}" if request.why else "")
    await live.steer(COURSES[request.act], by=request.by, cause=cause)


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
