"""The progress deadline: since when no host of the newest wave has become ok, leaving out the time when none could."""

from orchestrator.model.event import ApiPaused, ApiResumed, Event, HostSettled, RunPaused, RunResumed, WaveOpened
from orchestrator.model.state import Standing


class ProgressClock:
    """Since when there was no progress, by the times of events.

    Time in which the run was paused, waited for a person or had no process, or in which the API was ill, is not
    counted: nothing could come of it. stopped_at: since when it does not count. last: the time of the latest event.
    """

    def __init__(self) -> None:
        self.since: float | None = None
        self.stopped_at: float | None = None
        self.paused = False
        self.last = 0.0

    def observe(self, event: Event, at: float) -> None:
        """Take one event in."""
        match event:
            case WaveOpened() | HostSettled(standing=Standing.OK):
                self.since = at
            case RunPaused() | ApiPaused():
                self.paused = self.paused or isinstance(event, RunPaused)
                self.stopped_at = at if self.stopped_at is None else self.stopped_at
            case ApiResumed() if not self.paused and self.stopped_at is not None:
                self._go_on(self.stopped_at, at)
            case RunResumed():
                self._go_on(self.last if self.stopped_at is None else self.stopped_at, at)
                self.paused = False
            case _:
                pass
        self.last = at

    def _go_on(self, stopped_at: float, at: float) -> None:
        if self.since is not None:
            self.since += max(0.0, at - max(stopped_at, self.since))
        self.stopped_at = None
