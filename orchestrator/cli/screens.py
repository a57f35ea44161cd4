"""How a run under way is shown: a line for each event, plain or as JSON, or nothing; the live view is elsewhere."""

from typing import Protocol

from orchestrator.cli.output import Sink
from orchestrator.core.run_state import RunState
from orchestrator.model.event import Recorded
from orchestrator.model.ids import RunId
from orchestrator.model.plan import Plan
from orchestrator.ports import Clock
from orchestrator.report.events import event_line
from orchestrator.report.progress import progress_line
from orchestrator.report.view import Paper


class Shown(Protocol):
    """A run as a screen needs it: driven by this process, or followed from the journal."""

    @property
    def id(self) -> RunId: ...

    @property
    def plan(self) -> Plan: ...

    @property
    def state(self) -> RunState: ...

    @property
    def clock(self) -> Clock: ...


class Screen(Protocol):
    """Shows one run. Its methods do not raise because nobody looks any more."""

    def attach(self, live: Shown) -> None:
        """There is a run now; nothing of it has been started."""
        ...

    def observe(self, recorded: Recorded) -> None:
        """An event has happened."""
        ...

    def say(self, note: str) -> None:
        """Tell the person something besides."""
        ...

    async def draw(self) -> None:
        """Draw what moves by itself, until cancelled or there is nothing of the kind."""
        ...


class QuietScreen:
    """Shows nothing, but what a person must be told."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def attach(self, live: Shown) -> None:
        """Nothing to show."""

    def observe(self, recorded: Recorded) -> None:
        """Nothing to show."""

    def say(self, note: str) -> None:
        """A line on its own."""
        self._sink.line(f"orc: {note}")

    async def draw(self) -> None:
        """Nothing moves."""


class PlainScreen(QuietScreen):
    """A line for each event."""

    def __init__(self, sink: Sink, paper: Paper) -> None:
        super().__init__(sink)
        self._paper = paper
        self._live: Shown | None = None

    def attach(self, live: Shown) -> None:
        """From here on there is a plan to speak of."""
        self._live = live

    def observe(self, recorded: Recorded) -> None:
        """Write the event's line."""
        if self._live is not None:
            self._sink.line(progress_line(self._live.plan, recorded, self._paper))


class JsonScreen(QuietScreen):
    """A line of JSON for each event, on a stream that carries nothing else."""

    def __init__(self, sink: Sink, events: Sink) -> None:
        super().__init__(sink)
        self._events = events

    def observe(self, recorded: Recorded) -> None:
        """Write the event's line."""
        self._events.line(event_line(recorded))
