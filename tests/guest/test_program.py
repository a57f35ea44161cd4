"""The guest's program under every POSIX shell that is here: it runs a command once, and tells what came of it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.guest import library
from orchestrator.guest.library import OUTPUT_CAP
from orchestrator.guest.program import Assignment, slot_key, write, write_library, write_parts, write_stop
from orchestrator.guest.reply import Ending, GuestReply, read
from orchestrator.model.plan import Command

SHELLS = [
    shell for shell in (("dash",), ("bash", "--posix"), ("busybox", "sh"), ("mksh",), ("sh",)) if shutil.which(shell[0])
]
NONCE = "f00dfeedf00dfeed"


class Guest:
    """A directory that stands for a VPS, and a shell that stands for its agent's."""

    def __init__(self, root: Path, shell: Sequence[str]) -> None:
        self.root, self.shell = root, shell
        self.home, self.state = root / "home", root / "state"
        self.home.mkdir()
        self.boot_id = root / "boot_id"
        self.boot_id.write_text("boot-1\n")
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "ORC_STATE": str(self.state),
            "ORC_BOOT_ID_FILE": str(self.boot_id),
        }

    def send(self, program: str) -> GuestReply:
        done = subprocess.run(
            [*self.shell, "-c", program], env=self.env, cwd="/", capture_output=True, check=False, timeout=30
        )
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        reply = read(out, err, NONCE)
        assert reply is not None, (out, err)
        return reply

    def ask(self, text: str, slot: str = "00-step", **rest: object) -> GuestReply:
        program = write(assign(text, slot, **rest))
        reply = self.send(program)
        if reply.ending is Ending.NO_LIBRARY:
            assert self.send(write_library(NONCE)).ending is Ending.KEPT
            reply = self.send(program)
        return reply

    def directory(self, slot: str = "00-step") -> Path:
        return self.state / "r1" / f"{slot}.1"


def assign(text: str, slot: str = "00-step", **rest: object) -> Assignment:
    env, guards = rest.pop("env", ()), rest.pop("guards", ())
    command = Command(text=text, cwd=str(rest.pop("cwd", "")), env=env, guards=guards)  # type: ignore[arg-type]  # test
    timeout = float(str(rest.pop("timeout", 20)))
    hostname = rest.pop("hostname", None)
    fence, user = int(str(rest.pop("fence", 1))), str(rest.pop("user", ""))
    background = bool(rest.pop("background", False))
    assert not rest
    return Assignment(
        run="r1",
        slot=slot,
        attempt=1,
        nonce=NONCE,
        command=command,
        timeout=timeout,
        fence=fence,
        user=user,
        background=background,
        hostname=str(hostname) if hostname else None,
    )


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def guest(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Guest]:
    guest = Guest(tmp_path, request.param)
    yield guest
    marker = f"ORC_STATE={guest.state}".encode()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker in environ.read_bytes():
                os.kill(int(environ.parent.name), signal.SIGKILL)
        except (OSError, ValueError):
            continue


def test_status_and_both_outputs_are_told(guest: Guest) -> None:
    reply = guest.ask("echo out; echo err >&2; exit 3")
    assert (reply.ending, reply.result.exit_code, reply.attached) == (Ending.EXITED, 3, False)
    assert (reply.result.stdout, reply.result.stderr) == ("out\n", "err\n")
    assert reply.boot_id == "boot-1"


def test_a_repeat_attaches_and_does_not_run_again(guest: Guest) -> None:
    first = guest.ask("echo x >> count; echo done")
    second = guest.ask("echo x >> count; echo done")
    assert (guest.home / "count").read_text() == "x\n"
    assert (first.attached, second.attached) == (False, True)
    assert first.result == second.result


def test_of_many_sent_at_once_one_runs_and_all_tell_the_same(guest: Guest) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: guest.ask("echo x >> count; sleep 0.3; cat count"), range(8)))
    assert (guest.home / "count").read_text() == "x\n"
    assert {reply.result.stdout for reply in replies} == {"x\n"}
    assert sum(not reply.attached for reply in replies) == 1


