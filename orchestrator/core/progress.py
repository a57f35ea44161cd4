"""The progress deadline: since when no host of the newest wave has become ok, leaving out the time when none could."""

from orchestrator.model.event import Event, HostSettled, RunPaused, RunResumed, WaveOpened
from orchestrator.model.state import Standing


class ProgressClock:
    """Since when there was no progress, by the times of events.

    Time in which the run was paused, waited for a person or had no process is not counted: nothing could come of it.
    last: the time of the latest event.
    """

    def __init__(self) -> None:
        self.since: float | None = None
        self.stopped_at: float | None = None
        self.last = 0.0

    def observe(self, event: Event, at: float) -> None:
        """Take one event in."""
        match event:
            case WaveOpened() | HostSettled(standing=Standing.OK):
                self.since = at
            case RunPaused() if self.stopped_at is None:
                self.stopped_at = at
            case RunResumed():
                if self.since is not None:
                    stopped_at = self.last if self.stopped_at is None else self.stopped_at
                    self.since += max(0.0, at - max(stopped_at, self.since))
                self.stopped_at = None
            case _:
                pass
        self.last = at
