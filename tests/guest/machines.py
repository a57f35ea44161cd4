"""VPSes on which systemd runs: one with a real systemd, one with a stand-in for what the guest's program calls of it.

On both, programs run as children of an agent, in its session and its control group.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from orchestrator.guest.program import Assignment, write, write_library
from orchestrator.guest.reply import Ending, GuestReply, read
from orchestrator.model.plan import Command
from tests.guest import systemd_run_stand_in
from tests.guest.real_systemd import Systemd

NONCE = "f00dfeedf00dfeed"
SH = ("sh",)

# /run/systemd/system is what says that systemd runs (sd_booted(3)). HOME is /root in a unit, whoever plays root here.
_ENTER = """
mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /run/systemd/system || exit
(cd /root) 2>/dev/null || mount --bind "$1" /root || exit
shift; cd /; exec "$@"
"""
NAMESPACE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-U", "-r", "-m"]


class Machine(ABC):
    """A VPS. files: a folder that commands may write to. run: the run of its attempts. env: what the agent has."""

    def __init__(self, root: Path, run: str) -> None:
        self.files, self.state, self.run = root / "files", root / "state", run
        self.files.mkdir()
        (root / "boot_id").write_text("boot-1\n")
        path = os.environ["PATH"]
        self.env = {"PATH": path, "ORC_STATE": str(self.state), "ORC_BOOT_ID_FILE": str(root / "boot_id")}
        self.env["TMPDIR"] = str(self.files)  # where mksh keeps a here-document

    @abstractmethod
    def words(self, *words: str) -> list[str]:
        """The command line that has the agent run these words."""

    @abstractmethod
    def systemd_run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """What systemd-run answers to these words."""

    @abstractmethod
    def restart_agent(self) -> None:
        """Kill all that is in the agent's control group, as the restart of its service does."""

    @property
    @abstractmethod
    def processes(self) -> Path:
        """Its /proc."""

    @abstractmethod
    def close(self) -> None:
        """Kill all that is left of it."""

    def begin(self, program: str, shell: Sequence[str] = SH) -> "subprocess.Popen[bytes]":
        """Have the agent begin a program."""
        return subprocess.Popen(
            self.words(*shell, "-c", program),
            env=self.env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def send(self, program: str, shell: Sequence[str] = SH) -> GuestReply:
        """What comes of a program."""
        with self.begin(program, shell) as child:
            out, err = child.communicate(timeout=60)
        reply = read(out.decode(errors="replace"), err.decode(errors="replace"), NONCE)
        assert reply is not None, (out, err)
        return reply

    def assign(self, text: str, **more: object) -> Assignment:
        """An attempt. more: a field of Assignment, or env or cwd of its command."""
        around = {name: more.pop(name) for name in ("env", "cwd") if name in more}
        fields = {"timeout": 30.0, **more, "command": Command(text=text, **around)}  # type: ignore[arg-type]  # a test's
        return Assignment(run=self.run, slot="00-step", attempt=1, nonce=NONCE, **fields)  # type: ignore[arg-type]

    def ask(self, assignment: Assignment, shell: Sequence[str] = SH) -> GuestReply:
        """What comes of an attempt."""
        self.keep_library()
        return self.send(write(assignment), shell)

    def keep_library(self) -> None:
        if not self.state.exists():
            assert self.send(write_library(NONCE)).ending is Ending.KEPT

    def directory(self) -> Path:
        return self.state / self.run / "00-step.1"

    def unit(self) -> str:
        return f"orc-{self.run}-00-step.1"

    def is_alive(self, pid: int) -> bool:
        try:
            return (self.processes / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False


class RealMachine(Machine):
    """A VPS with a real systemd, which many tests use one after another. run: one that no other test has."""

    def __init__(self, root: Path, run: str, systemd: Systemd) -> None:
        super().__init__(root, run)
        self._systemd = systemd

    def words(self, *words: str) -> list[str]:
        return self._systemd.inside(*words, agent=True)

    def systemd_run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return self._systemd.ask("systemd-run", *words)

    def restart_agent(self) -> None:
        done = self._systemd.ask("systemctl", "restart", "agent.service")
        assert done.returncode == 0, done.stderr

    @property
    def processes(self) -> Path:
        return self._systemd.root / "proc"

    def close(self) -> None:
        self._systemd.ask("systemctl", "kill", "-s", "KILL", f"orc-{self.run}-*", "test-*")
        self.restart_agent()


class StandInMachine(Machine):
    """A VPS whose systemd-run is the stand-in; its agent's control group is who has its mark in the environment."""

    def __init__(self, root: Path, run: str) -> None:
        super().__init__(root, run)
        self._units, programs = root / "units", root / "bin"
        programs.mkdir()
        stand_in = programs / "systemd-run"
        stand_in.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -ISB "{systemd_run_stand_in.__file__}" "{self._units}" "$@"\n'
        )
        stand_in.chmod(0o755)
        self._mark = f"AGENT={root}"
        self.env |= {"PATH": f"{programs}:{self.env['PATH']}", "AGENT": str(root)}

    def words(self, *words: str) -> list[str]:
        return [*NAMESPACE, "sh", "-c", _ENTER, "sh", str(self.files), *words]

    def systemd_run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.words("systemd-run", *words), env=self.env, capture_output=True, text=True, check=False, timeout=60
        )

    def restart_agent(self) -> None:
        self._kill(lambda: _marked(self._mark))

    @property
    def processes(self) -> Path:
        return Path("/proc")

    def close(self) -> None:
        self.restart_agent()
        units = [file.read_text() for file in self._units.glob("[!.]*")] if self._units.exists() else []
        self._kill(lambda: set[int]().union(*map(systemd_run_stand_in.members, units)))

    def _kill(self, find: Callable[[], set[int]]) -> None:
        while pids := find():
            for pid in sorted(pids):  # the runner before its command, whose end it would write
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)


def _marked(mark: str) -> set[int]:
    found = set()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"{mark}\0".encode() in environ.read_bytes():
                found.add(int(environ.parent.name))
    return found


def why_no_stand_in() -> str:
    """Why the stand-in's machine cannot be had here, or empty."""
    if shutil.which("unshare") is None:
        return "unshare is not installed"
    done = subprocess.run([*NAMESPACE, "sh", "-c", _ENTER, "sh", "/tmp", "true"], capture_output=True, check=False)
    return done.stderr.decode(errors="replace").strip() if done.returncode else ""
