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
    Wait,
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
    in flight as during one, and while it waits for a person, too. One that is ok keeps it for `min_healthy` more.
    """
    while changed := await _in_its_place(live, host_plan):
        await changed.wait()


async def _in_its_place(live: LiveRun, host_plan: HostPlan) -> anyio.Event | None:
    """Bring the host on; what it waits for without a place, where it could not begin before another host."""
    name = host_plan.host.name
    async with live.places.place(name) as has_place:
        while has_place:
            if waits := await _bring_on(live, host_plan):
                return waits
            changed = live.signals_changed
            if (until := live.waits_healthy(name)) is not None:
                await live.wait_for_change(until, changed)
            elif live.awaits_answer(name):
                await changed.wait()
            else:
                return None
    return None


async def _bring_on(live: LiveRun, host_plan: HostPlan) -> anyio.Event | None:
    """Do what is decided until the host rests, or has to wait before it has begun: then that for which it waits."""
    while True:
        changed = live.signals_changed
        state, signals = live.state.hosts[host_plan.host.name], live.signals(host_plan.host.name)
        now, chance = live.outside.clock.now(), live.outside.chance()
        decision = core.decide(live.state.layout, host_plan, state, signals, now, chance=chance)
        if isinstance(decision, Rest):
            return None
        if isinstance(decision, Wait):
            if not live.at_work(host_plan.host.name):
                return None
            if not state.begun:
                return changed
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
            undone = slots[decision.slot].undo_of
            step = slots[decision.slot if undone is None else undone].name
            await live.record(StepSkipped(host=name, step=step, reason=decision.reason, undo=undone is not None))
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
            await live.wait_for_change(decision.at, changed)
        case Wait():
            await changed.wait()
        case Settle():
            await live.record(HostSettled(host=name, standing=decision.standing))
        case Rest():
            return
