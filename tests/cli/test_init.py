"""`orc init`: a new project runs at once, checks clean, and overwrites nothing; also from a wheel."""

import contextlib
import io
import json
import os
import re
import socket
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from orchestrator.cli.init import COPIED
from orchestrator.cli.main import run
from orchestrator.load import json_schema

ROOT = Path(__file__).parents[2]
FILES = {*COPIED, "schemas/playbook.json", "schemas/inventory.json"}


def orc(*words: str) -> "subprocess.CompletedProcess[str]":
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(words)
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


def written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def blocks(said: str) -> tuple[str, str]:
    """What a new project offers to type: in the first terminal, and in the second."""
    first, second = re.findall(r"(?:^ {8}.*\n)+", said, re.MULTILINE)
    return first, second


@pytest.fixture
def bin(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH has `orc`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    orc = folder / "orc"
    orc.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m orchestrator "$@"\n')
    orc.chmod(orc.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}


def typed(lines: str, folder: Path, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """What comes of lines that are pasted into a terminal; the first that fails ends them."""
    return subprocess.run(["sh", "-ec", lines], cwd=folder, env=env, capture_output=True, text=True, check=False)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def pasted(lines: str, folder: Path, env: dict[str, str]) -> Iterator[None]:
    """The fleet of the first terminal, on a port that nobody has."""
    with subprocess.Popen(
        ["sh", "-c", lines.replace("orc simulator", "exec orc simulator")],
        cwd=folder, env=env, text=True, stdout=subprocess.PIPE,
    ) as fleet:  # fmt: skip
        assert fleet.stdout
        try:
            for line in fleet.stdout:
                if line.startswith("Ctrl-C"):
                    break
            yield
        finally:
            fleet.terminate()


def test_the_commands_that_it_offers_work_as_they_are(tmp_path: Path, bin: dict[str, str]) -> None:
    done = subprocess.run(
        ["orc", "init", "a project"], cwd=tmp_path, env=bin, capture_output=True, text=True, check=True
    )
    first, second = blocks(done.stdout)
    folder, port = tmp_path / "a project", str(free_port())
    inventory = folder / "inventories" / "simulator.yml"
    inventory.write_text(inventory.read_text().replace("8765", port))  # many tests run on this machine
    readme = (folder / "README.md").read_text().partition("In a second one")[2]
    (again,) = [line for line in readme.splitlines() if "sick=vps-2" in line]

    with pasted(first.replace("--hosts 6", f"--hosts 6 --port {port}"), tmp_path, bin):
        done = typed(second, tmp_path, bin)
        sick = typed(f"export ORC_SIMULATOR_KEY=demo-key; {again}", folder, bin)

    assert done.returncode == 0, done.stderr
    assert "3 files: nothing found" in done.stdout
    assert re.search(r"^OK  6 hosts", done.stdout, re.MULTILINE), done.stdout
    assert sick.returncode == 4, sick.stdout + sick.stderr


def test_it_writes_these_files_and_the_readme_tells_of_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    done = orc("init")

    assert (done.returncode, written(tmp_path)) == (0, FILES)
    assert set(re.findall(r"^ {4}(\S+)$", done.stdout.partition("NEXT")[0], re.MULTILINE)) == FILES
    readme = Path("README.md").read_text()
    assert all(name in readme or f"{Path(name).parent.name}/" in readme for name in FILES - {"README.md", ".gitignore"})
    assert "cd " not in done.stdout


def test_editors_find_the_schema_of_each_file_by_its_first_line(tmp_path: Path) -> None:
    orc("init", str(tmp_path / "new" / "deep"))

    for path in (tmp_path / "new" / "deep").rglob("*.yml"):
        said = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", path.read_text().splitlines()[0])
        assert said
        schema = json.loads((path.parent / said[1]).read_text())
        assert schema == json_schema("playbook" if path.parent.name == "playbooks" else "inventory")


def test_where_a_file_is_in_the_way_all_are_told_and_none_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("README.md").write_text("mine")
    Path("playbooks").write_text("mine too")
    Path(".gitignore").symlink_to("nowhere")

    done = orc("init")

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "playbooks: error: is there already, and is no folder, move it away",
        "README.md: error: is there already, move it away, or begin in another folder; nothing was written",
        ".gitignore: error: is there already, move it away, or begin in another folder; nothing was written",
    ]
    assert written(tmp_path) == {"README.md", "playbooks"}
    assert Path("README.md").read_text() == "mine"


def test_a_folder_that_begins_with_a_dash_is_no_option_of_cd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert blocks(orc("init", "--", "-x").stdout)[0].splitlines()[0].strip() == "cd ./-x"


def test_a_second_time_every_file_is_in_the_way(tmp_path: Path) -> None:
    assert orc("init", str(tmp_path)).returncode == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert orc("init", str(tmp_path)).stderr.count("is there already") == len(FILES)
    assert {path: path.read_bytes() for path in before} == before


def test_a_new_project_is_there_from_a_wheel_too(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path / "dist"), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    words = [sys.executable, "-m", "orchestrator", "init", "new"]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "installed")}

    subprocess.run(words, cwd=tmp_path, env=env, check=True, capture_output=True)

    assert written(tmp_path / "new") == FILES
