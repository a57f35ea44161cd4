"""The file that `copy` puts into a guest, under every POSIX shell that is here, with its own tools and busybox's."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.guest.program import write, write_library, write_parts
from orchestrator.guest.reply import Ending
from orchestrator.model.origin import Origin, Text
from orchestrator.model.playbook import File
from orchestrator.steps.copy import COPY
from tests.guest.test_program import SHELLS, Guest, assign, guest

__all__ = ["guest"]  # a fixture

HERE = Origin(file="deploy.yml", line=1, column=1)
APPLETS = "sh cat chmod chown dd head mktemp mv printf readlink rm sha256sum stat"
BUSYBOX = ("busybox", "sh")


def word(text: Text) -> str:
    return text.source


def copying(value: Mapping[str, str], file: File | None = None) -> str:
    """The program of a copy."""
    texts = COPY.read({"content": "", **value} if file is None else {"src": "f", **value}, lambda _: HERE)
    return COPY.program(COPY.command(texts, word, word), file)


class Vps:
    """A folder, and a shell in it. plain: with nothing on PATH but busybox's tools."""

    def __init__(self, root: Path, shell: Sequence[str], *, plain: bool = False) -> None:
        self.root, self.home, self.shell = root, root / "home", shell
        self.home.mkdir()
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(root)}
        if plain:
            (root / "bin").mkdir()
            for applet in APPLETS.split():
                (root / "bin" / applet).symlink_to(shutil.which("busybox") or "")
            self.env["PATH"] = str(root / "bin")

    def run(self, program: str) -> "subprocess.CompletedProcess[str]":
        shell = [shutil.which(self.shell[0]) or "", *self.shell[1:]]
        return subprocess.run(
            [*shell, "-c", program], env=self.env, cwd=self.home, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip

    def said(self, program: str) -> str:
        done = self.run(program)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout


MACHINES = [*((shell, False) for shell in SHELLS)] + ([(BUSYBOX, True)] if BUSYBOX in SHELLS else [])


@pytest.fixture(params=MACHINES, ids=lambda each: f"{each[0][0]}{'-alone' if each[1] else ''}")
def vps(tmp_path: Path, request: pytest.FixtureRequest) -> Vps:
    shell, plain = request.param
    return Vps(tmp_path, shell, plain=plain)


def left_over(vps: Vps) -> list[str]:
    return [path.name for path in vps.home.rglob(".orc-*")]


def test_a_new_file_is_there_whole_with_mode_0644(vps: Vps) -> None:
    assert vps.said(copying({"content": "a\nb", "dest": "app.conf"})) == "created\n"
    assert (vps.home / "app.conf").read_text() == "a\nb"
    assert (vps.home / "app.conf").stat().st_mode & 0o7777 == 0o644
    assert not left_over(vps)


def test_a_file_that_is_so_already_is_not_written(vps: Vps) -> None:
    file = vps.home / "app.conf"
    program = copying({"content": "same\n", "dest": "app.conf", "mode": "0640"})
    assert vps.said(program) == "created\n"
    before, folder = file.stat(), vps.home.stat()

    assert vps.said(program) == "unchanged\n"
    assert file.stat() == before
    assert vps.home.stat().st_mtime_ns == folder.st_mtime_ns, "not even another file was made beside it"


@pytest.mark.parametrize("mode", ["0600", "755", "4711", "0000"])
def test_a_mode_alone_that_differs_is_a_change_and_leaves_the_content(vps: Vps, mode: str) -> None:
    file = vps.home / "run"
    file.write_text("x\n")
    node = file.stat().st_ino
    program = copying({"content": "x\n", "dest": "run", "mode": mode})

    assert vps.said(program) == "changed\n"
    assert (file.stat().st_mode & 0o7777, file.stat().st_ino) == (int(mode, 8), node)
    file.chmod(int(mode, 8) | 0o400)  # so that whoever is not root can read it, too
    if int(mode, 8) & 0o400:
        assert vps.said(program) == "unchanged\n"


def test_a_file_that_is_replaced_keeps_its_mode_where_the_step_names_none(vps: Vps) -> None:
    (vps.home / "key").write_text("old")
    (vps.home / "key").chmod(0o600)

    assert vps.said(copying({"content": "new", "dest": "key"})) == "changed\n"
    assert (vps.home / "key").read_text() == "new"
    assert (vps.home / "key").stat().st_mode & 0o7777 == 0o600


# The check of a fresh clone (.ci/run) is run as root: there this is never skipped.
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize(("owner", "ids"), [("daemon", (1, 0)), ("daemon:daemon", (1, 1)), ("1:2", (1, 2))])
def test_the_owner_is_set_and_compared(vps: Vps, owner: str, ids: tuple[int, int]) -> None:
    program = copying({"content": "x", "dest": "owned", "owner": owner, "mode": "0640"})

    assert [vps.said(program), vps.said(program)] == ["created\n", "unchanged\n"]
    found = (vps.home / "owned").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (*ids, 0o640)
    os.chown(vps.home / "owned", 7, 7)
    assert vps.said(program) == "changed\n"
    assert (vps.home / "owned").stat().st_uid == ids[0]


# The check of a fresh clone (.ci/run) is run as root: there this is never skipped.
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_that_is_replaced_keeps_its_owner_where_the_step_names_none(vps: Vps) -> None:
    (vps.home / "kept").write_text("old")
    os.chown(vps.home / "kept", 1, 2)
    vps.said(copying({"content": "new", "dest": "kept"}))
    found = (vps.home / "kept").stat()
    assert (found.st_uid, found.st_gid) == (1, 2)


def test_a_link_stays_and_the_file_that_it_leads_to_is_replaced(vps: Vps) -> None:
    (vps.home / "real").mkdir()
    (vps.home / "real" / "app.conf").write_text("old")
    (vps.home / "link").symlink_to("real/app.conf")

    assert vps.said(copying({"content": "new", "dest": "link"})) == "changed\n"
    assert (vps.home / "link").is_symlink()
    assert (vps.home / "real" / "app.conf").read_text() == "new"


@pytest.mark.parametrize(
    ("dest", "why"),
    [
        ("folder", "nothing was changed: ./folder is there, and is no file\n"),
        ("no/such/file", "nothing was changed: there is no folder ./no/such\n"),
        ("pipe", "nothing was changed: ./pipe is there, and is no file\n"),
    ],
)
def test_what_cannot_be_a_file_is_refused_in_words(vps: Vps, dest: str, why: str) -> None:
    (vps.home / "folder").mkdir()
    os.mkfifo(vps.home / "pipe")
    done = vps.run(copying({"content": "x", "dest": dest}))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", why)


def test_a_mode_that_a_value_made_wrong_changes_nothing(vps: Vps) -> None:
    program = copying({"content": "new", "dest": "f", "mode": "0644"}).replace("mode=0644", "mode='u+s; id'")
    done = vps.run(program)
    assert done.returncode == 1
    assert "is not three or four octal digits" in done.stderr
    assert not (vps.home / "f").exists()


def test_a_home_folder_is_meant_by_a_tilde(vps: Vps) -> None:
    vps.said(f"cd /;{copying({'content': 'x', 'dest': '~/here'})}")
    assert (vps.home / "here").read_text() == "x"


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_a_disk_that_fills_up_leaves_the_old_file(tmp_path: Path, shell: Sequence[str]) -> None:
    vps = Vps(tmp_path, shell)
    (vps.home / "f").write_text("old")
    done = vps.run(f"ulimit -f 8;{copying({'content': 'x' * 30_000, 'dest': 'f'})}")
    assert done.returncode
    assert (vps.home / "f").read_text() == "old"
    assert not left_over(vps)


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1, max_size=30).filter(
    lambda name: name not in (".", "..") and name.strip() and len(name.encode()) < 200
)
HOSTILE = st.sampled_from(["-rf", "a b", "$(id)", "`id`", "a'b\"c", "*", "a\nb\n", "mode=0600", "\\", "~", "#", "å"])
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=400),
    st.sampled_from(["", "\n", "\n\n", "no end", "E", "E\nE0\n", "'\"$(id)`id`\\\n", "\r\n", "-n", "%s%%\\n"]),
)


