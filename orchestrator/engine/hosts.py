"""One host: what `core.host` decides, done, until there is nothing left to do."""

import anyio

from orchestrator.core import host as core
from orchestrator.core.host_decisions import (
    Ask,
    Attend,
    AwaitApi,
    Fail,
    HostDecision,
    Lapse,
    PlanRetry,
    Rest,
    Settle,
    Skip,
    Start,
    WaitUntil,
)
from orchestrator.engine import attempts
from orchestrator.engine.attempts import Turn
from orchestrator.engine.live_run import LiveRun
from orchestrator.model.event import Answer, GateAnswered, GateAsked, HostSettled, RetryPlanned, StepSkipped
from orchestrator.model.plan import HostPlan, Section


async def run_host(live: LiveRun, host_plan: HostPlan) -> None:
    """Bring one host forward, or back, until it is settled or must rest.

    The host keeps one of the run's `max_parallel` places for all of that time: between two of its steps it is as much
    in flight as during one, and while it waits for a person, too.
    """
    async with live.slots:
        while True:
            await _bring_on(live, host_plan)
            changed = live.signals_changed
            if not live.awaits_answer(host_plan.host.name):
                return
            await changed.wait()


async def _bring_on(live: LiveRun, host_plan: HostPlan) -> None:
    """Do what is decided until the host rests."""
    while True:
        changed = live.signals_changed
        state, signals = live.state.hosts[host_plan.host.name], live.signals(host_plan.host.name)
        decision = core.decide(live.state.layout, host_plan, state, signals, live.outside.clock.now())
        if isinstance(decision, Rest):
            return
        await _do(live, host_plan, decision, changed)


async def _do(live: LiveRun, host_plan: HostPlan, decision: HostDecision, changed: anyio.Event) -> None:
    name, slots = host_plan.host.name, live.plan.slots
    match decision:
        case Start():
            turn = Turn(live=live, host_plan=host_plan, index=decision.slot, number=decision.attempt)
            await attempts.start(turn)
        case Attend():
            turn = Turn(live=live, host_plan=host_plan, index=decision.slot, number=decision.attempt)
            await attempts.attend(turn)
        case Fail():
            turn = Turn(live=live, host_plan=host_plan, index=decision.slot, number=decision.attempt)
            await attempts.fail(turn, decision.detail)
        case Skip():
            await live.record(StepSkipped(host=name, step=slots[decision.slot].name, reason=decision.reason))
        case PlanRetry():
            slot = slots[decision.slot]
            not_before = live.outside.clock.now() + decision.delay
            undo = slot.section is Section.UNDO
            await live.record(
                RetryPlanned(host=name, step=slot.name, attempt=decision.attempt, not_before=not_before, undo=undo)
            )
        case Ask():
            step = slots[decision.slot].name
            await live.record(GateAsked(gate=step, host=name, step=step, detail=decision.detail))
        case Lapse():
            step = slots[decision.slot].name
            settled = GateAnswered(gate=step, host=name, step=step, answer=Answer.FAILED, by="orc", why=decision.why)
            await live.record(settled)
        case AwaitApi():
            await changed.wait()
        case WaitUntil():
            await _wait(live, decision.at, changed)
        case Settle():
            await live.record(HostSettled(host=name, standing=decision.standing))
        case Rest():
            return


async def _wait(live: LiveRun, at: float, changed: anyio.Event) -> None:
    """Wait until `at`, or until the run's signals change."""
    async with anyio.create_task_group() as either:

        async def sleep() -> None:
            await live.outside.clock.sleep_until(at)
            either.cancel_scope.cancel()

        either.start_soon(sleep)
        await changed.wait()
        either.cancel_scope.cancel()
