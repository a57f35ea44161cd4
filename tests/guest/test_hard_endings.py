"""Attempts that end badly, under every POSIX shell that is here: what ignores TERM, a reboot, a disk that is full."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.guest.program import write, write_library, write_parts, write_stop
from orchestrator.guest.reply import Ending, read
from tests.guest.machines import NAMESPACE, why_no_stand_in
from tests.guest.test_program import NONCE, Guest, assign, guest

__all__ = ["guest"]  # a fixture

IGNORES_TERM = "trap '' TERM; echo x >begun; while :; do sleep 0.1; done"
FILLS_THE_DISK = "head -c 1000000 /dev/zero | tr '\\0' x; exit 3"
SMALL_DISK = 'mount -t tmpfs -o size=128k tmpfs "$0" && "$@" -c "$LIBRARY" >/dev/null && exec "$@" -c "$PROGRAM"'


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_stop_kills_what_ignores_term_even_where_nothing_is_left_of_the_runner(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.guest.program.GRACE", 1)
    monkeypatch.setattr("orchestrator.guest.library.PATIENCE", 5)
    guest.send(write_library(NONCE))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(guest.ask, IGNORES_TERM)
        until((guest.home / "begun").exists, "the command did not begin")
        runner, command = (int((guest.directory() / name).read_text().split()[0]) for name in ("pid", "job"))
        os.killpg(runner, signal.SIGKILL)  # and what would enforce its time-out
        told = guest.send(write_stop(assign(IGNORES_TERM)))
        assert (told.ending, told.result.exit_code) == (Ending.LOST, None)
        assert not is_alive(command)
        assert waiting.result(timeout=20).ending is Ending.LOST


def test_what_is_left_of_a_command_over_its_time_out_is_killed_even_if_it_ignores_term(guest: Guest) -> None:
    left = f"({IGNORES_TERM}) & echo $! >child; until [ -e begun ]; do sleep 0.02; done; sleep 1000"
    reply = guest.ask(left, timeout=1)
    assert (reply.ending, reply.result.exit_code) == (Ending.LATE, 143)
    child = int((guest.home / "child").read_text())
    until(lambda: not is_alive(child), "the command's child lives on")


def test_the_fence_is_raised_by_each_later_controller(guest: Guest) -> None:
    guest.ask("true", "00-a", fence=1)
    guest.ask("true", "01-b", fence=2)
    assert guest.ask("echo x >ran", "02-c", fence=1).ending is Ending.FENCED
    assert guest.send(write_stop(assign("true", "02-c", fence=1))).ending is Ending.FENCED
    assert not (guest.home / "ran").exists()
    assert guest.ask("true", "02-c", fence=2).ending is Ending.EXITED


@pytest.mark.parametrize(
    ("boot", "status", "ending"),
    [
        ("boot-0", 137, Ending.LOST),
        ("boot-0", 143, Ending.LOST),
        ("boot-0", 1, Ending.EXITED),
        ("boot-1", 137, Ending.EXITED),
        ("boot-1", 143, Ending.EXITED),
    ],
)
def test_a_command_that_went_down_with_its_machine_is_lost_and_no_other(
    guest: Guest, boot: str, status: int, ending: Ending
) -> None:
    guest.directory().mkdir(parents=True)
    (guest.directory() / "pid").write_text(f"999999 1 1 {boot}\n")
    (guest.directory() / "rc").write_text(f"{status} 2\n")
    reply = guest.ask("true")
    assert (reply.ending, reply.result.exit_code) == (ending, None if ending is Ending.LOST else status)


def test_a_claim_whose_files_are_not_whole_runs_nothing_and_never_will(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.guest.library.PATIENCE", 2)
    guest.send(write_library(NONCE))
    programs, whole = guest.root / "bin", guest.env["PATH"]
    programs.mkdir()
    (programs / "cat").write_text("#!/bin/sh\nhead -n 1\nexit 1\n")  # as where the disk is full after a line
    (programs / "cat").chmod(0o755)
    guest.env["PATH"] = f"{programs}:{whole}"
    text = "echo x >>ran\necho y >>ran"
    assert guest.ask(text).ending is Ending.NO_STATE
    guest.env["PATH"] = whole
    assert guest.ask(text).ending is Ending.LOST
    assert not (guest.home / "ran").exists()


def test_a_command_that_fills_the_disk_still_leaves_its_exit_status(guest: Guest) -> None:
    if reason := why_no_stand_in():
        pytest.skip(f"no namespace can be made for a small disk: {reason}")
    guest.state.mkdir()
    env = guest.env | {"LIBRARY": write_library(NONCE), "PROGRAM": write(assign(FILLS_THE_DISK))}
    words = [*NAMESPACE, "sh", "-c", SMALL_DISK, str(guest.state), *guest.shell]
    done = subprocess.run(words, env=env, cwd="/", capture_output=True, check=False, timeout=30)
    reply = read(done.stdout.decode(), done.stderr.decode(), NONCE)
    assert reply is not None, done
    assert (reply.ending, reply.result.exit_code) == (Ending.EXITED, 3)
    assert 0 < reply.result.stdout_size < 1_000_000


def test_an_attempt_that_was_called_lost_before_it_began_never_begins(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.guest.library.PATIENCE", 2)
    guest.send(write_library(NONCE))
    programs, go = guest.root / "bin", guest.root / "go"
    programs.mkdir()
    late = f'#!/bin/sh\nuntil [ -e {go} ]; do sleep 0.05; done\nPATH={guest.env["PATH"]} exec setsid "$@"\n'
    (programs / "setsid").write_text(late)
    (programs / "setsid").chmod(0o755)
    guest.env["PATH"] = f"{programs}:{guest.env['PATH']}"
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(guest.ask, "echo x >ran")
        until((guest.directory() / "pre").exists, "the attempt was not claimed")
        assert guest.ask("echo x >ran").ending is Ending.LOST
        go.touch()
        assert first.result(timeout=20).ending is Ending.LOST
    assert not (guest.home / "ran").exists()


def test_a_command_that_could_not_be_killed_is_told(guest: Guest) -> None:
    guest.directory().mkdir(parents=True)
    (guest.directory() / "pid").write_text("999999 1 1 boot-1\n")
    for name in ("late", "stuck"):
        (guest.directory() / name).touch()
    reply = guest.ask("true")
    assert (reply.ending, reply.result.exit_code) == (Ending.STUCK, None)


def test_an_attempt_is_found_again_though_its_machine_was_renamed(guest: Guest) -> None:
    guest.ask("exit 3")
    assert guest.ask("exit 3", hostname="renamed.example.com").result.exit_code == 3


def test_a_part_that_came_garbled_is_not_kept_and_does_no_harm_to_the_rest(guest: Guest) -> None:
    assignment = assign("echo begin\n: " + "x" * 3000)
    guest.send(write_library(NONCE))
    part, *others = write_parts(assignment, limit=2000)
    assert guest.send(part.replace("begin", "bogus")).ending is Ending.NO_STATE
    for each in (part, *others):
        assert guest.send(each).ending is Ending.KEPT
    assert guest.send(write(assignment, limit=2000)).result.stdout == "begin\n"