# One shell after the other in each example: a fixture would be the same for all of them.
@given(name=NAMES | HOSTILE, text=TEXTS)
@settings(derandomize=True, max_examples=25, deadline=None)
def test_a_text_arrives_byte_for_byte_under_any_name(name: str, text: str) -> None:
    for shell in SHELLS:
        with TemporaryDirectory() as folder:
            vps = Vps(Path(folder), shell)
            vps.said(copying({"dest": name}, File(name="f", text=text)))
            assert (vps.home / name).read_bytes() == text.encode()
            assert [vps.said(copying({"dest": name, "content": text}))] == ["unchanged\n"]
            assert [path.name for path in vps.home.iterdir()] == [name]


@given(content=st.binary(max_size=600) | st.sampled_from([b"\0", b"\xff\xfe\0-%s\\1'", bytes(range(256)) * 20]))
@settings(derandomize=True, max_examples=25, deadline=None)
def test_bytes_that_are_no_text_arrive_as_they_are(content: bytes) -> None:
    file = File(name="f", text=content.decode("latin-1"), binary=True)
    for shell in SHELLS:
        with TemporaryDirectory() as folder:
            vps = Vps(Path(folder), shell)
            vps.said(copying({"dest": "f"}, file))
            assert (vps.home / "f").read_bytes() == content


def test_the_old_file_is_there_until_all_parts_of_the_new_one_are(guest: Guest) -> None:
    (guest.home / "app.conf").write_text("old")
    text = "åäö 'quoted' $(not run)\n" * 400
    assignment = assign(copying({"dest": "~/app.conf"}, File(name="f", text=text)))
    guest.send(write_library("f00dfeedf00dfeed"))
    parts, program = write_parts(assignment, limit=4096), write(assignment, limit=4096)
    assert len(parts) > 2
    for part in parts:
        assert guest.send(program).ending is Ending.NO_PARTS
        assert (guest.home / "app.conf").read_text() == "old"
        assert guest.send(part).ending is Ending.KEPT
    reply = guest.send(program)
    assert (reply.result.exit_code, reply.result.stdout) == (0, "changed\n"), reply
    assert (guest.home / "app.conf").read_text() == text
    assert guest.send(program).attached
