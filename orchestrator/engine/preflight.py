"""Asking the provider about every host before a run, and starting nothing."""

import anyio

from orchestrator.model.ids import HostName
from orchestrator.model.plan import HostPlan, Plan
from orchestrator.ports import Clock, NotReachable, ProbeReply, Provider, Refusal

AT_ONCE = 20
TRIES = 3
PAUSE = 1.0
"""Seconds before a probe that got no usable answer is repeated; it is a read, and may be."""

_AGAIN = (Refusal.API_DOWN, Refusal.RATE_LIMITED)


async def probe_all(plan: Plan, provider: Provider, clock: Clock) -> dict[HostName, ProbeReply]:
    """What a probe of each host of the plan answers.

    The first host is asked alone: where the key or the API itself is at fault, the others are not asked.
    Hosts about which the rate limit kept us from asking are left out.
    """
    first, *others = plan.hosts
    replies: dict[HostName, ProbeReply] = {}
    limit = anyio.Semaphore(AT_ONCE)

    async def ask(host: HostPlan) -> None:
        async with limit:
            reply = await _probe(host, provider, clock)
        if not (isinstance(reply, NotReachable) and reply.refusal is Refusal.RATE_LIMITED):
            replies[host.host.name] = reply

    await ask(first)
    answer = replies.get(first.host.name)
    if isinstance(answer, NotReachable) and answer.refusal in (Refusal.UNAUTHORISED, Refusal.API_DOWN):
        return replies
    async with anyio.create_task_group() as tasks:
        for host in others:
            tasks.start_soon(ask, host)
    return replies


async def _probe(host: HostPlan, provider: Provider, clock: Clock) -> ProbeReply:
    for _ in range(TRIES - 1):
        reply = await provider.probe(host.host)
        if not (isinstance(reply, NotReachable) and reply.refusal in _AGAIN):
            return reply
        await clock.sleep_until(clock.now() + (PAUSE if reply.retry_after is None else min(reply.retry_after, 10.0)))
    return await provider.probe(host.host)
