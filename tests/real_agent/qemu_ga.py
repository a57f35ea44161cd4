"""Real qemu guest agents without a virtual machine: each has a directory for its VPS, and a socket in it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.simulator import census

PROGRAM = shutil.which("qemu-ga", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
"""Where Debian's package qemu-guest-agent puts it, which is not on everybody's PATH."""
PATH = "/usr/bin:/bin"
"""The PATH of the agent and of what it runs: short, as a service manager's is."""
BEGINNING = 10.0
"""Seconds for an agent to listen."""


class Vps:
    """A VPS in miniature, with its agent: this machine, but a STATE, an agent and a directory of its own.

    The agent has the environment of a service: no HOME, no USER, no LANG, a short PATH, and / as its directory.
    """

    def __init__(self, vmid: int, directory: Path) -> None:
        self.vmid = vmid
        self.directory = directory
        self.state = directory / "state"
        self.socket = directory / "agent.sock"
        self.files = directory / "files"
        self.files.mkdir(parents=True)
        self._mark = f"ORC_STATE={self.state}"
        self._agent: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, frozen: bool = False) -> None:
        """Start the agent, and wait until it listens.

        frozen: with what an agent leaves behind that ended between freeze and thaw. It takes its VPS's file systems for
        frozen then and refuses as it would; no file system is touched.
        """
        assert PROGRAM
        left = self.directory / "qga.state.isfrozen"
        left.unlink(missing_ok=True)
        if frozen:
            left.touch()
        self.socket.unlink(missing_ok=True)
        places = ["-p", str(self.socket), "-t", str(self.directory), "-f", str(self.directory / "pid")]
        with (self.directory / "log").open("ab") as log:
            self._agent = subprocess.Popen(
                [PROGRAM, "-m", "unix-listen", *places, *options],
                cwd="/",
                env=dict(pair.split("=", 1) for pair in (self._mark, f"PATH={PATH}")),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + BEGINNING
        while not self._listens():
            said = (self.directory / "log").read_text()
            assert self._agent.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.01)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0

    def hang(self) -> None:
        """Have the agent answer nothing from now on."""
        if self._agent is not None:
            self._agent.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """Kill the agent with all that is in its process group, as the end of its service does."""
        if self._agent is not None:
            os.killpg(self._agent.pid, signal.SIGKILL)
            self._agent.wait()
            self._agent = None

    def processes(self) -> set[int]:
        """The pids of the agent and of all that it has started and that lives."""
        people = census.living()
        return census.family(people, census.marked(people, [self._mark.encode()]))

    def close(self) -> None:
        """Kill the agent and all that it has started."""
        self.kill()
        census.kill(lambda people: census.family(people, census.marked(people, [self._mark.encode()])))

    def read(self, name: str) -> str:
        """What is in a file in the VPS's directory."""
        return (self.files / name).read_text()


@contextmanager
def fleet(vmids: Iterable[int]) -> Iterator[dict[int, Vps]]:
    """VPSes by vmid, whose agents are not started yet; nothing of them is left after the block."""
    # A path of our own making: a socket's may have 107 bytes, and pytest's directories have long names.
    with tempfile.TemporaryDirectory(prefix="qemu-ga-") as directory:
        vpses = {vmid: Vps(vmid, Path(directory) / str(vmid)) for vmid in vmids}
        try:
            yield vpses
        finally:
            for vps in vpses.values():
                vps.close()
