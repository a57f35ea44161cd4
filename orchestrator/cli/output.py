"""Where things are written and how they look there: the report to stdout, progress and logs to stderr."""

import io
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TextIO

from orchestrator import log
from orchestrator.report.view import Paper
from orchestrator.report.words import WIDTH

WIDEST = 140
"""Columns beyond which lines of text are hard to read."""


class Output(StrEnum):
    """How a run is shown."""

    AUTO = "auto"
    """Live on a terminal, else plain."""
    LIVE = "live"
    """A view that is drawn anew all the time, on stderr; then the report."""
    PLAIN = "plain"
    """A line for each event, on stderr; then the report."""
    JSON = "json"
    """A line of JSON for each event, on stdout, and nothing else there."""
    GITHUB = "github"
    """Groups and errors as GitHub Actions shows them, on stdout, and the job's summary."""


class Form(StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"


def choose(wanted: Output, environ: Mapping[str, str], *, terminal: bool) -> Output:
    """How to show a run; terminal: stderr is one."""
    if wanted is not Output.AUTO:
        return wanted
    return Output.LIVE if terminal and is_lively(environ) else Output.PLAIN


def is_lively(environ: Mapping[str, str]) -> bool:
    """Whether a terminal may be given colours and a moving view (https://no-color.org; TERM as curses has it)."""
    return not environ.get("NO_COLOR") and environ.get("TERM", "") not in ("", "dumb")


class Sink:
    """Writes lines to a stream; when nobody reads them any more, they are dropped: a run goes on all the same."""

    def __init__(self, stream: TextIO, *, colour: bool = False) -> None:
        self._stream = stream
        self._colour = colour
        self._gone = False
        # A stream that cannot spell a character must not fail for it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    def lines(self, lines: Iterable[str]) -> None:
        """Write lines, and make sure that they are out."""
        text = "".join(f"{paint(line) if self._colour else line}\n" for line in lines)
        if self._gone:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            self._gone = True
        except OSError as error:
            self._gone = True
            log.get_logger(__name__).warning("output is lost", stream=self._stream.name, why=error.strerror)

    def line(self, line: str) -> None:
        """Write one line."""
        self.lines([line])


def stdout() -> Sink:
    """Where reports go."""
    return Sink(sys.stdout, colour=sys.stdout.isatty() and is_lively(os.environ))


def stderr() -> Sink:
    """Where progress goes."""
    return Sink(sys.stderr)


def paper() -> Paper:
    """What a report is set on: as wide as the terminal, within reason; times are this machine's."""
    if not sys.stdout.isatty():
        return Paper(width=WIDTH)
    columns = shutil.get_terminal_size((WIDTH, 24)).columns
    return Paper(width=min(max(columns, 40), WIDEST))


_STYLES = {
    "1": "HOSTS NEXT WAVES STEPS BUDGETS PLAN PROBED",
    "1;32": "OK",
    "1;31": "FAILED|TIMED OUT|UNREACHABLE|UNKNOWN|ROLLBACK FAILED|INTERRUPTED|ABORTED|HELD",
    "1;33": "ROLLED BACK|ROLLING BACK|PAUSED|API PAUSED|STOPPED|WARNING|CANNOT BE UNDONE|RUNNING|WAITING|UNDER WAY",
}
_COLOURS = {
    word: style for style, words in _STYLES.items() for word in (words.split("|") if "|" in words else words.split())
}
_HEAD = re.compile(rf"(?:{'|'.join(sorted(_COLOURS, key=len, reverse=True))})(?=  |$|,)")


def paint(line: str) -> str:
    """A line with the word that begins it in colour, as ECMA-48 (SGR) has it."""
    head = _HEAD.match(line)
    return f"\x1b[{_COLOURS[head[0]]}m{head[0]}\x1b[0m{line[head.end() :]}" if head else line
