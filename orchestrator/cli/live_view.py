"""The live view of a run: drawn on stderr eight times a second, never taller than the terminal."""

from collections.abc import Iterator

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from orchestrator.cli.output import Sink
from orchestrator.cli.screens import QuietScreen, Shown
from orchestrator.model.event import Recorded
from orchestrator.ports import Clock
from orchestrator.report.live import Frame, LiveWatch, WaveRow
from orchestrator.report.words import count, took

PERIOD = 1 / 8
BAR = 24

_STYLES = {
    "ok": "green",
    "rolled_back": "yellow",
    "failed": "red",
    "stopped": "magenta",
    "busy": "cyan",
    "waiting": "dim",
}
_GLYPHS = {"ok": "█", "rolled_back": "▚", "failed": "█", "stopped": "▞", "busy": "▒", "waiting": "░"}
_PLAIN_GLYPHS = {"ok": "#", "rolled_back": "R", "failed": "X", "stopped": "S", "busy": ">", "waiting": "."}


class LiveScreen(QuietScreen):
    """Draws frames until the run is over; then it vanishes, and the report takes its place."""

    def __init__(self, sink: Sink, console: Console) -> None:
        super().__init__(sink)
        self._console = console
        self._live: Shown | None = None
        self._watch: LiveWatch | None = None
        self._note = ""
        self._drawing = False

    def attach(self, live: Shown) -> None:
        """From here on there is a run to draw."""
        began_at = live.state.started_at or live.clock.now()
        self._live, self._watch = live, LiveWatch(live.id, live.state, began_at)

    def observe(self, recorded: Recorded) -> None:
        """Take the event in; it is seen in the next frame."""
        if self._watch is not None:
            self._watch.observe(recorded)

    def say(self, note: str) -> None:
        """Show it in the frames, or as a line where none are drawn."""
        if self._drawing:
            self._note = note
        else:
            super().say(note)

    async def draw(self) -> None:
        """Draw until cancelled, once there is a run."""
        if self._live is None or self._watch is None:
            return
        self._drawing = True
        try:
            await self._draw(self._watch, self._live.clock)
        except OSError:
            return  # the terminal is gone: the run goes on without a view
        finally:
            self._drawing = False

    async def _draw(self, watch: LiveWatch, clock: Clock) -> None:
        with Live(console=self._console, auto_refresh=False, transient=True, vertical_overflow="crop") as live:
            while True:
                now = clock.now()
                frame = watch.frame(now, self._console.height - 1, self._note)
                live.update(render(frame, plain=self._console.options.ascii_only), refresh=True)
                await clock.sleep_until(now + PERIOD)


def live_screen(sink: Sink) -> LiveScreen:
    """A live view on stderr; lines that are said where none is drawn go to the sink."""
    return LiveScreen(sink, Console(stderr=True, highlight=False))


def render(frame: Frame, *, plain: bool) -> Group:
    """A frame, a line for each of its rows; plain: with ASCII alone."""
    lines = [Text.assemble((frame.title, "bold"), f"   {took(frame.elapsed)}"), *_waves(frame, plain)]
    lines += [Text.assemble(("X " if plain else "✖ ", "bold red"), row.host, f"  {row.said}") for row in frame.failures]
    lines += _more(frame.failures_hidden, "other failure")
    for flight in frame.flights:
        lines.append(Text.assemble(("> ", "cyan"), flight.host, f"  {flight.step}  {flight.said}"))
    lines += _more(frame.flights_hidden, "other host", " under way")
    lines += [Text(frame.note, style="bold yellow")] if frame.note else []
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(*lines)


def _more(hidden: int, noun: str, rest: str = "") -> list[Text]:
    return [Text(f"  ... and {count(hidden, noun)}{rest}", style="dim")] if hidden else []


def _waves(frame: Frame, plain: bool) -> Iterator[Text]:
    digits = max((len(str(row.hosts)) for row in frame.waves), default=1)
    width = max((len(_name(row)) for row in frame.waves), default=0)
    for row in frame.waves:
        told = (("failed", row.failed), ("rolled back", row.rolled_back), ("stopped", row.stopped))
        said = ", ".join(f"{number} {word}" for word, number in (*told, ("under way", row.busy)) if number)
        done = row.hosts - row.busy - row.waiting
        counts = f" {done:>{digits}}/{row.hosts:<{digits}}  "
        yield Text.assemble(f"wave {_name(row):<{width}} ", bar(row, plain=plain), counts, said)
    yield from _more(frame.waves_hidden, "other wave")


def _name(row: WaveRow) -> str:
    return f"{row.number} {row.name}".rstrip()


def bar(row: WaveRow, *, plain: bool) -> Text:
    """A wave's hosts by where they stand, on BAR columns; whatever there is of hosts has a column."""
    glyphs = _PLAIN_GLYPHS if plain else _GLYPHS
    hosts = {part: int(getattr(row, part)) for part in _STYLES}
    columns = {part: max(1, number * BAR // row.hosts) for part, number in hosts.items() if number}
    most = max(columns, key=lambda part: columns[part])
    columns[most] += BAR - sum(columns.values())
    return Text.assemble(*((glyphs[part] * columns[part], style) for part, style in _STYLES.items() if part in columns))
