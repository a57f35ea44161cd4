"""One command that runs on a simulated VPS: starts it, drains its output, notices its end."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import anyio
import anyio.abc

STREAM_CAP = 16 * 1024 * 1024
"""Bytes of a stream that qemu's agent keeps; it drains what comes after."""
_CHUNK = 65536


class Room:
    """How many bytes of output the whole fleet may still keep: its machines are in truth one, and this one."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, wanted: int) -> int:
        """As many of the wanted bytes as there is room for."""
        taken = min(wanted, self._left)
        self._left -= taken
        return taken

    def give_back(self, size: int) -> None:
        self._left += size


class Gauge:
    """How many there are now, and how many there were at most."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    def up(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)

    def down(self) -> None:
        self.now -= 1

    def __enter__(self) -> None:
        self.up()

    def __exit__(self, *_: object) -> None:
        self.down()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a command ended. exit_code None: killed by a signal."""

    exit_code: int | None
    stdout: bytes
    stderr: bytes


class Exec:
    """One record in an agent's table: a command, from its start until its result is collected or the agent forgets it.

    pid: by which the agent knows it, which the fault `recycle_pids` makes differ from the system's.
    """

    def __init__(self, child: "subprocess.Popen[bytes]", *, pid: int, room: Room, gauges: tuple[Gauge, ...]) -> None:
        self.child = child
        self.pid = pid
        self._room = room
        self._gauges = gauges
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._pipes = anyio.CancelScope()
        self._drained = False
        self.is_over = False
        for gauge in gauges:
            gauge.up()

    async def watch(self) -> None:
        """Drains the command's output and waits for its end.

        It is over when it is reaped and its output is closed by everyone, as qemu's agent has it.
        """
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._drain_both)
            await reap(self.child)
        self.is_over = True
        for gauge in self._gauges:
            gauge.down()

    def result(self) -> Result:
        """What the finished command left; the room its output took is free again."""
        self._room.give_back(len(self._stdout) + len(self._stderr))
        code = self.child.returncode
        return Result(
            exit_code=code if code is not None and code >= 0 else None,
            stdout=bytes(self._stdout),
            stderr=bytes(self._stderr),
        )

    def forget(self) -> None:
        """Closes the agent's ends of the pipes and drops the output; the command itself is left alone."""
        self._pipes.cancel()
        self._room.give_back(len(self._stdout) + len(self._stderr))
        self._room = Room(0)
        self._stdout.clear()
        self._stderr.clear()

    async def _drain_both(self) -> None:
        with self._pipes:
            async with anyio.create_task_group() as tasks:
                for pipe, kept in ((self.child.stdout, self._stdout), (self.child.stderr, self._stderr)):
                    if pipe is not None:
                        tasks.start_soon(self._drain, pipe, kept)

    async def _drain(self, pipe: IO[bytes], kept: bytearray) -> None:
        with pipe:
            while True:
                await anyio.wait_readable(pipe.fileno())
                chunk = pipe.read(_CHUNK)
                if chunk == b"":
                    return
                if chunk:
                    room = self._room.take(min(len(chunk), STREAM_CAP - len(kept)))
                    kept += chunk[:room]


def spawn(command: str, *, directory: Path, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Starts the command with `sh -c` in a session of its own. Raises OSError when the system cannot."""
    # Popen, not anyio.open_process: below Python 3.12 that starts a thread for every process.
    child = subprocess.Popen(
        ["sh", "-c", command],
        bufsize=0,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=directory,
        env=environment,
        start_new_session=True,
    )
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            os.set_blocking(pipe.fileno(), False)
    return child


async def reap(child: "subprocess.Popen[bytes]") -> None:
    """Waits until the child has ended and collects it: by its pidfd, where the system has such, else by asking."""
    if child.poll() is not None:
        return  # its pid may be another's by now
    try:
        descriptor = os.pidfd_open(child.pid)
    except (AttributeError, OSError):
        descriptor = None
    if descriptor is not None:
        try:
            await anyio.wait_readable(descriptor)
        finally:
            os.close(descriptor)
    pause = 0.001
    while child.poll() is None:
        await anyio.sleep(pause)
        pause = min(2 * pause, 0.05)
