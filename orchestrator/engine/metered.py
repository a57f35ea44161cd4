"""A provider that keeps to its key's rate of API calls."""

from typing import Self

from orchestrator.core.rate import next_call
from orchestrator.model.host import Host
from orchestrator.ports import Capabilities, Clock, PollReply, ProbeReply, Provider, StartReply


class Metered:
    """The same provider, every call of which waits for its turn: `rate` calls per second, `burst` at once."""

    def __init__(self, provider: Provider, clock: Clock, *, rate: float, burst: int) -> None:
        self._provider = provider
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._theoretical = 0.0
        self.capabilities: Capabilities = provider.capabilities

    async def _turn(self) -> None:
        now = self._clock.now()
        at, self._theoretical = next_call(self._theoretical, now, self._rate, self._burst)
        if at > now:
            await self._clock.sleep_until(at)

    async def start(self, host: Host, command: str) -> StartReply:
        await self._turn()
        return await self._provider.start(host, command)

    async def poll(self, host: Host, pid: int) -> PollReply:
        await self._turn()
        return await self._provider.poll(host, pid)

    async def probe(self, host: Host) -> ProbeReply:
        await self._turn()
        return await self._provider.probe(host)

    async def __aenter__(self) -> Self:
        await self._provider.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._provider.__aexit__(*exc)
