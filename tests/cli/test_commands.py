"""The commands, against a simulated fleet: in this process where that does not matter, else as processes."""

import contextlib
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from orchestrator.cli.main import run

ENVIRON = {"PYTHONPATH": str(Path(__file__).parents[2])}
"""So that processes find the project where it is not installed."""

PLAYBOOK = """
name: deploy
hosts: all
params: {release: {required: true}}
rollout: {waves: [1, 100%], max_failures: 1}
steps:
  - name: remember
    run: cat release || echo none
    register: before
    ok_exit: [0, 1]
  - name: pull
    run: echo {{ release }} > release
    rollback: echo {{ before.stdout }} > release
  - name: migrate
    run: echo "$(cat wait 2>/dev/null)"; sleep "$(cat wait 2>/dev/null || echo 0)"
    irreversible: true
  - name: healthy
    run: printf '\\033[31mnot healthy\\n' >&2; test ! -e sick
"""


class Project:
    """A folder with a playbook and an inventory of the simulated fleet, in which `orc` is run."""

    def __init__(self, folder: Path, fleet: Path) -> None:
        self.folder = folder
        self.fleet = fleet

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """`orc` as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *words],
            cwd=self.folder,
            env={**os.environ, **ENVIRON},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def orc(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """`orc` in this process."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run(words)
        return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return self.orc("run", "p.yml", "-i", "i.yml", "-e", "release=v2", "--yes", *words)

    def home(self, vmid: int) -> Path:
        return self.fleet / str(vmid) / "home"


@pytest.fixture(scope="module")
def greeted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    """A fleet, begun as people begin one, and what was said about it; it ends when it is asked to."""
    folder = tmp_path_factory.mktemp("simulator")
    words = ["simulator", "--port", "0", "--hosts", "4", "--dir", "fleet"]
    with subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *words],
        cwd=folder, env=ENVIRON, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line == "Ctrl-C ends it\n":
                break
        yield folder / "fleet", lines
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")


