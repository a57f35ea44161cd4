"""Where a run is shown and how, and what happens when nobody looks any more."""

import io
import os
from collections.abc import Mapping

import pytest

from orchestrator.cli.output import Output, Sink, choose, is_lively, paint

TERMINAL = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("wanted", "environ", "terminal", "shown"),
    [
        (Output.AUTO, TERMINAL, True, Output.LIVE),
        (Output.AUTO, TERMINAL, False, Output.PLAIN),
        (Output.AUTO, {**TERMINAL, "NO_COLOR": "1"}, True, Output.PLAIN),
        (Output.AUTO, {"TERM": "dumb"}, True, Output.PLAIN),
        (Output.AUTO, {}, True, Output.PLAIN),
        (Output.LIVE, {"TERM": "dumb"}, False, Output.LIVE),
        (Output.PLAIN, TERMINAL, True, Output.PLAIN),
        (Output.JSON, TERMINAL, True, Output.JSON),
    ],
)
def test_how_a_run_is_shown(wanted: Output, environ: Mapping[str, str], terminal: bool, shown: Output) -> None:
    assert choose(wanted, environ, terminal=terminal) is shown


def test_an_empty_no_color_says_nothing() -> None:
    assert is_lively({**TERMINAL, "NO_COLOR": ""})


def test_a_run_goes_on_when_nobody_reads_its_lines_any_more() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = open(writing, "w", encoding="utf-8")  # noqa: SIM115 - closed below, where that fails
    sink = Sink(stream)

    sink.line("nobody reads this")
    sink.lines(["nor", "that"])

    with pytest.raises(BrokenPipeError):
        stream.close()


def test_what_the_stream_cannot_spell_is_spelled_out() -> None:
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding="ascii")
    Sink(stream).line("grün ✔")

    assert content.getvalue() == b"gr\\xfcn \\u2714\n"


def test_only_the_word_that_begins_a_line_is_coloured_and_only_whole() -> None:
    assert paint("ROLLBACK FAILED  1 host") == "\x1b[1;31mROLLBACK FAILED\x1b[0m  1 host"
    assert paint("OK  12 hosts") == "\x1b[1;32mOK\x1b[0m  12 hosts"
    assert paint("NEXT") == "\x1b[1mNEXT\x1b[0m"
    assert paint("OKAY  12") == "OKAY  12"
    assert paint("    FAILED  x") == "    FAILED  x"
