"""Guards under every POSIX shell that is here: looked at once, right before the command, and as its user."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.guest.program import write, write_library
from orchestrator.guest.reply import Ending
from orchestrator.model.playbook import Guard
from tests.guest.test_program import Guest, assign, guest

__all__ = ["guest"]  # a fixture

CREATES, UNLESS, ONLY_IF = Guard.CREATES, Guard.UNLESS, Guard.ONLY_IF
RUNS = "echo ran >> ran"


def ran(guest: Guest) -> int:
    path = guest.home / "ran"
    return path.read_text().count("ran") if path.exists() else 0


@pytest.mark.parametrize(
    ("guards", "ending"),
    [
        (((CREATES, "there"),), Ending.SKIPPED_CREATES),
        (((CREATES, "~/there"),), Ending.SKIPPED_CREATES),
        (((CREATES, "not there; touch ran"),), Ending.EXITED),
        (((CREATES, "dangling"),), Ending.SKIPPED_CREATES),
        (((UNLESS, "test -e there"),), Ending.SKIPPED_UNLESS),
        (((UNLESS, "test -e 'not there'"),), Ending.EXITED),
        (((UNLESS, "command -v surely-no-such-program"),), Ending.EXITED),
        (((ONLY_IF, "test -e there"),), Ending.EXITED),
        (((ONLY_IF, "false"),), Ending.SKIPPED_ONLY_IF),
        (((ONLY_IF, "exit 3"),), Ending.SKIPPED_ONLY_IF),
        (((ONLY_IF, "syntax ( error"),), Ending.SKIPPED_ONLY_IF),
        (((UNLESS, "echo 'a\nE\nb' | grep -q '^E$'"),), Ending.SKIPPED_UNLESS),
        (((CREATES, "nowhere"), (UNLESS, "false"), (ONLY_IF, "true")), Ending.EXITED),
        (((CREATES, "nowhere"), (UNLESS, "true"), (ONLY_IF, "false")), Ending.SKIPPED_UNLESS),
    ],
)
def test_a_guard_decides_whether_the_command_is_run(
    guest: Guest, guards: tuple[tuple[Guard, str], ...], ending: Ending
) -> None:
    (guest.home / "there").touch()
    (guest.home / "dangling").symlink_to("nowhere")
    reply = guest.ask(RUNS, guards=guards)
    assert reply.ending is ending
    assert ran(guest) == (ending is Ending.EXITED)
    assert reply.result.exit_code == 0
    assert reply.ending.skipped_by == (
        guards[-1][0] if len(guards) == 1 and not ran(guest) else reply.ending.skipped_by
    )


def test_what_a_guard_prints_is_not_the_steps_output(guest: Guest) -> None:
    reply = guest.ask("echo out; echo err >&2", guards=((ONLY_IF, "echo no; echo noise >&2"),))
    assert (reply.result.stdout, reply.result.stderr) == ("out\n", "err\n")


def test_a_guard_runs_where_the_command_runs_and_with_its_environment(guest: Guest) -> None:
    (guest.home / "a dir").mkdir()
    (guest.home / "a dir" / "here").touch()
    guards = ((CREATES, "elsewhere"), (ONLY_IF, '[ -e here ] && [ "$A" = "x y" ]'))
    assert guest.ask("pwd", cwd="a dir", env=(("A", "x y"),), guards=guards).ending is Ending.EXITED
    assert guest.ask("pwd", "01-b", cwd="a dir", guards=((CREATES, "here"),)).ending is Ending.SKIPPED_CREATES


@pytest.mark.parametrize("status", [0, 1, 2, 97, 127, 128])
def test_no_command_can_say_that_it_was_skipped(guest: Guest, status: int) -> None:
    text = f"echo skipped-unless; echo skipped-unless >as; echo skipped-unless >&3; exit {status}"
    reply = guest.ask(text, guards=((UNLESS, "false"),))
    assert (reply.ending, reply.result.exit_code) == (Ending.EXITED, status)


def test_a_repeat_attaches_and_looks_no_second_time(guest: Guest) -> None:
    guards = ((UNLESS, "echo looked >> looked; test -e there"),)
    first = guest.ask(RUNS, guards=guards)
    (guest.home / "there").touch()
    second = guest.ask(RUNS, guards=guards)
    assert (first.ending, second.ending, second.attached) == (Ending.EXITED, Ending.EXITED, True)
    assert (guest.home / "looked").read_text() == "looked\n"
    assert ran(guest) == 1


def test_that_it_was_skipped_is_told_again_to_who_attaches(guest: Guest) -> None:
    guards = ((ONLY_IF, "test -e there"),)
    assert guest.ask(RUNS, guards=guards).ending is Ending.SKIPPED_ONLY_IF
    (guest.home / "there").touch()
    assert guest.ask(RUNS, guards=guards).ending is Ending.SKIPPED_ONLY_IF
    assert ran(guest) == 0


def test_a_guard_that_was_killed_runs_nothing(guest: Guest) -> None:
    reply = guest.ask(RUNS, guards=((UNLESS, "kill -KILL $$"),))
    assert reply.ending is Ending.GUARD_KILLED
    assert ran(guest) == 0


def test_a_guard_that_hangs_is_killed_at_the_steps_time_out(guest: Guest) -> None:
    reply = guest.ask(RUNS, guards=((UNLESS, "echo $$ > pid; sleep 1000; true"),), timeout=1)
    assert reply.ending is Ending.LATE
    assert ran(guest) == 0
    pid = int((guest.home / "pid").read_text())
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def test_a_runner_killed_during_a_guard_leaves_an_attempt_that_is_lost(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.guest.library.PATIENCE", 5)
    guards = ((UNLESS, "echo x > looking; sleep 1; false"),)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(guest.ask, RUNS, guards=guards)
        deadline = time.monotonic() + 20
        while not (guest.home / "looking").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(int((guest.directory() / "pid").read_text().split()[0]), signal.SIGKILL)
        assert waiting.result(timeout=20).ending is Ending.LOST
    assert ran(guest) == 1, "called lost while the guard, and then the command, lived on"


# The check of a fresh clone (.ci/run) is run as root: there this is never skipped.
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_guard_looks_as_the_steps_user(guest: Guest) -> None:
    guest.root.chmod(0o755)
    guards = ((ONLY_IF, '[ "$(id -un)" = daemon ]'),)
    assert guest.ask("id -un", user="daemon", cwd="/", guards=guards).result.stdout == "daemon\n"
    shut = guest.root / "shut"
    shut.mkdir(0o700)
    (shut / "file").touch()
    reply = guest.ask("id -un", "01-b", user="daemon", cwd="/", guards=((CREATES, str(shut / "file")),))
    assert reply.ending is Ending.EXITED, "looked as root"


def test_a_command_in_parts_has_its_guards(guest: Guest) -> None:
    guest.send(write_library("f00dfeedf00dfeed"))
    long = write(assign(f"{RUNS}; : {'x' * 5000}", guards=((CREATES, "there"),)), limit=4096)
    assert len(long) < 4096
    assert "look creates" in long


def test_guards_that_leave_no_room_are_refused() -> None:
    with pytest.raises(ValueError, match="with its env and guards a command has"):
        write(assign("true", guards=((UNLESS, f"test {'x' * 5000}"),)), limit=4096)
