"""Where systemd runs, an attempt is a unit of its own: what that changes, and all that it must not change."""

import re
import shlex
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.guest import library
from orchestrator.guest.program import Assignment, slot_key, write, write_stop
from orchestrator.guest.reply import Ending
from orchestrator.model.plan import Command
from orchestrator.wiring import new_run_id
from tests.guest.machines import Machine

SHELLS = [
    shell for shell in (("dash",), ("bash", "--posix"), ("busybox", "sh"), ("mksh",), ("sh",)) if shutil.which(shell[0])
]
IN_QUOTES = "$$ $HOME ${HOME} $X ${X} ${X:-y} $(id) `id` %n %% %H \\ \\\\ \\n \\x41 \" it's\ttab\nline\n\n$"
"""What systemd, or a shell that reads it once too often, would make something else of."""
SLEEPS = "echo x >> {files}/count; echo begun; while [ ! -e {files}/go ]; do sleep 0.05; done; echo ended; exit 7"


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def begun(machine: Machine) -> bool:
    """Whether the attempt's command is there."""
    job = machine.directory() / "job"
    return job.exists() and (machine.files / "count").exists() and len(job.read_text().split()) == 2


def pid_of(machine: Machine, name: str) -> int:
    """The pid in a file of the attempt: `pid` is its runner's, `job` its command's."""
    return int((machine.directory() / name).read_text().split()[0])


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_a_command_arrives_as_it_was_written(machine: Machine, shell: Sequence[str]) -> None:
    text = f"printf '%s|' {shlex.quote(IN_QUOTES)} \"$HOME ${{X-unset}} \\$X %n\" '\\'; [ $$ -gt 1 ]; echo $?; exit 3"
    reply = machine.ask(machine.assign(text), shell)
    assert (reply.ending, reply.result.exit_code) == (Ending.EXITED, 3), reply
    assert reply.result.stdout == f"{IN_QUOTES}|/root unset $X %n|\\|0\n"
    assert (machine.directory() / "cmd").read_text() == text + "\n"


def test_variables_and_folder_of_a_step_arrive_as_they_were_written(machine: Machine) -> None:
    folder = machine.files / "$HOME ${X} %n $$"
    folder.mkdir()
    reply = machine.ask(machine.assign('printf "%s|" "$A" "$PWD"', env=(("A", IN_QUOTES),), cwd=str(folder)))
    assert reply.result.stdout == f"{IN_QUOTES}|{folder}|", reply


@given(st.integers(0, 99), st.text(), st.booleans(), st.integers(1, 10**6), st.integers(0, 2**32))
def test_no_word_that_systemd_is_given_can_be_expanded_or_read_as_another(
    index: int, name: str, undo: bool, attempt: int, now: int
) -> None:
    assignment = Assignment(
        run=new_run_id(now), slot=slot_key(index, name, undo=undo), attempt=attempt,
        nonce="", command=Command(text="true"), timeout=1,
    )  # fmt: skip
    assert re.fullmatch(r"[A-Za-z0-9_./-]+", assignment.key)
    assert re.fullmatch(r"[A-Za-z0-9_./-]+", library.name())
    unit = f"orc-{assignment.key.replace('/', '-')}"
    assert len(unit) < 247
    assert re.fullmatch(r".*\.[0-9]+", unit), "it could be taken for a unit of another type"


def test_the_attempt_is_a_unit_of_its_own_with_nothing_of_the_agents(machine: Machine) -> None:
    reply = machine.ask(machine.assign("env", env=(("A", "1"),)))
    names = {line.partition("=")[0] for line in reply.result.stdout.splitlines() if "=" in line}
    assert {"A", "HOME", "LANG", "PATH", "INVOCATION_ID"} <= names
    assert not {"ORC_STATE", "ORC_BOOT_ID_FILE", "AGENT"} & names


def test_a_repeat_attaches_and_of_many_at_once_one_runs(machine: Machine) -> None:
    assignment = machine.assign(SLEEPS.format(files=machine.files))
    machine.keep_library()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(machine.send, write(assignment)) for _ in range(4)]
        until(lambda: begun(machine), "the command did not begin")
        (machine.files / "go").touch()
        replies = [each.result() for each in asked]
    assert (machine.files / "count").read_text() == "x\n"
    assert {reply.result.exit_code for reply in replies} == {7}
    assert sorted(reply.attached for reply in replies) == [False, True, True, True]
    assert machine.send(write(assignment)).attached


