"""A whole run: what `core.rollout` decides, done, wave by wave."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import anyio

from orchestrator.core.between import AnswerGate, AskGate, Hold, Look
from orchestrator.core.rollout import Finish, OpenWave, WorkOn
from orchestrator.engine import gates
from orchestrator.engine.hosts import run_host
from orchestrator.engine.live_run import LiveRun
from orchestrator.gates.kind import WaitUntil
from orchestrator.model.event import RunFinished, RunPaused, RunStarted, WaveOpened
from orchestrator.model.ids import HostName
from orchestrator.model.state import Standing

SHARD = 100
"""Hosts in one unit of work."""


class Dispatcher(Protocol):
    """Hands out units of work, and returns when all of them are done."""

    async def dispatch(self, live: LiveRun, shards: Sequence[Sequence[HostName]]) -> None: ...


class LocalDispatcher:
    """Runs every shard in this process."""

    async def dispatch(self, live: LiveRun, shards: Sequence[Sequence[HostName]]) -> None:
        """Run all shards at once; the run's `max_parallel` bounds what is really under way."""
        async with anyio.create_task_group() as tasks:
            for shard in shards:
                tasks.start_soon(run_shard, live, shard)


async def run_shard(live: LiveRun, hosts: Sequence[HostName]) -> None:
    """Bring these hosts forward, or back, each at its own speed."""
    async with anyio.create_task_group() as tasks:
        for host in hosts:
            tasks.start_soon(run_host, live, live.host_plans[host])


async def nothing_asked() -> None:
    """Nobody asks anything of the run from elsewhere."""


async def advance(live: LiveRun, dispatcher: Dispatcher, look: Callable[[], Awaitable[None]] = nothing_asked) -> bool:
    """Do the next thing of the run as a whole; whether there is more to do.

    look: heeds what is asked of the run from elsewhere; done once more before the run comes to rest.
    """
    changed = live.signals_changed
    decision = live.state.decide(live.asked, live.clock.now())
    match decision:
        case OpenWave():
            live.places.release()
            hosts = live.plan.waves[decision.wave].hosts
            await live.record(WaveOpened(wave=decision.wave, hosts=len(hosts)))
        case WorkOn():
            hosts = live.state.to_work_on(decision.wave)
            shards = [hosts[i : i + SHARD] for i in range(0, len(hosts), SHARD)]
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(gates.mind_progress, live)
                await dispatcher.dispatch(live, shards)
                tasks.cancel_scope.cancel()
        case AskGate():
            await gates.ask(live, decision)
        case AnswerGate():
            await gates.answer(live, decision)
        case Look():
            await gates.look(live, live.outside.controller, decision.gate)
        case WaitUntil():
            await live.wait_for_change(decision.at, changed)
        case Finish():
            live.ending = True
            lists = {s.value: names for s, names in live.state.lists().items() if s is not Standing.BUSY}
            await live.record(
                RunFinished(status=decision.status, cause=decision.cause, exit=decision.exit, lists=lists)
            )
            return False
        case Hold():
            await look()
            if live.state.decide(live.asked, live.clock.now()) != decision:
                return True
            if decision.waits_for:
                await live.record(RunPaused(by="orc", cause=decision.waits_for, waiting=True))
            return False
    return True


async def carry_on(
    live: LiveRun, dispatcher: Dispatcher, *, by: str, look: Callable[[], Awaitable[None]] = nothing_asked
) -> None:
    """Carry a run on from what its journal says, to its end or until it is paused.

    Raises JournalError; what was under way in the guests then goes on there, and can be taken up again.
    """
    if live.state.started_at is None:
        plan = live.plan
        await live.record(RunStarted(playbook=plan.playbook, digest=plan.digest, hosts=len(plan.hosts), by=by))
    async with live.api.watched():  # around all of it: a probe may take longer than the hosts of one wave wait for it
        while await advance(live, dispatcher, look):
            pass
