"""What Ctrl-C, SIGTERM and SIGHUP mean for a run: the first lets it start nothing more, the second leaves it alone."""

import signal

import anyio
from anyio.abc import TaskGroup, TaskStatus

from orchestrator.cli.screens import Screen
from orchestrator.core.rollout import Course
from orchestrator.engine.live_run import LiveRun

NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


class Interrupts:
    """The signals that this process gets while it drives a run.

    live: the run, once there is one. detached: it was left, with attempts under way in the guests.
    """

    def __init__(self, screen: Screen, by: str) -> None:
        self.live: LiveRun | None = None
        self.detached = False
        self._screen = screen
        self._by = by
        self._stopping: anyio.Event | None = None

    async def watch(self, tasks: TaskGroup, *, task_status: TaskStatus[None]) -> None:
        """Act on signals until cancelled. The second cancels `tasks`; before there is a run, the first one does."""
        with anyio.open_signal_receiver(*NAMES) as signals:
            task_status.started()
            async for number in signals:
                if self.live is None or self._stopping is not None:
                    self.detached = self.live is not None
                    tasks.cancel_scope.cancel()
                    return
                self._stopping = anyio.Event()
                self._screen.say("nothing new is started; Ctrl-C again leaves what is under way")
                # Not awaited here: the journal may be slow, and the second signal must not wait for it.
                tasks.start_soon(self._stop, self.live, self._stopping, NAMES[signal.Signals(number)])

    async def _stop(self, live: LiveRun, stopped: anyio.Event, name: str) -> None:
        await live.steer(Course.PAUSED, by=self._by, cause=name)
        stopped.set()

    async def settled(self) -> None:
        """Wait until a pause that was asked for stands in the run's state."""
        if self._stopping is not None:
            await self._stopping.wait()
