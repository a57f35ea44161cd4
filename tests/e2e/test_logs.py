"""Whole outputs from the VPSes that keep them, and outputs as a run goes on: real commands on a simulated fleet."""

import contextlib
import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.main import run
from tests.orc_calls import Orc

ROOT = Path(__file__).parents[2]
PLAYBOOK = """
hosts: all
rollout: {{rollback: none, max_failures: 9}}
steps:
  - {{name: long, run: "echo x >> count; cat {folder}/out; cat {folder}/err >&2"}}
  - {{name: short, run: echo all of it}}
  - {{name: silent, run: 'true'}}
  - {{name: plain, run: echo plainly, exec: plain}}
  - name: third time
    run: echo x >> tries; echo try $(wc -l < tries); [ $(wc -l < tries) = 3 ]
    retries: {{attempts: 3, delay: 0s}}
"""
SLOW = """
hosts: all
rollout: {{rollback: none, max_failures: 9}}
steps:
  - {{name: short, run: printf '\\377 all of it'}}
  - {{name: wait, run: "echo begun; until [ -e {folder}/go ]; do sleep 0.1; done; echo ended"}}
"""
OUT = bytes(range(256)) * 10_000 + b"\xc3\xa5 and half a character \xc3"
"""2.5 MB, in three ranges, of which little is UTF-8."""
ERR = b"\x1b[31mred\x1b[0m\nprogress 1%\rprogress 99%\n\xff\n" + b"e" * 70_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    status: int
    out: bytes
    err: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A simulator in a process of its own. inventory: of its two VPSes."""

    folder: Path
    inventory: str

    def ask(self, path: str, body: object = None) -> Any:
        (url,) = re.findall(r"http://[\d.:]+", self.inventory)
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url + path, data=data), timeout=30) as answer:
            return json.load(answer)

    @contextlib.contextmanager
    def with_faults(self, faults: object) -> Iterator[None]:
        self.ask("/_simulator/faults", faults)
        try:
            yield
        finally:
            self.ask("/_simulator/faults", {})

    def starts(self, vmid: int = 10000) -> int:
        return int(self.ask("/_simulator/stats")["vmids"][str(vmid)]["starts"])


class Project:
    """A folder with a playbook, an inventory of the fleet, and `orc` in it."""

    def __init__(self, folder: Path, fleet: Fleet, playbook: str) -> None:
        self.folder, self.fleet = folder, fleet
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "ORC_SIMULATOR_KEY": "demo-key", "TERM": "xterm"}
        (folder / "i.yml").write_text(fleet.inventory)
        (folder / "p.yml").write_text(playbook.format(folder=folder))
        (folder / "out").write_bytes(OUT)
        (folder / "err").write_bytes(ERR)

    def start(self, *words: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE) -> Orc:
        """`orc` as a process."""
        return Orc(*words, folder=self.folder, environment=self.environment, stdout=stdout, stderr=stderr)

    def run(self, *words: str) -> Orc:
        return self.start("run", "p.yml", "-i", "i.yml", "--yes", "-q", *words)

    def orc(self, *words: str, **environment: str) -> Ended:
        """`orc` in this process."""
        with contextlib.chdir(self.folder), pytest.MonkeyPatch.context() as patch:
            for name, value in (self.environment | environment).items():
                patch.setenv(name, value)
            out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = run(words)
            return Ended(status=status, out=_bytes(out), err=_bytes(err))

    def record(self, slot: str, vmid: int = 10000) -> Path:
        """The directory of the latest attempt's record, `01-wait.1`."""
        return max((self.fleet.folder / str(vmid) / "state").glob(f"r*/{slot}"), key=lambda each: each.stat().st_ctime)

    def kill_in_wait(self) -> None:
        """A run whose process is gone, with the step `wait` under way."""
        running = self.run()
        until(self.waits)
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)

    def waits(self) -> bool:
        """Whether both VPSes are in the step `wait`, and the journal has it."""
        done = self.orc("status", "last", "--output", "json")
        hosts = json.loads(done.out)["hosts"].values() if done.status == 0 else ()
        return [host["steps"]["wait"]["state"] for host in hosts] == ["running"] * 2

    def go(self) -> None:
        """Let the step `wait` end."""
        (self.folder / "go").touch()


def _bytes(stream: io.TextIOWrapper) -> bytes:
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue()


