"""Finds the living processes of a simulated fleet, wherever they have detached themselves to, and kills them.

They are known by what stands in the environment they were started with, and by their sessions and parents.
A program that clears its environment, leaves its session and outlives its parent, all three, is not found.
On macOS the environment of the system's own programs cannot be read: there the sessions that a VPS's agent and its
stand-in for `setsid` make are recorded in a file.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
READS_ENVIRONMENTS = (PROC / "self" / "environ").exists()
"""Whether every process's environment can be read; else the sessions that are made must be recorded."""
_CLOCK_SLACK = 10.0
"""Seconds by which the recorded start of a session may differ from its leader's: `ps` counts in whole ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Living:
    """A process that has not ended. environment: NAME=VALUE as it was started with, empty where it may not be read.

    age: seconds since its start, None where not known.
    """

    pid: int
    parent: int
    session: int
    environment: frozenset[bytes]
    age: float | None = None


def living() -> tuple[Living, ...]:
    """Every process on this machine that has not ended, but this one."""
    return _from_proc() if READS_ENVIRONMENTS else _from_ps()


def kill(doomed: Callable[[tuple[Living, ...]], Collection[int]]) -> None:
    """Kills what `doomed` picks from the living, all at once, as a machine does that loses its power.

    They are stopped first, again and again until nothing new is picked: one that outlived its child by a moment would
    go on to the next command, or write that the child was killed. Linux refuses a fork to a process that has a signal
    coming, so whatever was born meanwhile is met in the next round.
    """
    stopped: set[int] = set()
    while new := set(doomed(living())) - stopped - {0, 1, os.getpid()}:
        _signal(new, signal.SIGSTOP)
        stopped |= new
    _signal(stopped, signal.SIGKILL)


def _signal(pids: Collection[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def marked(people: Iterable[Living], marks: Collection[bytes]) -> set[int]:
    """The pids of those that were started with every one of these in their environment."""
    return {each.pid for each in people if each.environment.issuperset(marks)}


def of_sessions(people: Iterable[Living], sessions: Collection[int]) -> set[int]:
    """The pids of the members of these sessions."""
    return {each.pid for each in people if each.session in sessions}


def family(people: Collection[Living], seeds: Collection[int]) -> set[int]:
    """The seeds, the other members of their sessions, and the descendants of all these.

    The seeds are in sessions that the simulator has made, never in its own.
    """
    found = set(seeds)
    foreign = {0, os.getsid(0)}
    while True:
        sessions = {each.session for each in people if each.pid in found} - foreign
        more = {each.pid for each in people if each.parent in found or each.session in sessions}
        if more <= found:
            return found
        found |= more


def record_session(leader: int, file: Path) -> None:
    """Adds a session just made, by its leader's pid."""
    with file.open("a") as record:
        record.write(f"{leader} {time.time():.1f}\n")


def recorded_sessions(people: Iterable[Living], file: Path) -> set[int]:
    """The sessions in a file of lines `PID EPOCH` that still are what they were when they were written there.

    A pid in use as a session's id is not given again; but once the whole session is gone, another may get it.
    """
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return set()
    made = {int(pid): float(at) for pid, at in re.findall(r"^(\d{1,10}) (\d{1,11}\.?\d*)$", "\n".join(lines), re.M)}
    now = time.time()
    for each in people:
        if each.pid in made and each.age is not None and abs(now - each.age - made[each.pid]) > _CLOCK_SLACK:
            del made[each.pid]
    return set(made)


def _from_proc() -> tuple[Living, ...]:
    people = []
    for entry in os.scandir(PROC):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            # proc(5): pid (comm) state ppid pgrp session ...; comm may hold anything, parentheses too.
            state, parent, _, session = (PROC / entry.name / "stat").read_bytes().rpartition(b")")[2].split()[:4]
            if state in (b"Z", b"X"):
                continue
            environment = (PROC / entry.name / "environ").read_bytes()
        except PermissionError:
            environment = b""
        except OSError:  # it has ended meanwhile
            continue
        people.append(
            Living(
                pid=int(entry.name),
                parent=int(parent),
                session=int(session),
                environment=frozenset(environment.split(b"\0")),
            )
        )
    return tuple(people)


def _from_ps() -> tuple[Living, ...]:
    """The same by `ps`, which shows the environment as further words of the command line."""
    environment = ["-E"] if sys.platform == "darwin" else ["e"]
    columns = [word for column in ("pid", "ppid", "stat", "etime", "args") for word in ("-o", f"{column}=")]
    command = ["ps", "-A", *environment, "-ww", *columns]
    listing = subprocess.run(command, capture_output=True, check=True, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
    people = []
    for line in listing.stdout.splitlines():
        words = line.split()
        if len(words) < 4 or words[2][:1] == b"Z" or int(words[0]) == os.getpid():
            continue
        pid, parent = int(words[0]), int(words[1])
        try:
            session = os.getsid(pid)
        except OSError:
            continue
        people.append(
            Living(
                pid=pid,
                parent=parent,
                session=session,
                environment=frozenset(words[4:]),
                age=_seconds(words[3].decode()),
            )
        )
    return tuple(people)


def _seconds(etime: str) -> float | None:
    """`[[DAYS-]HOURS:]MINUTES:SECONDS`, as POSIX has it, in seconds."""
    match = re.fullmatch(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)", etime)
    if not match:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
