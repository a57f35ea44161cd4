"""The reading of a guest's reply: what is not proved to be this attempt's is not taken for it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.guest.reply import Ending, read

NONCE = "f00dfeedf00dfeed"
TRAILER = f"\n{NONCE} 0 exited 3 4 0 1700000000 1700000001 boot-1 77\n"


def test_the_output_of_another_process_is_nobodys_result() -> None:
    assert read("hello\n", "", NONCE) is None
    assert read("", "sh: not found", NONCE) is None
    assert read(TRAILER.replace(NONCE, "0" * 16), "", NONCE) is None


def test_a_reply_cut_short_is_no_result() -> None:
    for length in range(len(TRAILER) - 1):
        reply = read(TRAILER[:length], "", NONCE)
        assert reply is None or (reply.ending, reply.result.exit_code) == (Ending.EXITED, 3)


def test_only_the_last_line_is_the_trailer() -> None:
    reply = read(f"\n{NONCE} 0 exited 0 0 0 1 1 b 7\nmore\n{TRAILER}", "", NONCE)
    assert reply
    assert reply.result.exit_code == 3


def test_output_without_a_newline_at_its_end_is_kept_as_it_was() -> None:
    reply = read(f"abc{TRAILER}", "err", NONCE)
    assert reply
    assert (reply.result.stdout, reply.result.stderr) == ("abc", "err")


@pytest.mark.parametrize("status", ["-1", "256", "99999999999999999999", "x", "", "1e3", "٣"])
def test_a_status_that_no_process_can_have_is_no_result(status: str) -> None:
    assert read(f"\n{NONCE} 0 exited {status} 0 0 1 1 b 7\n", "", NONCE) is None


@settings(derandomize=True, max_examples=500, deadline=None)
@given(st.text(), st.text(), st.lists(st.text(st.characters(exclude_characters="\n"), max_size=8), max_size=10))
def test_no_text_of_a_guest_breaks_the_reading(body: str, stderr: str, words: list[str]) -> None:
    read(f"{body}\n{NONCE} {' '.join(words)}\n", stderr, NONCE)
    read(f"{body}\n{NONCE} 1 lost {' '.join(words)}\n", stderr, NONCE)
    read(body, stderr, NONCE)