def ended(process: Orc) -> Ended:
    out, err = process.communicate(timeout=90)
    return Ended(status=process.wait(), out=out, err=err)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def read_terminal(descriptor: int) -> bytes:
    """All that is written to a terminal, until nobody has it any more."""
    found = b""
    with os.fdopen(descriptor, "rb", buffering=0) as terminal, contextlib.suppress(OSError):  # Linux's word for the end
        while chunk := terminal.read(65536):
            found += chunk
    return found


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("simulator")
    words = ["simulator", "--port", "0", "--hosts", "2", "--dir", "fleet"]
    with subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *words],
        cwd=folder, env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}, text=True, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout
        lines: list[str] = []
        while "Ctrl-C ends it" not in lines:
            lines.append(process.stdout.readline().rstrip("\n"))
        yield Fleet(folder=folder / "fleet", inventory="\n".join(lines[lines.index("# an inventory of them") : -1]))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def project(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a run that has ended."""
    project = Project(tmp_path_factory.mktemp("project"), fleet, PLAYBOOK)
    done = ended(project.run())
    assert done.status == 0, done
    return project


@pytest.fixture
def slow(fleet: Fleet, tmp_path: Path) -> Iterator[Project]:
    """A project whose runs end when they are told to."""
    project = Project(tmp_path, fleet, SLOW)
    yield project
    project.go()


FULL = ("logs", "last", "vps-1", "long", "--full")


def test_the_whole_output_is_printed_with_no_byte_harmed_and_nothing_is_run_again(project: Project) -> None:
    assert ended(project.start(*FULL)) == Ended(status=0, out=OUT, err=ERR)
    assert (project.fleet.folder / "10000" / "home" / "count").read_text() == "x\n"
    assert project.orc("logs", "last", "vps-1", "silent", "--full") == Ended(status=0, out=b"", err=b"")


def test_what_is_lost_and_garbled_on_the_way_is_asked_for_again(project: Project) -> None:
    names = "drop_reply_before drop_reply_after consume_result html_body no_pid_500 forget_pids recycle_pids"
    faults: dict[str, object] = {name: {"count": 2} for name in names.split()} | {"latin1_output": 1.0}
    with project.fleet.with_faults({"all": faults}):
        assert project.orc(*FULL) == Ended(status=0, out=OUT, err=ERR)


def test_on_a_terminal_it_looks_as_other_logs_do_and_obeys_no_escape(project: Project) -> None:
    above, below = pty.openpty()
    process = project.start(*FULL, stdout=below)
    os.close(below)
    lines = read_terminal(above).decode().split("\r\n")
    assert ended(process) == Ended(status=0, out=b"", err=b"")
    assert re.fullmatch(r"== vps-1  long, attempt 1: ok, [0-9.]+ s, at [0-9:]+", lines[0])
    assert lines[1] == f"-- stdout, {len(OUT):,} bytes"
    at = lines.index(f"-- stderr, {len(ERR):,} bytes")
    assert lines[at + 1 : at + 4] == ["red", "progress 99%", "\ufffd"]
    assert lines[at - 1].endswith("å and half a character \ufffd")
    assert all(line.isprintable() for line in lines)


def test_stderr_on_a_terminal_is_made_visible_where_stdout_is_none(project: Project) -> None:
    above, below = pty.openpty()
    process = project.start(*FULL, stderr=below, stdout=subprocess.DEVNULL)
    os.close(below)
    shown = read_terminal(above)
    assert process.wait(timeout=60) == 0
    assert b"\x1b" not in shown
    assert shown.startswith(b"red\r\nprogress 99%\r\n")


def test_what_the_vps_has_no_more_is_said_and_the_journals_part_printed(project: Project) -> None:
    for slot in ("00-long.1", "01-short.1"):
        shutil.rmtree(project.record(slot, 10001))
    gone = project.orc("logs", "last", "vps-2", "long", "--full")
    assert gone.status == 6
    note = gone.err.decode(errors="replace").splitlines()[0]
    assert note.startswith("orc: its record is not in the VPS any more: it is swept after 30 days")
    assert re.search(r"from the journal, which has [\d,]+ of 2,560,0\d\d bytes of stdout", note), note
    assert b"bytes left out ...]" in gone.out
    whole = project.orc("logs", "last", "vps-2", "short", "--full")
    assert (whole.status, whole.out) == (0, b"all of it\n")
    assert b"which has all of it" in whole.err


def test_of_a_vps_that_is_down_the_journals_part_is_printed(project: Project) -> None:
    with project.fleet.with_faults({"vmids": {10000: {"agent_down": 1.0}}}):
        down = project.orc(*FULL)
    assert down.status == 6
    assert b"vps-1 cannot be reached" in down.err
    assert b"bytes left out ...]" in down.out


def test_a_key_that_is_refused_or_not_there_is_said_as_of_a_run(project: Project) -> None:
    refused = project.orc(*FULL, ORC_SIMULATOR_KEY="another")
    missing = project.orc(*FULL, ORC_SIMULATOR_KEY="")
    assert (refused.status, refused.out, missing.status, missing.out) == (7, b"", 2, b"")
    assert b"env:ORC_SIMULATOR_KEY" in refused.err
    assert b"ORC_SIMULATOR_KEY is not set" in missing.err


def test_every_attempt_is_printed_in_order_and_told_apart_on_stderr(project: Project) -> None:
    done = project.orc("logs", "last", "vps-2", "third time", "--full")
    assert (done.status, done.out) == (0, b"try 1\ntry 2\ntry 3\n")
    assert [re.sub(r"[\d.]+ s, at .*", "...", line) for line in done.err.decode().splitlines()] == [
        "orc: vps-2  third time, attempt 1: failed (exit status 1), ...",
        "orc: vps-2  third time, attempt 2: failed (exit status 1), ...",
        "orc: vps-2  third time, attempt 3: ok, ...",
    ]


def test_a_plain_step_keeps_nothing_and_its_vps_is_not_asked(project: Project) -> None:
    started = project.fleet.starts()
    done = project.orc("logs", "last", "vps-1", "plain", "--full")
    assert (done.status, done.out) == (0, b"plainly\n")
    assert done.err == b"orc: a plain step keeps nothing in the VPS; this is from the journal, which has all of it\n"
    assert project.fleet.starts() == started


def test_when_nobody_reads_it_any_more_it_ends(project: Project) -> None:
    process = project.start(*FULL)
    assert process.stdout is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("words", ["--full", "vps-1 --full", "vps-1 long --full -f", "vps-1 long --full --output json"])
def test_what_cannot_be_meant_is_refused(project: Project, words: str) -> None:
    done = project.orc("logs", "last", *words.split())
    assert (done.status, done.out) == (2, b"")
    assert b"--full" in done.err


def test_a_vps_on_which_a_run_is_at_work_is_not_asked(slow: Project) -> None:
    running = slow.run()
    until(slow.waits)
    started = slow.fleet.starts()
    held = slow.orc("logs", "last", "vps-1", "short", "--full")
    assert (held.status, held.out) == (7, b"")
    assert re.search(rb"run r\S+ has an attempt under way on vps-1 \(process \d+ on .*\)", held.err)
    assert slow.fleet.starts() == started
    slow.go()
    assert ended(running).status == 0
    assert slow.orc("logs", "last", "vps-1", "short", "--full").out == b"\xff all of it"


def test_of_a_run_whose_process_is_gone_what_was_printed_so_far_is_there(slow: Project) -> None:
    slow.kill_in_wait()
    wanted = ("logs", "last", "vps-1", "wait", "--full")
    assert slow.orc(*wanted) == Ended(status=0, out=b"begun\n", err=b"")
    slow.go()
    until((slow.record("01-wait.1") / "rc").exists)
    assert slow.orc(*wanted).out == b"begun\nended\n"


def test_a_step_that_an_earlier_run_has_done_says_which(slow: Project) -> None:
    slow.go()
    (slow.folder / "p.yml").write_text(f"{SLOW.format(folder=slow.folder)}  - run: test -e {slow.folder}/mended\n")
    assert ended(slow.run()).status == 3
    (slow.folder / "mended").touch()
    assert ended(slow.start("retry", "last", "--yes", "-q")).status == 0
    done = slow.orc("logs", "last", "vps-1", "short", "--full")
    assert (done.status, done.out) == (0, b"")
    words = done.err.decode().rpartition("was done on vps-1 by an earlier run: orc ")[2].split()
    assert slow.orc(*words).out == b"\xff all of it"


def test_a_run_is_followed_from_its_beginning_to_its_end(slow: Project) -> None:
    running = slow.run()
    until(slow.waits)
    following, one = (
        slow.start("logs", "last", "-f"),
        slow.start("logs", "last", "vps-2", "wait", "-f", "--output", "json"),
    )
    assert following.stdout is not None
    first = following.stdout.readline()
    assert b"  short, attempt 1: ok" in first, "what has ended is printed only once the run has"
    assert (following.poll(), one.poll()) == (None, None)
    slow.go()
    assert ended(running).status == 0
    followed = ended(following)
    assert (followed.status, followed.err) == (0, b"")
    assert first + followed.out == slow.orc("logs", "last").out
    alone = ended(one)
    told = json.loads(alone.out)
    assert (alone.status, told["host"], told["step"], told["stdout"]) == (0, "vps-2", "wait", "begun\nended\n")


def test_a_run_that_nobody_drives_is_not_followed_for_ever(slow: Project) -> None:
    slow.kill_in_wait()
    followed = slow.orc("logs", "last", "-f")
    assert followed.status == 0
    assert b"all of it" in followed.out
    said = rb"orc: run (r\S+) has not ended, and no process drives it. Go on with it: orc resume \1\n"
    assert re.fullmatch(said, followed.err), followed.err
