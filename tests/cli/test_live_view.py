"""The live view as it is drawn."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from orchestrator.cli.live_view import BAR, bar, render
from orchestrator.report.live import FailureRow, FlightRow, Frame, WaveRow


def wave(**counts: int) -> WaveRow:
    parts = {"ok": 0, "failed": 0, "rolled_back": 0, "stopped": 0, "busy": 0, "waiting": 0} | counts
    return WaveRow(number=1, name="canary", hosts=sum(parts.values()), **parts)


FRAME = Frame(
    title="deploy on 12 hosts, run r1",
    elapsed=134,
    waves=(wave(ok=11, failed=1), wave(busy=2, waiting=6)),
    waves_hidden=3,
    failures=(FailureRow(host="web-003", said="healthy: failed, exit status 22 " + "x" * 200),),
    failures_hidden=2,
    flights=(FlightRow(host="web-007", step="pull", said="3.2 s, attempt 2 of 3"),),
    flights_hidden=1,
    note="stopping",
)


def drawn(frame: Frame, *, width: int = 80) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=width, color_system=None).print(render(frame, plain=True))
    return text.getvalue().splitlines()


def test_a_frame_is_drawn_in_as_many_lines_as_it_counts_and_no_line_is_wrapped() -> None:
    lines = drawn(FRAME)

    assert [line.rstrip() for line in lines] == [
        "deploy on 12 hosts, run r1   2m 14s",
        "wave 1 canary ######################XX 12/12  1 failed",
        "wave 1 canary >>>>>>..................  0/8   2 under way",
        "  ... and 3 other waves",
        "X web-003  healthy: failed, exit status 22 " + "x" * 36 + "…",
        "  ... and 2 other failures",
        "> web-007  pull  3.2 s, attempt 2 of 3",
        "  ... and 1 other host under way",
        "stopping",
    ]
    assert len(lines) == FRAME.height


@pytest.mark.parametrize("width", [20, 40, 200])
def test_a_frame_has_the_same_height_at_every_width(width: int) -> None:
    assert len(drawn(FRAME, width=width)) == FRAME.height


@given(st.lists(st.integers(0, 3000), min_size=6, max_size=6).filter(any))
def test_a_bar_has_its_width_and_a_column_for_whatever_there_is(numbers: list[int]) -> None:
    row = wave(**dict(zip(("ok", "failed", "rolled_back", "stopped", "busy", "waiting"), numbers, strict=True)))
    text = bar(row, plain=True).plain

    assert len(text) == BAR
    for glyph, number in zip("#XRS>.", numbers, strict=True):
        assert (glyph in text) == (number > 0)
