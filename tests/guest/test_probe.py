"""The look at a guest before a run, under every POSIX shell that is here."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.guest import library, probe
from orchestrator.guest.probe import Answers, Folder, Look, read, write
from orchestrator.guest.reply import read as read_reply
from orchestrator.model.plan import Command
from orchestrator.model.playbook import Guard
from tests.guest.machines import StandInMachine, why_no_stand_in

SHELLS = [shell for shell in (("dash",), ("bash", "--posix"), ("busybox", "sh"), ("mksh",)) if shutil.which(shell[0])]
NONCE = "f00dfeedf00dfeed"
CREATES, UNLESS, ONLY_IF = Guard.CREATES, Guard.UNLESS, Guard.ONLY_IF


class Guest:
    """A folder that stands for a VPS, on which `sh` is one certain shell."""

    def __init__(self, root: Path, shell: Sequence[str]) -> None:
        self.root, self.shell = root, shell
        self.home, self.state = root / "home", root / "state"
        self.home.mkdir()
        (root / "bin").mkdir()
        (root / "bin" / "sh").symlink_to(str(shutil.which(shell[0])))
        self.env = {
            "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "ORC_STATE": str(self.state),
            "TMPDIR": str(root),  # where some shells keep a here-document
        }

    def ask(self, look: Look, limit: int = 4096) -> Answers:
        """What it says, to all of the programs."""
        answers: Answers | None = None
        for part in write(look, limit=limit):
            program = part.text(NONCE)
            assert len(program) <= limit
            done = subprocess.run(
                [*self.shell, "-c", program],
                env=self.env,
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            reply = read_reply(done.stdout, done.stderr, NONCE)
            assert reply is not None, done
            said = read(reply.result.stdout, look)
            answers = answers.and_(said) if answers else said
        assert answers is not None
        return answers

    def guards(self, *guards: tuple[Guard, str], **around: object) -> dict[Guard, int]:
        """The exit statuses of the guards of one command, as far as they were looked at."""
        command = Command(text="echo ran >> ran", guards=guards, **around)  # type: ignore[arg-type]  # a test's
        return {guard: status for (_, guard), status in self.ask(Look(guarded={3: command})).guards.items()}


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def guest(tmp_path: Path, request: pytest.FixtureRequest) -> Guest:
    return Guest(tmp_path, request.param)


def test_a_guest_tells_its_name_its_shell_and_its_room(guest: Guest) -> None:
    answers = guest.ask(Look())
    free = os.statvfs(guest.root)

    assert answers.hostname == os.uname().nodename
    assert answers.shell == {"busybox": "busybox"}.get(guest.shell[0], guest.shell[0])
    assert answers.free is not None
    assert abs(answers.free - free.f_bavail * free.f_frsize) < 1024**3
    assert (answers.setsid, answers.writable, answers.other_host) == (True, True, False)
    assert answers.systemd == Path("/run/systemd/system").is_dir()


def test_a_guest_tells_whether_it_has_this_very_library(guest: Guest) -> None:
    assert not guest.ask(Look()).library
    guest.state.mkdir()
    (guest.state / library.name()).touch()
    assert guest.ask(Look()).library


def test_nothing_is_written_in_the_guest(guest: Guest) -> None:
    around = Command(text="echo ran >> ran", cwd="~", guards=((CREATES, "x"), (UNLESS, "cat <<E\nx\nE\nfalse")))
    before = {file: file.lstat().st_mtime_ns for file in (guest.root, *guest.root.rglob("*"))}
    answers = guest.ask(Look(users=("root",), folders=(Folder(user="", cwd="x"),), guarded={0: around}))

    assert len(answers.guards) == 2
    after = {file: file.lstat().st_mtime_ns for file in (guest.root, *guest.root.rglob("*"))}
    if guest.shell[0] == "mksh":  # the guard's own here-document is in a file there, for a moment
        before.pop(guest.root), after.pop(guest.root)
    assert after == before


def test_users_and_folders_are_there_or_not(guest: Guest) -> None:
    (guest.home / "it's here").mkdir()
    folders = tuple(
        Folder(user="", cwd=cwd) for cwd in ("/", "~", "it's here", "~/it's here", "$(touch ran)", "~/no", "-")
    )
    answers = guest.ask(Look(users=("root", "no-such-user"), folders=folders))

    assert answers.users == {"root": True, "no-such-user": False}
    assert [answers.folders[folder] for folder in folders] == [True, True, True, True, False, False, False]
    assert not (guest.home / "ran").exists()


@pytest.mark.parametrize(
    ("guards", "statuses"),
    [
        (((CREATES, "there"),), {CREATES: 0}),
        (((CREATES, "~/there"),), {CREATES: 0}),
        (((CREATES, "dangling"),), {CREATES: 0}),
        (((CREATES, "not there; touch ran"),), {CREATES: 1}),
        (((UNLESS, "test -e 'there'"),), {UNLESS: 0}),
        (((UNLESS, "surely-no-such-program"),), {UNLESS: 127}),
        (((ONLY_IF, "exit 3"),), {ONLY_IF: 3}),
        (((ONLY_IF, 'echo "a\nb" | grep -q "^b$"'),), {ONLY_IF: 0}),
        (((CREATES, "no"), (UNLESS, "false"), (ONLY_IF, "true")), {CREATES: 1, UNLESS: 1, ONLY_IF: 0}),
        (((CREATES, "no"), (UNLESS, "true"), (ONLY_IF, "false")), {CREATES: 1, UNLESS: 0}),
        (((UNLESS, "kill -KILL $$"), (ONLY_IF, "true")), {UNLESS: 137}),
    ],
)
def test_guards_are_looked_at_until_one_says_no(
    guest: Guest, guards: tuple[tuple[Guard, str], ...], statuses: dict[Guard, int]
) -> None:
    (guest.home / "there").touch()
    (guest.home / "dangling").symlink_to("nowhere")

    assert guest.guards(*guards) == statuses
    assert not (guest.home / "ran").exists()


def test_a_guard_that_is_no_shell_text_fails_and_harms_no_other(guest: Guest) -> None:
    broken = Command(text="x", guards=((ONLY_IF, "syntax ( error '"),))
    well = Command(text="x", guards=((ONLY_IF, "true"),))
    answers = guest.ask(Look(guarded={0: broken, 1: well}))

    assert 0 < answers.guards[0, ONLY_IF] <= 128
    assert answers.guards[1, ONLY_IF] == 0


def test_a_guard_is_looked_at_where_the_command_would_run_and_with_its_environment(guest: Guest) -> None:
    (guest.home / "a dir").mkdir()
    (guest.home / "a dir" / "here").touch()
    env = (("A", "it's"), ("p", "x"), ("J", "y"), ("r", "0"), ("u", "z"))
    look = '[ -e here ] && [ "$A$p$J$r$u" = "it\'sxy0z" ] && [ "$HOME" ] && [ "$LANG" ]'

    assert guest.guards((CREATES, "here"), cwd="a dir") == {CREATES: 0}
    assert guest.guards((ONLY_IF, look), cwd="a dir", env=env) == {ONLY_IF: 0}


def test_where_the_folder_is_not_there_a_guard_says_nothing(guest: Guest) -> None:
    assert guest.guards((ONLY_IF, "true"), (UNLESS, "true"), cwd="/no/such") == {ONLY_IF: 255}


def test_a_guard_runs_as_the_commands_user(guest: Guest) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    user = next(each for each in pwd.getpwall() if each.pw_uid not in (0, os.getuid()))
    look = f'[ "$(id -un) $USER" = "{user.pw_name} {user.pw_name}" ] && [ "$HOME" = {user.pw_dir} ]'

    assert guest.guards((ONLY_IF, look), user=user.pw_name, cwd="/") == {ONLY_IF: 0}


def test_a_guard_that_takes_too_long_is_killed_with_its_children(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "GUARD_TIMEOUT", 1)
    began = time.monotonic()
    slow = Command(text="x", guards=((UNLESS, f"sleep 54321 & echo $! > {guest.root}/child; wait"),))
    answers = guest.ask(Look(guarded={0: slow, 1: Command(text="x", guards=((UNLESS, "true"),))}))

    assert answers.guards == {(0, UNLESS): 137, (1, UNLESS): 0}
    assert time.monotonic() - began < 20
    child = int((guest.root / "child").read_text())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and is_sleeping(child):
        time.sleep(0.05)
    assert not is_sleeping(child)


def is_sleeping(pid: int) -> bool:
    try:
        return "54321" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def test_on_another_machine_no_guard_is_looked_at(guest: Guest) -> None:
    look = Look(
        hostname="it's another", users=("root",), guarded={0: Command(text="x", guards=((UNLESS, "touch ran"),))}
    )
    answers = guest.ask(look)

    assert (answers.other_host, answers.hostname) == (True, os.uname().nodename)
    assert (answers.users, answers.guards) == ({}, {})
    assert not (guest.home / "ran").exists()
    assert not guest.ask(Look(hostname=os.uname().nodename)).other_host


def test_many_guards_go_in_parts_of_which_each_fits(guest: Guest) -> None:
    command = Command(text="x", env=(("LONG", "y" * 1500),), guards=((ONLY_IF, ": " + "x" * 300 + "; false"),))
    look = Look(hostname=os.uname().nodename, users=("root",), guarded=dict.fromkeys(range(12), command))

    assert len(write(look, limit=4096)) > 2
    answers = guest.ask(look)
    assert answers.guards == {(slot, ONLY_IF): 1 for slot in range(12)}
    assert (answers.users, answers.setsid) == ({"root": True}, True)


def test_what_no_request_has_room_for_is_left_out() -> None:
    good = Command(text="x", guards=((UNLESS, "true"),))
    long = Command(text="x", guards=((UNLESS, "x" * 5000),))
    parts = write(Look(guarded={0: long, 1: good, 2: Command(text="x", guards=((UNLESS, "a\0b"),))}), limit=4096)

    assert [part.guards for part in parts] == [1]
    assert "xxx" not in parts[0].body
    assert "\0" not in parts[0].body


def test_where_systemd_runs_a_guest_says_so(tmp_path: Path) -> None:
    if reason := why_no_stand_in():
        pytest.skip(f"no namespace can be made in which systemd seems to run: {reason}")
    machine = StandInMachine(tmp_path, "r1")
    try:
        with machine.begin(write(Look(), limit=4096)[0].text(NONCE)) as child:
            out, err = child.communicate(timeout=60)
        reply = read_reply(out.decode(), err.decode(), NONCE)
        assert reply is not None
        assert read(reply.result.stdout, Look()).systemd
    finally:
        machine.close()


LOOK = Look(
    users=("deploy",), folders=(Folder(user="", cwd="/"),), guarded={3: Command(text="x", guards=((UNLESS, "x"),))}
)


def test_what_is_not_in_due_form_or_was_not_asked_says_nothing() -> None:
    text = (
        "host a b\nsh /bin/../$(x)\nfree 1 2 3\nfree x 1 2 99 3% /\nuser root 0\nuser deploy 0 0\nuser deploy 256\n"
        "user deploy -1\nfolder 1 0\nfolder 00 0\nfolder -1 0\nguard 3 creates 0\nguard 4 unless 0\nguard 3 unless x\n"
    )
    assert read(text, LOOK) == Answers(hostname="a b", free=None)
    assert read("host " + "x" * 9999, LOOK).hostname == "x" * 256
    assert read("free x 1 2 99 3% /", LOOK).free == 99 * 1024
    assert read("free x 1 2 " + "9" * 16 + " 3% /", LOOK).free is None


@settings(max_examples=200, derandomize=True)
@given(st.text() | st.from_regex(r"((user|folder|guard|free|sh|host) [a-z0-9 /%]{0,30}\n){1,4}", fullmatch=True))
def test_no_text_of_a_guest_breaks_the_reading(text: str) -> None:
    answers = read(text, LOOK)
    assert answers.users.keys() <= {"deploy"}
    assert all(0 <= status <= 255 for status in answers.guards.values())
    assert answers.free is None or 0 <= answers.free < 2**60
