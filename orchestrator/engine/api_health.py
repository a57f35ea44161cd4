"""Keeps an eye on the API for a run: calls wait while it is ill, and one probe at a time finds out when it is well."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from orchestrator.core import breaker as core
from orchestrator.core.breaker import Breaker, BreakerRules, Phase, Reply
from orchestrator.model.event import ApiPaused, ApiResumed, Event
from orchestrator.model.host import Host
from orchestrator.model.ids import HostName
from orchestrator.ports import Clock, NotReachable, ProbeReply, Provider, Refusal

PROBE_TIME = 30.0
"""Seconds after which a probe that was not answered is one more complaint."""


class ApiHealth:
    """The breaker of a run in this process, with what it needs of the run: see `core.breaker`.

    record: makes an event durable and folds it in. at_work: how many hosts are under way. left: whether the run, by its
    events, waits for a person to say when to ask the API again.
    """

    def __init__(
        self,
        provider: Provider,
        clock: Clock,
        rules: BreakerRules,
        *,
        hosts: dict[HostName, Host],
        record: Callable[[Event], Awaitable[None]],
        at_work: Callable[[], int],
        left: Callable[[], bool],
    ) -> None:
        self._provider = provider
        self._clock = clock
        self._rules = rules
        self._hosts = hosts
        self._names = tuple(hosts)
        self._record = record
        self._at_work = at_work
        self._left = left
        self._breaker = Breaker()
        self._changed = anyio.Event()

    def lost(self) -> float:
        """Seconds for which the API has been ill: they count against nobody."""
        return core.lost(self._breaker, self._clock.now())

    async def well(self) -> None:
        """Wait until calls may go out, or the run is left."""
        while self._breaker.open and not self._left():
            await self._changed.wait()

    async def observe(self, host: HostName, reply: Reply) -> None:
        """Take the answer to a call in."""
        now = self._clock.now()
        await self._become(core.observe(self._breaker, host, reply, now, self._rules, at_work=self._at_work()))

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Probe an API that is ill, for as long as this is entered."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, name="api health")
            yield
            tasks.cancel_scope.cancel()

    async def _watch(self) -> None:
        while True:
            changed = self._changed
            if self._breaker.phase is not Phase.ILL:
                await changed.wait()
                continue
            await self._clock.sleep_until(core.next_wake(self._breaker, self._rules))
            due = core.probe_due(self._breaker, self._clock.now(), self._rules)
            await self._become(due)
            if due.phase is Phase.PROBING:
                await self._probe()

    async def _probe(self) -> None:
        name = core.probe_candidate(self._breaker, self._names)
        reply: ProbeReply = NotReachable(refusal=Refusal.API_DOWN, message="the API did not answer in time")
        with anyio.move_on_after(PROBE_TIME):
            reply = await self._provider.probe(self._hosts[name])
        await self._become(core.observe_probe(self._breaker, name, reply, self._clock.now(), self._rules))

    async def _become(self, after: Breaker) -> None:
        """Let the breaker be so; where that is news to people, it is made durable before anybody acts on it."""
        before, self._breaker = self._breaker, after
        if (event := news(before, after)) is not None:
            # Not to be cut off half-way: what the journal has and the state has not would be missing for good.
            with anyio.CancelScope(shield=True):
                await self._record(event)
        if after.phase is not before.phase:
            self._changed.set()
            self._changed = anyio.Event()


def news(before: Breaker, after: Breaker) -> ApiPaused | ApiResumed | None:
    """What happened, if it is more than one answer among others."""
    if after.phase is before.phase or after.phase is Phase.PROBING:
        return None
    if after.phase in (Phase.ILL, Phase.GIVEN_UP) and after.last:
        return ApiPaused(
            host=after.last.host,
            answer=after.last.refusal.value,
            detail=after.last.message,
            since=after.since,
            next_try=after.next_at if after.phase is Phase.ILL else None,
            probes=after.probes,
        )
    return ApiResumed(since=before.since, probes=before.probes) if before.phase is Phase.PROBING else None
