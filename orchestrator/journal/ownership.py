"""Which process drives a run right now: a lock that the kernel drops with the process, however it ends."""

import errno
import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.errors import Bug, Held, JournalError
from orchestrator.journal.folder import make_private
from orchestrator.model.ids import RunId
from orchestrator.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A live process that drives a run. since: seconds since the epoch.

    All None in the instant in which it has the lock and has not yet written who it is.
    """

    pid: int | None = None
    host: str | None = None
    since: float | None = None

    def __str__(self) -> str:
        if self.pid is None or self.since is None:
            return "a process that has just begun"
        since = datetime.fromtimestamp(self.since, UTC).astimezone().isoformat(" ", "seconds")
        return f"process {self.pid} on {self.host} since {since}"


class RunOwnership:
    """The locks in `state_dir`/runs, one file for each run that is being driven."""

    def __init__(self, state_dir: Path, *, clock: Clock) -> None:
        self._folder = state_dir / "runs"
        self._clock = clock

    @contextmanager
    def acquire(self, run: RunId) -> Iterator[None]:
        """Own the run for as long as this is entered.

        Raises Held when someone else does, naming them, and JournalError when the file cannot be written.
        """
        file = self._file(run)
        make_private(self._folder)
        try:
            lock = _lock(file)
        except OSError as error:
            raise _unusable(file, error) from error
        if lock is None:
            owner = self.owner(run) or "a process that has just ended"
            raise Held(f"run {run} is driven by {owner}", next=(f"orc status {run}",))
        try:
            me = {"pid": os.getpid(), "host": platform.node(), "since": self._clock.now()}
            try:
                os.pwrite(lock, json.dumps(me).encode(), 0)
            except OSError as error:
                raise _unusable(file, error) from error
            yield
        finally:
            with suppress(OSError):
                if _is_still(file, lock):
                    file.unlink()
            os.close(lock)

    def owner(self, run: RunId) -> Owner | None:
        """The live process that drives the run right now, None when there is none."""
        file = self._file(run)
        try:
            lock = os.open(file, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(file, error) from error
        try:
            return None if _take(lock, fcntl.LOCK_SH) else _written(lock)
        finally:
            os.close(lock)

    def _file(self, run: RunId) -> Path:
        if not run or run != Path(run).name or "\0" in run:
            raise Bug(f"{run!r} cannot be the name of a file")
        return self._folder / f"{run}.lock"


def _lock(file: Path) -> int | None:
    """The locked, empty file, None when another process has it."""
    while True:
        lock, kept = os.open(file, os.O_RDWR | os.O_CREAT, 0o600), False
        try:
            if _take(lock, fcntl.LOCK_EX):
                kept = _is_still(file, lock)
            elif not _take(lock, fcntl.LOCK_SH):
                return None
            # Otherwise it was held by those who only look, shared and for an instant: try again.
            if kept:
                os.ftruncate(lock, 0)
                return lock
        finally:
            if not kept:
                os.close(lock)


def _take(lock: int, mode: int) -> bool:
    try:
        fcntl.flock(lock, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still(file: Path, lock: int) -> bool:
    """Whether the locked file is the one of that name: its last owner may have removed it before it was locked."""
    try:
        return os.path.samestat(os.stat(file), os.fstat(lock))
    except FileNotFoundError:
        return False


def _written(lock: int) -> Owner:
    try:
        me = json.loads(os.pread(lock, 4096, 0))
        return Owner(pid=int(me["pid"]), host=str(me["host"]), since=float(me["since"]))
    except (ValueError, KeyError, TypeError):
        return Owner()


def _unusable(file: Path, error: OSError) -> JournalError:
    if error.errno == errno.ENOSPC:
        return JournalError(
            f"{file}: the disk is full; nothing acknowledged is lost; free some space and go on",
            next=(f"df -h {file.parent}",),
        )
    return JournalError(
        f"{file}: the lock of the run cannot be used ({error.strerror}); make its folder one that you may write to",
        next=(f"ls -ld {file.parent}",),
    )