@pytest.fixture
def project(tmp_path: Path, greeted: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    fleet, lines = greeted
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORC_SIMULATOR_KEY", "demo-key")
    pasted = lines[lines.index("# an inventory of them") : lines.index("Ctrl-C ends it")]
    (tmp_path / "i.yml").write_text("\n".join(pasted))
    (tmp_path / "p.yml").write_text(PLAYBOOK)
    project = Project(tmp_path, fleet)
    yield project
    for vmid in range(10000, 10004):
        for name in ("release", "sick", "wait"):
            (project.home(vmid) / name).unlink(missing_ok=True)


def last_words(done: "subprocess.CompletedProcess[str]") -> str:
    return done.stdout.splitlines()[-1]


def pasted(lines: Sequence[str], beginning: str) -> list[str]:
    """The words of the command that a report offers."""
    (line,) = [line.strip() for line in lines if line.strip().startswith(beginning)]
    return shlex.split(line)[1:]


def test_a_host_that_fails_is_rolled_back_and_the_report_says_what_to_type(project: Project) -> None:
    (project.home(10002) / "sick").touch()
    done = project.run()
    lines = done.stdout.splitlines()

    assert done.returncode == 4
    assert lines[0] == "FAILED  healthy on vps-3"
    assert lines[2] == "    | not healthy"
    assert "\x1b" not in done.stdout + done.stderr
    assert re.fullmatch(r"ROLLED BACK  1 of 4 hosts failed; .*   exit 4", lines[-1])
    assert (project.home(10002) / "release").read_text() == "none\n"
    assert (project.home(10003) / "release").read_text() == "v2\n"
    logs = project.orc(*pasted(lines, "orc logs"))
    assert "-- stderr\nnot healthy\n" in logs.stdout
    (project.home(10002) / "sick").unlink()
    again = project.orc(*pasted(lines, "orc retry"), "--yes")
    assert last_words(again).startswith("OK  1 host, nothing failed")


def test_json_is_events_alone_and_the_last_is_run_finished(project: Project) -> None:
    done = project.run("--output", "json")
    events = [json.loads(line) for line in done.stdout.splitlines()]

    assert done.returncode == 0
    assert events[0]["type"] == "run_started"
    assert [each["seq"] for each in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "run_finished"
    assert events[-1]["exit"] == 0
    status = json.loads(project.orc("status", "last", "--output", "json").stdout)
    assert status["run"] == events[0]["run"]
    assert status["plan_digest"] == events[0]["digest"]
    assert {name: hosts for name, hosts in status["lists"].items() if hosts} == {
        "ok": ["vps-1", "vps-2", "vps-3", "vps-4"]
    }
    (listed,) = json.loads(project.orc("runs", "--output", "json").stdout)
    assert (listed["run"], listed["status"], listed["exit"]) == (status["run"], "succeeded", 0)


def test_where_nobody_can_answer_it_does_not_ask_and_nothing_is_started(project: Project) -> None:
    done = project.orc("run", "p.yml", "-i", "i.yml", "-e", "release=v2")

    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert done.stdout == ""
    assert "no runs yet" in project.orc("runs").stdout


def test_what_is_typed_changes_the_plan_and_is_in_the_command_to_paste(project: Project) -> None:
    options = [
        "-i",
        "i.yml",
        "-e",
        "release=v2",
        "-f",
        "2",
        "--max-failures",
        "50%",
        "--no-rollback",
        "-l",
        "vps-[1-3]",
    ]
    text = project.orc("plan", "p.yml", *options).stdout
    data = json.loads(project.orc("plan", "p.yml", *options, "--output", "json").stdout)

    assert data["budgets"] == {"max_parallel": 2, "max_failures": 1, "max_unreachable": 0, "rollback": "none"}
    assert data["hosts"] == ["vps-1", "vps-2", "vps-3"]
    assert data["digest"].startswith(text.splitlines()[-1].rpartition(" ")[2])
    words = pasted(text.splitlines(), "orc run")
    assert words == ["run", "p.yml", *options]
    checked = json.loads(project.orc(*words, "--check", "--output", "json").stdout)
    assert (
        checked["digest"]
        == data["digest"]
        != json.loads(project.orc("plan", "p.yml", *options[:4], "--output", "json").stdout)["digest"]
    )


def test_ctrl_c_starts_nothing_new_and_waits_and_the_run_can_be_resumed(project: Project) -> None:
    (project.home(10000) / "wait").write_text("2")
    process = project.start("run", "p.yml", "-i", "i.yml", "-e", "release=v2", "--yes")
    assert process.stderr
    for line in process.stderr:
        if "migrate: started" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 130, err
    assert "nothing new is started; Ctrl-C again leaves what is under way" in err
    assert "vps-1  migrate: ok" in err
    assert "healthy: started" not in err
    assert out.splitlines()[-1].startswith("PAUSED  4 hosts: 1 unfinished, 3 not started")
    resumed = project.orc(*pasted(out.splitlines(), "orc resume"), "--output", "plain")
    assert resumed.returncode == 0
    assert "migrate: started" not in [line for line in resumed.stderr.splitlines() if "vps-1" in line]
    assert last_words(resumed).startswith("OK  4 hosts")


def test_a_second_signal_leaves_the_run_and_its_result_is_recovered(project: Project) -> None:
    (project.home(10000) / "wait").write_text("3")
    process = project.start("run", "p.yml", "-i", "i.yml", "-e", "release=v2", "--yes")
    assert process.stderr
    for line in process.stderr:
        if "migrate: started" in line:
            break
    process.send_signal(signal.SIGTERM)
    for line in process.stderr:
        if "nothing new is started" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 130, err
    assert "attempts under way go on in the guests" in err
    resumed = project.orc(*pasted(out.splitlines(), "orc resume"), "--output", "json")
    ended = [json.loads(line) for line in resumed.stdout.splitlines() if '"attempt_ended"' in line]
    (mine,) = [each for each in ended if (each["host"], each["step"]) == ("vps-1", "migrate")]
    assert (mine["attempt"], mine["outcome"], mine["attached"]) == (1, "ok", True)


def test_a_run_goes_on_when_nobody_reads_its_events_any_more(project: Project) -> None:
    process = project.start("run", "p.yml", "-i", "i.yml", "-e", "release=v2", "--yes", "--output", "json")
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    with process.stderr:
        err = process.stderr.read()

    assert process.wait(timeout=30) == 0
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
    assert "output is lost" not in err
    assert last_words(project.orc("status", "last")).startswith("OK  4 hosts")


def test_a_run_that_cannot_start_says_why_and_leaves_no_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORC_SIMULATOR_KEY", "another")
    refused = project.run()
    monkeypatch.delenv("ORC_SIMULATOR_KEY")
    missing = project.run()

    assert refused.returncode == 7
    assert "env:ORC_SIMULATOR_KEY" in refused.stderr
    assert "another" not in refused.stderr
    assert missing.returncode == 2
    assert "ORC_SIMULATOR_KEY" in missing.stderr
    assert "no runs yet" in project.orc("runs").stdout


def test_a_name_that_is_not_there_is_answered_with_the_nearest(project: Project) -> None:
    project.run("-q")
    host = project.orc("logs", "last", "vps-11")
    step = project.orc("logs", "last", "vps-1", "migrat")
    run = project.orc("status", "r000000")

    assert (host.returncode, step.returncode, run.returncode) == (2, 2, 2)
    assert "did you mean vps-1?" in host.stderr
    assert "did you mean migrate?" in step.stderr
    assert "orc runs" in run.stderr


def test_a_run_that_is_interrupted_while_it_waits_for_hosts_is_held_and_leaves_nothing_open(project: Project) -> None:
    (project.home(10000) / "wait").write_text("8")
    first = project.start("run", "p.yml", "-i", "i.yml", "-e", "release=v2", "--yes")
    assert first.stderr
    for line in first.stderr:
        if "migrate: started" in line:
            break
    second = project.start("run", "p.yml", "-i", "i.yml", "-e", "release=v2", "--yes", "--lock-wait", "5m")
    assert second.stderr
    for line in second.stderr:
        if "asking the provider" in line:
            break
    time.sleep(2)
    second.send_signal(signal.SIGINT)
    _, err = second.communicate(timeout=30)
    assert (second.returncode, "interrupted while it waited for vps-1" in err) == (7, True), err
    assert "has not ended" not in err
    assert "HELD" in project.orc("status", "last").stdout
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=30)


def test_a_closed_stream_is_no_bug(project: Project) -> None:
    words = [sys.executable, "-m", "orchestrator", "runs"]
    for closed in (">&-", "2>&-", "<&-"):
        command = f"{shlex.join(words)} {closed}"
        done = subprocess.run(
            command,
            shell=True,
            cwd=project.folder,
            env={**os.environ, **ENVIRON},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "bug" in done.stderr) == (0, False), done.stderr


def test_the_reason_for_an_abort_is_kept_where_no_process_drives_the_run(project: Project) -> None:
    (project.home(10000) / "wait").write_text("2")
    process = project.start("run", "p.yml", "-i", "i.yml", "-e", "release=v2", "--yes")
    assert process.stderr
    for line in process.stderr:
        if "migrate: started" in line:
            break
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "enough of it" in project.orc("abort", "last", "-m", "enough of it").stdout
    assert project.orc("pause", "last").returncode == 2
