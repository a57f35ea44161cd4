"""The places of a run under way: a host waits for its own, and has it until it is done."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from orchestrator.core.places import Places
from orchestrator.core.run_state import RunState
from orchestrator.model.ids import HostName


class LivePlaces:
    """`core.places`, to be waited for."""

    def __init__(self, state: RunState, now: float) -> None:
        self._places = Places(state, now)
        self._waiting: dict[HostName, anyio.Event] = {}
        self._sent_off: set[HostName] = set()

    @asynccontextmanager
    async def place(self, host: HostName) -> AsyncIterator[bool]:
        """A place for this host, as soon as there is one; False where there will be none before a person answers."""
        if self._places.has_kept(host):
            self._places.take_back(host)
        else:
            let_in = self._waiting[host] = anyio.Event()
            self._places.line_up(host)
            self._let_in()
            await let_in.wait()
            if host in self._sent_off:
                self._sent_off.discard(host)
                yield False
                return
        try:
            yield True
        finally:
            self._places.leave(host)
            self._let_in()

    def release(self) -> None:
        """Those who have kept a place only for having been ok so shortly give it up."""
        self._places.release()
        self._let_in()

    def _let_in(self) -> None:
        for host in self._places.let_in():
            self._waiting.pop(host).set()
        for host in self._places.send_off():
            self._sent_off.add(host)
            self._waiting.pop(host).set()
