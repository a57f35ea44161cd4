"""What a guest prints must not reach a terminal as anything but text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report.visible import command_lines, output_lines, spelled, visible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("\x9b31mC1", "C1"),
        ("a\x00b\x08\x7f", "a\\x00b\\x08\\x7f"),
        ("lone \x1b", "lone \\x1b"),
        ("reversed \u202e", "reversed \\u202e"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("line\u2028separator", "line\\u2028separator"),
        ("broken \ud800", "broken \\ud800"),
        ("no\u00a0break", "no break"),
        ("two\nlines", "two\\nlines"),
        ("grüße ✔ 日本", "grüße ✔ 日本"),
    ],
)
def test_control_sequences_are_taken_out_and_what_is_left_is_spelled(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_an_unfinished_sequence_hides_nothing_after_its_line() -> None:
    assert output_lines("\x1b]0;never ends\nFAILED") == ["", "FAILED"]


def test_of_a_line_that_was_written_over_the_last_is_kept() -> None:
    assert output_lines("1%\r50%\r100%\ndone\r\n\tx") == ["100%", "done", "    x"]


def test_a_command_is_shown_whole() -> None:
    assert command_lines("echo a\recho b\n\x1b[31mrm\n") == ["echo a\\recho b", "\\x1b[31mrm"]


@given(st.text())
def test_nothing_unprintable_ever_gets_through(text: str) -> None:
    for line in (visible(text), spelled(text), *output_lines(text), *command_lines(text)):
        assert line.isprintable()


@given(st.text(st.characters(blacklist_categories=["C", "Z"])))
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert visible(text) == text
    assert "\n".join(output_lines(text)) == text
