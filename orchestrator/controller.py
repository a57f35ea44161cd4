"""What gates need of the machine that drives a run: a command is run here, an address is asked from here."""

import os
import signal
import subprocess
from contextlib import suppress
from urllib.parse import urlsplit

import anyio
import anyio.abc

from orchestrator.errors import InputError
from orchestrator.http import Answer, ApiClient, Bounds, Patience
from orchestrator.log import redact
from orchestrator.model.gate import (
    CommandLost,
    CommandRan,
    CommandReply,
    ControllerCommand,
    Fetched,
    NotFetched,
    UrlReply,
    UrlWatch,
)

ENVIRONMENT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What of our environment a command sees: the keys of providers, among others, are none of its business."""

OUTPUT_CAP = 8 * 1024
"""Bytes of a command's last words that are kept."""

GRACE = 10.0
"""Seconds between TERM and KILL for a command that is over its time limit."""

PATIENCE = Patience(slot=10.0, connect=10.0, answer=20.0)
BOUNDS = Bounds(connections=1, body=1024 * 1024)


class ThisMachine:
    """Runs the commands and asks the addresses of gates."""

    async def run(self, gate: ControllerCommand) -> CommandReply:
        """Run a command in a session of its own, in our folder, with nothing on stdin, to its end or its time limit.

        Whatever is left of it then, or when the caller is cancelled, is ended: TERM, and KILL after the grace.
        """
        words = ["/bin/sh", "-c", gate.run.source] if gate.run else list(gate.argv)
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        try:
            process = await anyio.open_process(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            return CommandLost(why=f"it could not be started: {error.strerror or type(error).__name__}")
        output = bytearray()
        try:
            with anyio.move_on_after(gate.timeout):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_read, process, output)
                    exit_code = await process.wait()
                    tasks.cancel_scope.cancel()
                return CommandRan(exit_code=exit_code, output=redact(output.decode(errors="replace")))
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process)
                await process.aclose()
        return CommandLost(why=f"it was not done within {gate.timeout:g} s, and was ended")

    async def fetch(self, gate: UrlWatch) -> UrlReply:
        """Ask an address once. https is verified; a redirect is an answer like any other."""
        parts = urlsplit(gate.get)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            client = ApiClient(
                f"{parts.scheme}://{parts.netloc}",
                headers={"Accept": "*/*"},
                plain=True,
                patience=PATIENCE,
                bounds=BOUNDS,
            )
        except InputError as error:
            return NotFetched(why=error.message)
        async with client:
            reply = await client.request("GET", path)
        if isinstance(reply, Answer):
            return Fetched(status=reply.status, text=reply.body.decode(errors="replace"))
        return NotFetched(why=f"no answer: {reply.message}")


async def _read(process: anyio.abc.Process, output: bytearray) -> None:
    """Keep the last of what the command prints, until that ends."""
    if process.stdout is not None:
        async for chunk in process.stdout:
            output += chunk
            del output[:-OUTPUT_CAP]


async def _end(process: anyio.abc.Process) -> None:
    """End what is left of a command and of what it started in its session."""
    _signal(process, signal.SIGTERM)
    with anyio.move_on_after(GRACE):
        await process.wait()
    _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: anyio.abc.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