def test_an_attempt_outlives_its_agent_and_its_result_is_recovered(machine: Machine) -> None:
    assignment = machine.assign(SLEEPS.format(files=machine.files))
    machine.keep_library()
    with machine.begin(write(assignment)) as asked:
        until(lambda: begun(machine), "the command did not begin")
        machine.restart_agent()
        assert asked.wait(timeout=30) != 0, "what asked for it did not die with the agent"
        asked.communicate()
    assert machine.is_alive(pid_of(machine, "pid"))
    assert machine.is_alive(pid_of(machine, "job"))
    (machine.files / "go").touch()
    reply = machine.send(write(assignment))
    assert (reply.ending, reply.result.exit_code, reply.attached) == (Ending.EXITED, 7, True)
    assert reply.result.stdout == "begun\nended\n"
    assert (machine.files / "count").read_text() == "x\n"


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_where_systemd_run_refuses_the_attempt_runs_all_the_same_and_once(
    machine: Machine, shell: Sequence[str]
) -> None:
    taken = machine.systemd_run("-q", "--collect", f"--unit={machine.unit()}", "sleep", "1000")
    assert taken.returncode == 0, taken.stderr
    text = f"echo x >> {machine.files}/count; printf '%s' {shlex.quote(IN_QUOTES)}; exit 3"
    reply = machine.ask(machine.assign(text), shell)
    assert (reply.ending, reply.result.exit_code) == (Ending.EXITED, 3), reply
    assert (reply.result.stdout, reply.result.stderr) == (IN_QUOTES, "")
    assert (machine.files / "count").read_text() == "x\n"


def test_an_attempt_that_systemd_run_refused_dies_with_its_agent_and_is_not_run_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.guest.library.PATIENCE", 5)
    assert machine.systemd_run("-q", "--collect", f"--unit={machine.unit()}", "sleep", "1000").returncode == 0
    assignment = machine.assign(SLEEPS.format(files=machine.files))
    machine.keep_library()
    with machine.begin(write(assignment)) as asked:
        until(lambda: begun(machine), "the command did not begin")
        machine.restart_agent()
        asked.communicate(timeout=30)
    assert machine.send(write(assignment)).ending is Ending.LOST
    assert (machine.files / "count").read_text() == "x\n"


def test_a_command_over_its_time_out_is_killed_with_its_children(machine: Machine) -> None:
    text = f"(sleep 1000; echo never) & echo $! >{machine.files}/child; sleep 1000"
    reply = machine.ask(machine.assign(text, timeout=1.0))
    assert (reply.ending, reply.result.exit_code) == (Ending.LATE, 143)
    child = int((machine.files / "child").read_text())
    until(lambda: not machine.is_alive(child), "the command's child lives on")


def test_a_command_that_ignores_term_is_killed_after_the_grace(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.guest.program.GRACE", 1)
    reply = machine.ask(machine.assign("trap '' TERM; while :; do sleep 0.1; done", timeout=1.0))
    assert (reply.ending, reply.result.exit_code) == (Ending.LATE, 137)


def test_a_stop_from_the_agent_reaches_the_unit(machine: Machine) -> None:
    assignment = machine.assign(f"echo x >{machine.files}/count; sleep 1000")
    machine.keep_library()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(machine.send, write(assignment))
        until(lambda: begun(machine), "the command did not begin")
        assert machine.send(write_stop(assignment)).ending is Ending.STOPPED
        assert asked.result().ending is Ending.STOPPED
    assert not machine.is_alive(pid_of(machine, "job"))


def test_a_background_child_does_not_hold_the_step_and_outlives_step_and_agent(machine: Machine) -> None:
    reply = machine.ask(machine.assign(f"sleep 1000 & echo $! >{machine.files}/child; echo started"))
    assert (reply.ending, reply.result.stdout) == (Ending.EXITED, "started\n")
    child = int((machine.files / "child").read_text())
    until(lambda: not machine.is_alive(pid_of(machine, "pid")), "the runner stays")
    machine.restart_agent()
    time.sleep(0.3)
    assert machine.is_alive(child), "it was killed with the unit that its command was"


def test_a_service_is_left_running_and_outlives_the_agent(machine: Machine) -> None:
    reply = machine.ask(machine.assign("echo up; exec sleep 1000", background=True))
    assert (reply.ending, reply.result.stdout) == (Ending.LEFT, "up\n")
    machine.restart_agent()
    assert machine.is_alive(pid_of(machine, "job"))
    again = machine.send(write(machine.assign("echo up; exec sleep 1000", background=True)))
    assert (again.ending, again.attached) == (Ending.LEFT, True)


def test_a_command_too_long_for_a_word_of_a_command_line_runs(machine: Machine) -> None:
    reply = machine.ask(machine.assign(f"printf %s {'x' * 100_000} | wc -c"))
    assert reply.result.stdout.strip() == "100000"


def test_a_broken_pipe_ends_a_command_as_it_does_without_systemd(machine: Machine) -> None:
    reply = machine.ask(machine.assign("while :; do echo y; done | head -n 1", timeout=3.0))
    assert (reply.ending, reply.result.stdout, reply.result.stderr) == (Ending.EXITED, "y\n", "")
