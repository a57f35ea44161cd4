"""What a whole output looks like on a terminal, however it comes in; and how much of one the journal has."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.logs_bytes import LONGEST_LINE, VisibleLines
from orchestrator.model.ids import HostName, StepName
from orchestrator.ports import Output
from orchestrator.report.logs_full import from_journal, is_whole
from orchestrator.report.visible import output_lines

PIECES = st.sampled_from(
    ["a", "å🚀", "\n", "\r\n", "\r", "\x1b[31m", "\x1b]0;title", "\x07", "\t", "\x00", "\u202e", " "]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


def shown(data: bytes, cuts: list[int]) -> list[str]:
    lines: list[str] = []
    visible = VisibleLines(lines.extend)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for begin, end in pairwise(edges):
        visible.feed(data[begin:end])
    visible.feed(b"", final=True)
    return lines


@given(TEXTS, st.lists(st.integers(0, 10**6), max_size=6))
def test_wherever_an_output_is_cut_its_lines_are_the_same(text: str, cuts: list[int]) -> None:
    assert shown(text.encode(), cuts) == output_lines(text)


@given(st.binary(), st.lists(st.integers(0, 10**6), max_size=6))
def test_no_byte_reaches_a_terminal_that_it_would_obey(data: bytes, cuts: list[int]) -> None:
    assert all(line.isprintable() for line in shown(data, cuts))


def test_a_line_that_never_ends_is_printed_all_the_same() -> None:
    lines: list[str] = []
    VisibleLines(lines.extend).feed(b"x" * (LONGEST_LINE + 1))
    assert lines == ["x" * (LONGEST_LINE + 1)]


def an_output(stdout: str, size: int) -> Output:
    return Output(
        host=HostName("web-1"), step=StepName("build"), attempt=1, undo=False, at=0.0,
        stdout=stdout, stderr="", stdout_size=size, stderr_size=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "whole", "words"),
    [
        (None, False, "the journal has nothing of it"),
        (an_output("å\n", 3), True, "this is from the journal, which has all of it"),
        (an_output("ab", 90000), False, "this is from the journal, which has 2 of 90,000 bytes of stdout"),
        (an_output("\ufffd", 3), False, "this is from the journal, in which bytes are replaced"),
    ],
)
def test_how_much_of_an_output_the_journal_has(found: Output | None, whole: bool, words: str) -> None:
    assert is_whole(found) is whole
    assert from_journal(found) == words
