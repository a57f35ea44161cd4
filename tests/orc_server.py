"""Has `orc` loaded, and forks a process for each call: most of what a short command costs is loading it.

What a call gets is what a program gets: a process, its words, folder, environment and three streams. Only the start of
Python is left out; the tests that are about that, or that limit a process before it begins, start one themselves.
Run with the descriptor of a socket: for each call a byte comes in there, with the descriptors of stdin, stdout, stderr
and of a socket of the call's own. That brings a line of JSON, and is told the pid and, in the end, the exit status.
"""

import gc
import importlib
import io
import json
import os
import select
import signal
import socket
import sys
from typing import Any

from orchestrator import wiring
from orchestrator.cli.main import COMMANDS, MODULES, main


def load() -> None:
    """Load what the commands would load while they run."""
    for name in COMMANDS:
        importlib.import_module(f"orchestrator.cli.{MODULES.get(name, name)}")
    for name in wiring.__all__:
        getattr(wiring, name)
    for package in ("alembic.command", "anyio._backends._asyncio"):
        importlib.import_module(package)
    gc.freeze()


def serve(calls: socket.socket) -> None:
    """Answer calls until nobody can make them any more. In a process that was forked, ends with SystemExit."""
    signal.signal(signal.SIGCHLD, lambda *_: None)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    callers: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([calls.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 1024)
            tell_ends(callers)
        if calls.fileno() in ready:
            byte, streams, _, _ = socket.recv_fds(calls, 1, 4)
            if not byte:
                return
            caller = socket.socket(fileno=streams.pop())
            call = json.loads(caller.makefile().readline())
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                for descriptor in (woken, wake):
                    os.close(descriptor)
                for each in (calls, caller, *callers.values()):
                    each.close()
                become(call, streams)
            callers[pid] = caller
            caller.sendall(f"{pid}\n".encode())
            for stream in streams:
                os.close(stream)


def tell_ends(callers: dict[int, socket.socket]) -> None:
    while callers:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with callers.pop(pid) as caller:
            caller.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def become(call: dict[str, Any], streams: list[int]) -> None:
    """Be the process that was called for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for standard, stream in enumerate(streams):
        os.dup2(stream, standard)
        os.close(stream)
    sys.stdin = os.fdopen(0)
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb"), line_buffering=os.isatty(1))
    sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb"), line_buffering=True, errors="backslashreplace")
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    sys.argv = ["orc", *call["words"]]
    main()


if __name__ == "__main__":
    load()
    serve(socket.socket(fileno=int(sys.argv[1])))
