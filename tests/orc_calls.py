"""`orc` as a process of its own, in a moment: forked from one that has it loaded (tests/orc_server.py)."""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO

import anyio.to_thread

ROOT = Path(__file__).parents[1]


@cache
def _server() -> socket.socket:
    """The socket of this process's server, which ends when this is closed."""
    ours, theirs = socket.socketpair()
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.orc_server", str(theirs.fileno())],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
        )  # fmt: skip
    atexit.register(server.wait)
    atexit.register(ours.close)
    return ours


class Orc:
    """What the tests need of a `subprocess.Popen` of `orc WORDS`; stdin, stdout and stderr are as there."""

    def __init__(
        self,
        *words: str,
        folder: Path,
        environment: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.STDOUT,
    ) -> None:
        self.returncode: int | None = None
        opened: list[int] = []

        def stream(wanted: int) -> tuple[int, IO[bytes] | None]:
            if wanted == subprocess.DEVNULL:
                opened.append(os.open(os.devnull, os.O_RDWR))
                return opened[-1], None
            if wanted == subprocess.PIPE:
                ours, theirs = os.pipe()
                opened.append(theirs)
                return theirs, os.fdopen(ours, "rb", buffering=0)
            return wanted, None

        stdin, _ = stream(stdin)
        stdout, self.stdout = stream(stdout)
        stderr, self.stderr = (stdout, None) if stderr == subprocess.STDOUT else stream(stderr)
        self._call, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(_server(), [b"."], [stdin, stdout, stderr, theirs.fileno()])
        for descriptor in opened:
            os.close(descriptor)
        call = {"words": words, "folder": str(folder), "environment": dict(environment)}
        self._call.sendall(json.dumps(call).encode() + b"\n")
        self._answers = self._call.makefile()
        self.pid = int(self._answers.readline())

    def poll(self) -> int | None:
        """The exit status, once there is one; negative for a signal."""
        if self.returncode is None and self._is_told(0):
            self._reap()
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        """The exit status. Raises TimeoutError."""
        if self.returncode is None:
            if not self._is_told(timeout):
                raise TimeoutError(f"orc has not ended within {timeout:g} s")
            self._reap()
        assert self.returncode is not None
        return self.returncode

    def _is_told(self, timeout: float) -> bool:
        return bool(select.select([self._call], [], [], timeout)[0])

    def _reap(self) -> None:
        self.returncode = int(self._answers.readline())
        self._answers.close()
        self._call.close()

    def communicate(self, timeout: float = 60) -> tuple[bytes, bytes]:
        """All that it writes to pipes until it ends. Raises TimeoutError."""
        deadline = time.monotonic() + timeout
        pipes = [pipe if pipe and not pipe.closed else None for pipe in (self.stdout, self.stderr)]
        written = {pipe.fileno(): bytearray() for pipe in pipes if pipe}
        waiting = set(written)
        while waiting:
            ready, _, _ = select.select(waiting, [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(f"orc has not ended within {timeout:g} s")
            for each in ready:
                chunk = os.read(each, 1 << 16)
                written[each] += chunk
                if not chunk:
                    waiting.remove(each)
        out, err = (bytes(written[pipe.fileno()]) if pipe else b"" for pipe in pipes)
        for pipe in pipes:
            if pipe:
                pipe.close()
        self.wait(max(0, deadline - time.monotonic()))
        return out, err

    def send_signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


async def orc(folder: Path, *words: str) -> "subprocess.CompletedProcess[bytes]":
    """An `orc` command that has ended, in this folder, with the simulator's own key. Raises TimeoutError."""
    environment = {**os.environ, "ORC_SIMULATOR_KEY": "demo-key"}
    process = Orc(*words, folder=folder, environment=environment, stderr=subprocess.PIPE)
    out, err = await anyio.to_thread.run_sync(process.communicate)
    assert process.returncode is not None
    return subprocess.CompletedProcess(words, process.returncode, out, err)
