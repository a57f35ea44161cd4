"""The fetching of what an attempt has left in the guest, under every POSIX shell that is here."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.guest import fetch
from orchestrator.guest.fetch import Kept, Stream, read_look, read_range, write_look, write_range
from orchestrator.guest.reply import Ending, read
from orchestrator.model.event import StepResult

SHELLS = [shell for shell in (("dash",), ("bash", "--posix"), ("busybox", "sh"), ("mksh",)) if shutil.which(shell[0])]
NONCE = "f00dfeedf00dfeed"
KEY = "r1/00-step.1"
BYTES = bytes(range(256)) * 3 + b"no newline at the end \xff\xfe\r\n\x00\xc3"


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def shell(request: pytest.FixtureRequest) -> Sequence[str]:
    found: Sequence[str] = request.param
    return found


def sent(program: str, state: Path, shell: Sequence[str], path: str = os.environ["PATH"]) -> StepResult:
    done = subprocess.run(
        [*shell, "-c", program],
        env={"PATH": path, "ORC_STATE": str(state)},
        capture_output=True,
        check=True,
        timeout=30,
    )
    reply = read(done.stdout.decode(), done.stderr.decode(), NONCE)
    assert reply is not None, done
    assert reply.ending is Ending.EXITED
    return reply.result


def kept(state: Path, out: bytes, err: bytes = b"") -> Path:
    folder = state / KEY
    folder.mkdir(parents=True)
    (folder / "out").write_bytes(out)
    (folder / "err").write_bytes(err)
    return folder


def as_kept(data: bytes) -> Kept:
    return Kept(size=len(data), sha256=hashlib.sha256(data).hexdigest())


def test_sizes_and_checksums_of_both_outputs_are_told(tmp_path: Path, shell: Sequence[str]) -> None:
    kept(tmp_path / "it's $HOME", BYTES)
    look = read_look(sent(write_look(KEY, NONCE), tmp_path / "it's $HOME", shell))
    assert look == {Stream.OUT: as_kept(BYTES), Stream.ERR: as_kept(b"")}


def test_an_attempt_that_never_began_has_printed_nothing(tmp_path: Path, shell: Sequence[str]) -> None:
    (tmp_path / KEY).mkdir(parents=True)
    nothing = Kept(size=0, sha256="")
    assert read_look(sent(write_look(KEY, NONCE), tmp_path, shell)) == {Stream.OUT: nothing, Stream.ERR: nothing}


def test_what_is_not_there_any_more_is_told_by_the_status(tmp_path: Path, shell: Sequence[str]) -> None:
    for program in (write_look(KEY, NONCE), write_range(KEY, NONCE, Stream.OUT, as_kept(BYTES), 0)):
        assert sent(program, tmp_path, shell).exit_code == 1


def test_the_ranges_are_the_whole_and_no_byte_is_harmed(
    tmp_path: Path, shell: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "RANGE", 100)
    kept(tmp_path, b"out", BYTES)
    whole = as_kept(BYTES)
    programs = [write_range(KEY, NONCE, Stream.ERR, whole, index) for index in range(whole.ranges)]
    ranges = [read_range(sent(program, tmp_path, shell), whole, index) for index, program in enumerate(programs)]
    assert len(ranges) == 8
    assert b"".join(each or b"" for each in ranges) == BYTES


def test_what_comes_to_an_output_after_the_look_is_left_out(tmp_path: Path, shell: Sequence[str]) -> None:
    folder = kept(tmp_path, BYTES)
    (folder / "out").write_bytes(BYTES + b"more")
    whole = as_kept(BYTES)
    assert read_range(sent(write_range(KEY, NONCE, Stream.OUT, whole, 0), tmp_path, shell), whole, 0) == BYTES


def test_nothing_is_written_and_nothing_of_the_step_is_run(tmp_path: Path, shell: Sequence[str]) -> None:
    folder = kept(tmp_path, BYTES)
    (folder / "cmd").write_text(f"touch {tmp_path}/ran")
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    sent(write_look(KEY, NONCE), tmp_path, shell)
    sent(write_range(KEY, NONCE, Stream.OUT, as_kept(BYTES), 0), tmp_path, shell)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def test_a_guest_without_a_program_that_is_needed_gives_nothing_that_is_taken_for_the_output(tmp_path: Path) -> None:
    kept(tmp_path / "state", BYTES)
    (tmp_path / "bin").mkdir()
    for name in ("dd", "head", "tr", "sha256sum"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    program, whole = write_range(KEY, NONCE, Stream.OUT, as_kept(BYTES), 0), as_kept(BYTES)
    result = sent(program, tmp_path / "state", (str(shutil.which("sh")),), path=str(tmp_path / "bin"))
    assert read_range(result, whole, 0) is None
    assert "base64" in result.stderr


def test_a_range_that_is_short_long_or_other_than_its_checksum_is_none() -> None:
    whole = as_kept(b"abc")
    good = f"YWJj\n{whole.sha256}  -\n"
    assert read_range(StepResult(exit_code=0, stdout=good), whole, 0) == b"abc"
    for bad in (good.replace("YWJj", "YWJk"), good.replace("YWJj", "YWI="), good.replace("YWJj", "YW Jj"), "YWJj", ""):
        assert read_range(StepResult(exit_code=0, stdout=bad), whole, 0) is None
    assert read_range(StepResult(exit_code=0, stdout=good), as_kept(b"abcd"), 0) is None


@settings(max_examples=100)
@given(st.text() | st.from_regex(r"([0-9]{1,3} [0-9a-f]{64}\n){1,2}", fullmatch=True), st.integers(0, 3))
def test_no_text_of_a_guest_breaks_the_reading(text: str, status: int) -> None:
    result = StepResult(exit_code=status, stdout=text)
    look = read_look(result)
    assert look is None or all(each.size < 1000 for each in look.values())
    assert read_range(result, as_kept(b"abc"), 0) is None


@pytest.mark.parametrize("size", [0, 1, fetch.RANGE - 1, fetch.RANGE, fetch.RANGE + 1, 5 * fetch.RANGE])
def test_the_lengths_of_the_ranges_sum_to_the_size(size: int) -> None:
    whole = Kept(size=size, sha256="")
    assert sum(whole.length(index) for index in range(whole.ranges)) == size


def test_a_program_is_plain_and_far_below_what_a_request_may_have() -> None:
    longest = "r261124-071233-x7k3p/99-" + "x" * 24 + "-undo.999999"
    whole = Kept(size=10**15 - 1, sha256="0" * 64)
    for program in (write_look(longest, NONCE), write_range(longest, NONCE, Stream.OUT, whole, whole.ranges - 1)):
        assert len(program) < 500
