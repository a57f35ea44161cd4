"""Prints whole outputs: as they are where a program or a file takes them, made visible where a terminal would obey."""

import codecs
import sys
from collections.abc import Callable, Iterable
from typing import Protocol, TextIO

from orchestrator.cli import output
from orchestrator.cli.output import Sink
from orchestrator.errors import OrcError
from orchestrator.report.visible import output_lines

LONGEST_LINE = 64 * 1024
"""Characters after which a line is cut that does not end."""


class Printer(Protocol):
    """Prints the outputs of one attempt after another."""

    def title(self, line: str) -> None:
        """Begin with another attempt."""
        ...

    def begin(self, name: str, size: int) -> Callable[[bytes], None]:
        """Begin with another output, `stdout` or `stderr`, of so many bytes; what is returned prints them.

        That raises BrokenPipeError where nobody reads them any more, OrcError where they cannot be written.
        """
        ...

    def end(self) -> None:
        """The output is over."""
        ...

    def note(self, text: str) -> None:
        """Tell the person something besides, on stderr."""
        ...


def make_printer(*, several: bool) -> Printer:
    """How outputs are printed; several: of more than one attempt."""
    return TerminalPrinter() if sys.stdout.isatty() else BytesPrinter(several=several)


class VisibleLines:
    """Bytes as the lines that a terminal would have shown, to be written whenever there are whole ones."""

    def __init__(self, write: Callable[[Iterable[str]], None]) -> None:
        self._write = write
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes, *, final: bool = False) -> None:
        text = self._rest + self._decoder.decode(data, final)
        whole = len(text) if final or (len(text) > LONGEST_LINE and "\n" not in text) else text.rfind("\n") + 1
        self._rest = text[whole:]
        if whole:
            self._write(output_lines(text[:whole]))


class TerminalPrinter:
    """As `orc logs` prints: a line on each attempt, a line on each output, and both outputs on stdout."""

    def __init__(self) -> None:
        self._sink = output.stdout()
        self._lines = VisibleLines(self._sink.lines)
        self._first = True

    def title(self, line: str) -> None:
        self._sink.lines([f"== {line}"] if self._first else ["", f"== {line}"])
        self._first = False

    def begin(self, name: str, size: int) -> Callable[[bytes], None]:
        self._sink.line(f"-- {name}, {size:,} bytes")
        self._lines = VisibleLines(self._sink.lines)
        return self._lines.feed

    def end(self) -> None:
        self._lines.feed(b"", final=True)

    def note(self, text: str) -> None:
        output.stderr().line(f"orc: {text}")


class BytesPrinter:
    """Outputs as they are: stdout to stdout, stderr to stderr, unless that is a terminal; nothing else on stdout."""

    def __init__(self, *, several: bool) -> None:
        self._several = several
        self._lines: VisibleLines | None = None

    def title(self, line: str) -> None:
        if self._several:
            self.note(line)

    def begin(self, name: str, size: int) -> Callable[[bytes], None]:
        stream = sys.stdout if name == "stdout" else sys.stderr
        if not stream.isatty():
            return lambda data: _write(stream, data)
        self._lines = VisibleLines(Sink(stream).lines)
        return self._lines.feed

    def end(self) -> None:
        if self._lines is not None:
            self._lines.feed(b"", final=True)
            self._lines = None

    def note(self, text: str) -> None:
        output.stderr().line(f"orc: {text}")


def _write(stream: TextIO, data: bytes) -> None:
    try:
        stream.flush()
        stream.buffer.write(data)
        stream.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OrcError(f"{stream.name} cannot be written ({error.strerror})") from error
