"""`make demo` as a user sees it: it ends as expected, proves it, and leaves nothing behind, interrupted or not."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools.demo.fleet import VMIDS
from tools.demo.proof import Sight, as_released, differences, table

ROOT = Path(__file__).resolve().parent.parent.parent
DEMO = [sys.executable, "-m", "tools.demo"]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder), "NO_COLOR": "1"}


def living(folder: Path) -> list[str]:
    """The processes whose command line, or folder, is in this folder."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(folder) in line]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, "subprocess.CompletedProcess[str]"]:
    """One whole demo, and the folder in which it kept everything."""
    folder, state = tmp_path_factory.mktemp("demo"), tmp_path_factory.mktemp("state")
    done = subprocess.run(
        [*DEMO, state], cwd=ROOT, env=environment(folder), capture_output=True, text=True, timeout=120, check=False
    )
    return folder, done


def test_the_demo_ends_as_expected(demo: tuple[Path, "subprocess.CompletedProcess[str]"]) -> None:
    _, done = demo

    assert done.returncode == 0, done.stdout + done.stderr
    assert "All as expected" in done.stdout.splitlines()[-1]


def test_the_demo_shows_the_old_release_on_the_broken_vps_alone(
    demo: tuple[Path, "subprocess.CompletedProcess[str]"],
) -> None:
    _, done = demo
    shown = dict(re.findall(r"^  (vps-\d\d) +(ok v\d) +\d +v\d\b", done.stdout, re.MULTILINE))

    assert shown == {name: "ok v1" if name == "vps-03" else "ok v2" for name in VMIDS}


def test_the_demo_leaves_no_process_and_no_file_behind(
    demo: tuple[Path, "subprocess.CompletedProcess[str]"],
) -> None:
    folder, _ = demo

    assert not living(folder)
    assert not list(folder.iterdir())


def test_what_the_demo_says_to_type_next_works(demo: tuple[Path, "subprocess.CompletedProcess[str]"]) -> None:
    _, done = demo
    typed = re.findall(r"^  ((?:ORC_STATE_DIR=\S+ )?\.venv/bin/orc .*)$", done.stdout, re.MULTILINE)
    assert [line.split("orc ")[1].split()[0] for line in typed] == ["status", "logs", "runs", "plan"]

    for line in typed:
        command = line.replace(".venv/bin/orc", f"{sys.executable} -m orchestrator")
        answer = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)

        assert answer.returncode == 0, answer.stderr
        assert answer.stdout


def test_an_interrupted_demo_leaves_no_process_and_no_file_behind(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    with subprocess.Popen(
        [*DEMO, tmp_path / "state"],
        cwd=ROOT,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("  $ orc run playbooks/demo.yml"):
                break
        at_work = living(folder)
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()

    assert at_work
    assert demo.returncode == 130, rest
    assert not living(folder)
    assert not list(folder.iterdir())


def test_a_vps_that_shows_anything_else_is_a_difference() -> None:
    expected = {"a": as_released("v2"), "b": as_released("v1")}
    half = Sight(answer="ok v1", schema="2", files="v1")

    assert not differences(expected, expected)
    assert differences({"a": as_released("v2"), "b": half}, expected) == ["b: schema is '2', expected '1'"]
    assert len(differences({"a": as_released("v1"), "b": as_released("v1")}, expected)) == 3


def test_the_proof_has_a_line_for_every_vps() -> None:
    lines = table({"a": as_released("v2"), "b": as_released("v1")}, {"b": "as it was"}).splitlines()

    assert len(lines) == 3
    assert lines[2].split() == ["b", "ok", "v1", "1", "v1", "as", "it", "was"]
