"""The gates between waves: what `core.between` decides, done."""

import anyio

from orchestrator import gates
from orchestrator.core.between import PROGRESS, AnswerGate, AskGate
from orchestrator.engine.controller import Controller
from orchestrator.engine.live_run import LiveRun
from orchestrator.gates import command, url
from orchestrator.gates.kind import Settled
from orchestrator.model.event import Answer, GateAnswered, GateAsked
from orchestrator.model.gate import Approval, Bake, ControllerCommand, Gate, UrlWatch, WaveCommand


async def ask(live: LiveRun, decision: AskGate) -> None:
    """Put the question on record."""
    gate = live.plan.waves[decision.wave].gates[decision.number]
    expires_at = gates.expires_at(gate, live.clock.now())
    detail = gates.told(gate)
    await live.record(
        GateAsked(gate=gate.name, wave=decision.wave, kind=gate.kind, expires_at=expires_at, detail=detail)
    )


async def answer(live: LiveRun, decision: AnswerGate) -> None:
    """Record an answer that the run gives itself, if it is still wanted."""
    event = GateAnswered(
        gate=decision.gate,
        wave=decision.wave,
        kind=decision.kind,
        answer=decision.answer,
        by="orc",
        why=decision.why,
    )
    async with live.answering:
        if live.state.between.stop is None and (decision.kind == PROGRESS or live.state.between.question):
            await live.record(event)


async def look(live: LiveRun, controller: Controller, gate: Gate) -> None:
    """Find a gate's answer out and record it, unless the way that the run goes changes meanwhile."""
    question = live.state.between.question
    changed = live.signals_changed
    found: Settled | None = None
    async with anyio.create_task_group() as either:

        async def find() -> None:
            nonlocal found
            found = await _find(live, controller, gate)
            either.cancel_scope.cancel()

        either.start_soon(find)
        await changed.wait()
        either.cancel_scope.cancel()
    if found is not None and question is not None:
        name, kind = gate.name, gate.kind
        await answer(live, AnswerGate(wave=question.wave, gate=name, kind=kind, answer=found.answer, why=found.why))


async def _find(live: LiveRun, controller: Controller, gate: Gate) -> Settled:
    match gate:
        case ControllerCommand():
            return command.judge(await controller.run(gate))
        case UrlWatch():
            return await _watch(live, controller, gate)
        case Approval() | Bake() | WaveCommand():
            return Settled(answer=Answer.INCONCLUSIVE)


async def _watch(live: LiveRun, controller: Controller, gate: UrlWatch) -> Settled:
    watched = url.begin(gate, live.clock.now())
    while True:
        watched = url.observe(gate, watched, await controller.fetch(gate), live.clock.now())
        if found := url.decide(gate, watched):
            return found
        await live.clock.sleep_until(watched.next_at)


async def mind_progress(live: LiveRun) -> None:
    """End the run's way forward when its progress deadline passes, until cancelled."""
    while True:
        changed = live.signals_changed
        decision = live.state.stalled(live.clock.now())
        if decision:
            await answer(live, decision)
        elif (due := live.state.progress_due()) is not None:
            await live.wait_for_change(due, changed)
        else:
            await changed.wait()
