"""A provider that keeps to its key's rate of API calls, and lets what is pressing go first."""

from typing import Self

import anyio

from orchestrator.core.rate import after_call, earliest, reserve
from orchestrator.model.host import Host
from orchestrator.ports import Capabilities, Clock, PollReply, ProbeReply, Provider, StartReply


class Meter:
    """Gives out the turns of one key: `rate` calls per second, `burst` at once.

    Two lines wait for them, each in order. The pressing one has a part of the burst for itself, and while anybody
    stands in it, nobody of the other gets a turn.
    """

    def __init__(self, clock: Clock, *, rate: float, burst: int) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._theoretical = 0.0
        self._first_in_line = {pressing: anyio.Lock() for pressing in (False, True)}
        self._pressing = 0

    async def turn(self, *, pressing: bool) -> None:
        """Wait until a call may be made."""
        self._pressing += pressing
        try:
            async with self._first_in_line[pressing]:
                while (at := self._earliest(pressing)) > self._clock.now():
                    await self._clock.sleep_until(at)
                self._theoretical = after_call(self._theoretical, self._clock.now(), self._rate)
        finally:
            self._pressing -= pressing

    def _earliest(self, pressing: bool) -> float:
        if pressing:
            kept = 0
        elif self._pressing:
            kept = self._burst  # one call later than the pressing one could be made
        else:
            kept = reserve(self._burst)
        return earliest(self._theoretical, self._rate, self._burst, kept=kept)


class Metered:
    """The same provider, every call of which waits for its turn. pressing: whether in the line that goes first."""

    def __init__(self, provider: Provider, meter: Meter, *, pressing: bool = False) -> None:
        self._provider = provider
        self._meter = meter
        self._pressing = pressing
        self.capabilities: Capabilities = provider.capabilities

    def express(self) -> Provider:
        """The same provider by the same meter, in the line that goes first; entered with this one."""
        return Metered(self._provider, self._meter, pressing=True)

    async def start(self, host: Host, command: str) -> StartReply:
        await self._meter.turn(pressing=self._pressing)
        return await self._provider.start(host, command)

    async def poll(self, host: Host, pid: int) -> PollReply:
        await self._meter.turn(pressing=self._pressing)
        return await self._provider.poll(host, pid)

    async def probe(self, host: Host) -> ProbeReply:
        await self._meter.turn(pressing=self._pressing)
        return await self._provider.probe(host)

    async def __aenter__(self) -> Self:
        await self._provider.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._provider.__aexit__(*exc)
