"""The only place that reads the time or sleeps."""

import heapq
import time
from itertools import count

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup


class SystemClock:
    """Wall time that never goes backwards: the epoch at start, plus the monotonic clock since."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.monotonic() + self._offset

    async def sleep_until(self, at: float) -> None:
        """Wait until `at`; always lets others run, also when that is past."""
        await anyio.sleep(max(0.0, at - self.now()))


QUIET_TURNS = 50
"""Turns of the event loop without a new sleeper after which a FakeClock takes it that everybody waits."""


class FakeClock:
    """A clock for tests that jumps to the next waking as soon as every task waits: a day of retries in milliseconds.

    `async with FakeClock() as clock`. A wait that is not on it (a thread, a socket) does not hold it back.
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._wakings: list[tuple[float, int, anyio.Event]] = []
        self._order = count()
        self._slept = anyio.Event()
        self._tasks: TaskGroup | None = None

    def now(self) -> float:
        """Seconds since the epoch, as this clock has it."""
        return self._now

    async def sleep_until(self, at: float) -> None:
        """Wait until the clock has jumped to `at`."""
        if at <= self._now:
            await anyio.lowlevel.checkpoint()
            return
        woken = anyio.Event()
        heapq.heappush(self._wakings, (at, next(self._order), woken))
        self._slept.set()
        await woken.wait()

    async def _settle(self) -> None:
        """Let every task that can go on do so. (`anyio.wait_all_tasks_blocked` polls in steps of 0.1 s on asyncio.)"""
        quiet, wakings = 0, len(self._wakings)
        while quiet < QUIET_TURNS:
            await anyio.lowlevel.checkpoint()
            quiet = quiet + 1 if len(self._wakings) == wakings else 0
            wakings = len(self._wakings)

    async def _jump(self) -> None:
        while True:
            await self._settle()
            if not self._wakings:
                self._slept = anyio.Event()
                await self._slept.wait()
                continue
            at, _, woken = heapq.heappop(self._wakings)
            self._now = max(self._now, at)
            woken.set()

    async def __aenter__(self) -> "FakeClock":
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._jump)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()
            await self._tasks.__aexit__(None, None, None)