def test_a_background_child_does_not_hold_the_step(guest: Guest) -> None:
    began = time.monotonic()
    reply = guest.ask("sleep 1000 & echo started")
    assert time.monotonic() - began < 5
    assert reply.result.stdout == "started\n"


def test_a_command_over_its_time_out_is_killed_with_its_children(guest: Guest) -> None:
    reply = guest.ask("(sleep 1000; echo never) & echo $! > child; sleep 1000", timeout=1)
    assert reply.ending is Ending.LATE
    child = int((guest.home / "child").read_text())
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _alive(child):
        time.sleep(0.05)
    assert not _alive(child)


def test_a_command_that_ignores_term_is_killed_after_the_grace(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.guest.program.GRACE", 1)
    reply = guest.ask("trap '' TERM; while :; do sleep 0.1; done", timeout=1)
    assert (reply.ending, reply.result.exit_code) == (Ending.LATE, 137)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_long_output_is_returned_as_head_and_tail_with_its_true_size(guest: Guest) -> None:
    reply = guest.ask("echo first; head -c 300000 /dev/zero | tr '\\0' x; echo; echo last")
    assert reply.result.stdout_size == 300012
    assert reply.result.stdout.startswith("first\n")
    assert reply.result.stdout.endswith("x\nlast\n")
    assert f"[... {300012 - OUTPUT_CAP} bytes left out ...]" in reply.result.stdout


@pytest.mark.parametrize(
    "text",
    [
        "printf '%s' \"it's\" '$HOME' '\\\\'",
        "cat <<'EOF'\nEOF inside: $(x) `y`\nEOF",
        "cat <<'X'\nEé\nE\naé\nX",
        "printf 'ends with a backslash \\\\'",
        "# only a comment",
        "printf 'åäö 🚀\\n'",
        "echo 'a\n\nb'",
        "case x in x) echo yes;; esac",
        "printf 'no newline at the end'",
    ],
)
def test_the_command_arrives_as_it_was_written(guest: Guest, text: str) -> None:
    plain = subprocess.run(["sh", "-c", text], cwd=guest.home, capture_output=True, check=False, env=guest.env)
    reply = guest.ask(text)
    assert reply.result.stdout == plain.stdout.decode()
    assert reply.result.exit_code == plain.returncode
    assert (guest.directory() / "cmd").read_text() == text + "\n"


def test_cwd_is_relative_to_home_and_env_is_set(guest: Guest) -> None:
    (guest.home / "a dir").mkdir()
    assert guest.ask("pwd", "00-a").result.stdout == f"{guest.home}\n"
    assert guest.ask("pwd", "01-b", cwd="a dir").result.stdout == f"{guest.home}/a dir\n"
    assert guest.ask("pwd", "02-c", cwd="~/a dir").result.stdout == f"{guest.home}/a dir\n"
    assert guest.ask("pwd", "03-d", cwd="/").result.stdout == "/\n"
    env = (("A", "x y'z"), ("B", "$HOME\n`id`"))
    assert guest.ask('printf "%s|" "$A" "$B"', "04-e", env=env).result.stdout == "x y'z|$HOME\n`id`|"


def test_a_cwd_that_is_not_there_fails_and_runs_nothing(guest: Guest) -> None:
    reply = guest.ask("echo ran", cwd="/nowhere at all")
    assert reply.ending is Ending.EXITED
    assert reply.result.exit_code
    assert "nowhere at all" in reply.result.stderr
    assert reply.result.stdout == ""


def test_stdin_is_empty(guest: Guest) -> None:
    assert guest.ask("cat; echo end").result.stdout == "end\n"


def test_the_wrong_machine_runs_nothing(guest: Guest) -> None:
    reply = guest.ask("echo x > ran", hostname="surely-not-this.example.com")
    assert reply.ending is Ending.WRONG_HOST
    assert reply.note
    assert not (guest.home / "ran").exists()
    assert not guest.directory().exists()


def test_the_declared_machine_runs_it(guest: Guest) -> None:
    name = subprocess.run(["hostname"], capture_output=True, text=True, check=True).stdout.strip()
    assert guest.ask("echo ran", hostname=name).result.stdout == "ran\n"


def test_a_state_that_cannot_be_written_keeps_no_library_and_runs_nothing(guest: Guest) -> None:
    guest.state.write_text("a file is in the way")
    assert guest.send(write_library(NONCE)).ending is Ending.NO_STATE
    assert guest.send(write(assign("echo x > ran"))).ending is Ending.NO_LIBRARY
    assert not (guest.home / "ran").exists()


def test_an_attempt_whose_directory_cannot_be_made_runs_nothing(guest: Guest) -> None:
    guest.send(write_library(NONCE))
    (guest.state / "r1").write_text("a file is in the way")
    assert guest.ask("echo x > ran").ending is Ending.NO_STATE
    assert not (guest.home / "ran").exists()


def test_an_attempt_whose_runner_was_killed_is_lost_and_not_run_again(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.guest.library.PATIENCE", 5)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(guest.ask, "echo x >> count; sleep 2; echo end >> count")
        pid_file = guest.directory() / "pid"
        while not (pid_file.exists() and pid_file.read_text().strip() and (guest.home / "count").exists()):
            time.sleep(0.02)
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
        reply = waiting.result(timeout=20)
    assert (reply.ending, reply.result.exit_code) == (Ending.LOST, None)
    assert (guest.home / "count").read_text() == "x\nend\n", "called lost while the command lived on"
    again = guest.ask("echo x >> count; sleep 2; echo end >> count")
    assert (again.ending, again.attached) == (Ending.LOST, True)
    assert (guest.home / "count").read_text() == "x\nend\n"


def test_the_commands_process_is_on_record_before_it_is_the_command(guest: Guest) -> None:
    reply = guest.ask(f'read -r pid began <"{guest.directory()}/job"; echo "$pid" "$$"')
    on_record, itself = reply.result.stdout.split()
    assert on_record == itself


def test_after_a_reboot_a_pid_that_lives_again_is_not_taken_for_the_runner(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.guest.library.PATIENCE", 5)
    guest.directory().mkdir(parents=True)
    (guest.directory() / "cmd").write_text("true\n")
    for name in ("out", "err"):
        (guest.directory() / name).touch()
    began = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19]
    (guest.directory() / "pid").write_text(f"{os.getpid()} {began} 1 boot-0\n")
    assert guest.ask("true").ending is Ending.LOST


def test_a_pid_that_another_process_has_now_is_not_taken_for_the_runner(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.guest.library.PATIENCE", 5)
    guest.directory().mkdir(parents=True)
    (guest.directory() / "pid").write_text(f"{os.getpid()} 1 1 boot-1\n")
    assert guest.ask("true").ending is Ending.LOST


def test_the_records_are_for_the_agents_user_alone(guest: Guest) -> None:
    guest.ask("echo secret")
    assert guest.directory().parent.stat().st_mode & 0o077 == 0


def test_a_nul_or_the_nonce_in_the_command_is_refused() -> None:
    for text in ("echo \0", f"echo {NONCE}"):
        with pytest.raises(ValueError, match="NUL byte or this attempt's nonce"):
            write(assign(text))


def test_a_slot_key_is_safe_in_a_path_and_tells_its_step() -> None:
    assert slot_key(3, "Restart nginx", undo=True) == "03-restart-nginx-undo"
    assert slot_key(0, "../../etc; rm", undo=False) == "00-etc-rm"
    assert slot_key(1, "åäö", undo=False) == "01-step"


def test_a_program_is_the_command_and_a_few_hundred_characters() -> None:
    overhead = len(write(assign("echo hi"))) - len("echo hi")
    assert overhead < 400
    assert len(write_library(NONCE)) < 4096


def test_the_library_is_asked_for_once_and_kept_for_later_runs(guest: Guest) -> None:
    assert guest.send(write(assign("echo hi"))).ending is Ending.NO_LIBRARY
    assert guest.send(write_library(NONCE)).ending is Ending.KEPT
    assert guest.send(write(assign("echo hi"))).result.stdout == "hi\n"
    assert (guest.state / library.name()).read_text() == library.text() + "\n"


def test_a_stopped_command_and_its_children_are_killed(guest: Guest) -> None:
    guest.send(write_library(NONCE))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(guest.ask, "sleep 1000 & echo $! > child; sleep 1000")
        while not (guest.home / "child").exists() or not (guest.home / "child").read_text().strip():
            time.sleep(0.02)
        told = guest.send(write_stop(assign("sleep 1000 & echo $! > child; sleep 1000")))
        assert (told.ending, told.result.exit_code) == (Ending.STOPPED, 143)
        assert running.result(timeout=20).ending is Ending.STOPPED
    child = int((guest.home / "child").read_text())
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _alive(child):
        time.sleep(0.05)
    assert not _alive(child)


def test_an_attempt_that_was_stopped_before_it_began_never_begins(guest: Guest) -> None:
    guest.send(write_library(NONCE))
    assert guest.send(write_stop(assign("echo x > ran"))).ending is Ending.STOPPED
    assert guest.ask("echo x > ran").ending is Ending.STOPPED
    assert not (guest.home / "ran").exists()


def test_stopping_what_has_ended_changes_nothing(guest: Guest) -> None:
    guest.ask("exit 5")
    assert guest.send(write_stop(assign("exit 5"))).result.exit_code == 5


def test_a_service_in_the_background_outlives_its_step(guest: Guest) -> None:
    reply = guest.ask("echo up; exec sleep 1000", background=True)
    assert reply.ending is Ending.LEFT
    assert reply.result.stdout == "up\n"
    assert reply.pid is not None
    assert _alive(reply.pid)


def test_a_service_that_dies_at_once_is_told_with_its_status(guest: Guest) -> None:
    reply = guest.ask("echo no >&2; exit 4", background=True)
    assert (reply.ending, reply.result.exit_code, reply.result.stderr) == (Ending.EXITED, 4, "no\n")


# The check of a fresh clone (.ci/run) is run as root: there this is never skipped.
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_step_runs_as_its_user_with_that_users_home(guest: Guest) -> None:
    guest.root.chmod(0o755)
    reply = guest.ask('id -un; echo "$HOME $USER"; pwd', user="daemon", cwd="/")
    assert reply.result.stdout.splitlines() == ["daemon", "/usr/sbin daemon", "/"], reply


def test_a_controller_that_was_taken_over_from_starts_nothing(guest: Guest) -> None:
    guest.ask("true", "00-a", fence=2)
    reply = guest.ask("echo x > ran", "01-b", fence=1)
    assert reply.ending is Ending.FENCED
    assert not (guest.home / "ran").exists()
    assert guest.ask("echo x > ran", "01-b", fence=3).ending is Ending.EXITED


@pytest.mark.parametrize("line", ["# åäö 'quoted' $(not run)\n", "x" * 50 + "\n\n", "E\n"])
def test_a_command_that_is_too_long_for_one_request_is_sent_in_verified_parts(guest: Guest, line: str) -> None:
    text = "echo begin\n: <<'THE-END'\n" + line * (9000 // len(line)) + "THE-END\necho end"
    assignment = assign(text)
    guest.send(write_library(NONCE))
    parts, program = write_parts(assignment, limit=4096), write(assignment, limit=4096)
    assert all(len(part) <= 4096 for part in (*parts, program))
    assert guest.send(program).ending is Ending.NO_PARTS
    for part in parts[:-1]:
        assert guest.send(part).ending is Ending.KEPT
    assert guest.send(program).ending is Ending.NO_PARTS, "a command that is not whole was run"
    assert guest.send(parts[-1]).ending is Ending.KEPT
    reply = guest.send(program)
    assert reply.result.stdout == "begin\nend\n"
    assert (guest.directory() / "cmd").read_text() == text
    assert guest.send(program).attached


def test_old_records_are_swept_when_another_run_begins_and_no_others(guest: Guest) -> None:
    guest.ask("true")
    old, young = guest.state / "r0-old", guest.state / "r0-young"
    old.mkdir()
    young.mkdir()
    long_ago = time.time() - 40 * 86400
    os.utime(old, (long_ago, long_ago))
    shutil.rmtree(guest.state / "r1")
    guest.ask("true")
    assert not old.exists()
    assert young.exists()
    assert (guest.state / library.name()).exists()
