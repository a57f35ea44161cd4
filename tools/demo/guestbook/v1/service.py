"""Starts and stops the guestbook: `service.py start|stop|restart`, its port in $PORT.

The app holds a lock on its pid file while it lives. So whether it runs is never guessed from a pid, which may be
another process's by now, or a dead one's that nobody has collected.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

APP = Path(__file__).with_name("app.py")
PID_FILE = Path.home() / "guestbook.pid"
LOG = Path.home() / "guestbook.log"
PATIENCE = 5.0


def is_running() -> bool:
    with PID_FILE.open("a") as pid_file:
        try:
            fcntl.flock(pid_file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def within_patience(condition: Callable[[], bool]) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def start() -> None:
    """Start the app in a session of its own, so that it outlives whoever started it. Does nothing where it runs."""
    if is_running():
        return
    with LOG.open("a") as log:
        app = subprocess.Popen(
            [sys.executable, str(APP)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=APP.parent,
            start_new_session=True,
        )

    def is_up() -> bool:
        return is_running() and PID_FILE.read_text() == f"{app.pid}\n"

    if not within_patience(lambda: is_up() or app.poll() is not None) or app.poll() is not None:
        sys.exit(f"the guestbook did not start:\n{LOG.read_text()[-500:]}")


def stop() -> None:
    """Stop the app, and return when it is gone."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if not is_running():
            return
        os.kill(int(PID_FILE.read_text()), sign)
        if within_patience(lambda: not is_running()):
            return
    sys.exit("the guestbook could not be stopped")


def main(argv: list[str]) -> None:
    match argv:
        case ["start"]:
            start()
        case ["stop"]:
            stop()
        case ["restart"]:
            stop()
            start()
        case _:
            sys.exit("usage: service.py start|stop|restart")


if __name__ == "__main__":
    main(sys.argv[1:])
