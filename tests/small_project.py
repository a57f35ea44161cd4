"""A project small enough to be set up in a moment, with a package index that is a folder: nothing is fetched."""

import hashlib
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tools import bootstrap

_UV = """
import pathlib, subprocess, sys, time
here = pathlib.Path(__file__).parent
with open(here / "calls", "a") as calls:
    print(*sys.argv[1:], file=calls)
if sys.argv[1] == "venv":
    sys.exit(subprocess.call([sys.argv[3], "-m", "venv", "--without-pip", sys.argv[4]]))
while (here / "hold").exists() and "--help" not in sys.argv:
    time.sleep(0.01)
if (here / "broken").exists() and "--help" not in sys.argv:
    sys.exit("no route to the index")
"""
"""A uv that makes real environments, notes how it was called, and waits (`hold`) or fails (`broken`) while told to."""

_BACKEND = """
import zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{folder}/orchestrator-1-py3-none-any.whl", "w") as wheel:
        info = "orchestrator-1.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: orchestrator\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\\norc = pinned:main\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return "orchestrator-1-py3-none-any.whl"
"""
"""What makes the project's own package: hatchling would have to be fetched."""

DEBIAN = """
import os, runpy, sys
if "--without-pip" not in sys.argv:
    sys.exit("ensurepip is not available")
sys.path.remove(os.path.dirname(__file__))
runpy.run_module("venv", run_name="__main__", alter_sys=True)
"""
"""What `python -m venv` is on a Debian without python3-venv."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """folder: the project. bin: all of PATH. shadow: its modules are found before the standard library's."""

    folder: Path
    bin: Path
    shadow: Path

    def start(self, *words: str) -> "subprocess.Popen[str]":
        env = {
            "PATH": str(self.bin),
            "PYTHONPATH": str(self.shadow),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_USER": "1",  # a setting that some have, and that must not reach into .venv
            "PIP_FIND_LINKS": str(self.folder.parent / "wheels"),
        }
        command = [sys.executable, str(self.folder / "tools" / "bootstrap.py"), *words]
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")

    def run(self, *words: str, status: int = 0) -> tuple[str, str]:
        """The command's stdout and stderr."""
        child = self.start(*words)
        out, err = child.communicate(timeout=100)
        assert child.returncode == status, err
        return out, err

    def orc(self) -> str:
        """What the project's command prints."""
        orc = self.folder / ".venv" / "bin" / "orc"
        return subprocess.run([orc], capture_output=True, text=True, check=True).stdout

    def calls(self) -> list[str]:
        """Every call of uv."""
        calls = self.bin / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    def installs(self) -> int:
        """How often uv was asked to install something: a whole set-up does twice."""
        return sum(call.startswith("pip install") and "--help" not in call for call in self.calls())


def make_project(parent: Path) -> Project:
    """A project with nothing on PATH, in a folder whose name needs quoting; it pins one package."""
    project = Project(folder=parent / "a project", bin=parent / "bin", shadow=parent / "shadow")
    requirements = project.folder / "tools" / "requirements"
    for folder in (requirements, project.bin, project.shadow, parent / "wheels"):
        folder.mkdir(parents=True)
    (project.folder / "tools" / "bootstrap.py").write_bytes(Path(bootstrap.__file__).read_bytes())
    (requirements / "dev.txt").write_text(f"pinned==1 --hash=sha256:{_make_wheel(parent / 'wheels')}\n")
    (project.folder / "backend.py").write_text(_BACKEND)
    (project.folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "orchestrator"\nversion = "1"\n'
    )
    return project


def _make_wheel(folder: Path) -> str:
    """Put the one package into the index, and return its sha256."""
    wheel = folder / "pinned-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pinned.py", "def main():\n    print('orc is here')\n")
        archive.writestr("pinned-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: pinned\nVersion: 1\n")
        archive.writestr("pinned-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("pinned-1.dist-info/RECORD", "")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def add_uv(project: Project) -> None:
    (project.bin / "uv.py").write_text(_UV)
    uv = project.bin / "uv"
    uv.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{project.bin}/uv.py" "$@"\n')
    uv.chmod(0o755)
