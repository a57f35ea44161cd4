"""What a simulated fleet counts of itself, and the log of every command it started."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

LOG_ENTRIES = 100_000
LOG_CHARACTERS = 64 * 1024 * 1024
"""Characters of commands that the log keeps at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VpsStats:
    """One VPS so far. starts: commands that really were started; polls, probes: requests.

    in_flight_max: commands that ran at once at most; requests_max: requests under way at once at most.
    running: commands that run now. reachable: the agent answers, as far as the faults in force say for certain.
    """

    starts: int
    polls: int
    probes: int
    in_flight_max: int
    requests_max: int
    running: int
    reachable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The fleet so far. requests: how many, by route and by status (`dropped`, `held`: no answer).

    running, running_max: commands, now and at most; requests_max: requests under way at once at most.
    blocked: starts refused as dangerous. faults: how often each has struck since the faults were last set.
    """

    requests: Mapping[str, Mapping[str, int]]
    vmids: Mapping[int, VpsStats]
    running: int
    running_max: int
    requests_max: int
    blocked: int
    faults: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One command that was started. seq counts from 1 without gaps; at: seconds since the epoch.

    faults: those that struck the request.
    """

    seq: int
    vmid: int
    command: str
    at: float
    pid: int
    faults: Sequence[str]


class ExecLog:
    """The newest commands, in the order in which they were started."""

    def __init__(self, *, entries: int = LOG_ENTRIES, characters: int = LOG_CHARACTERS) -> None:
        self._entries: deque[LogEntry] = deque()
        self._most = entries
        self._characters_left = characters
        self._last = 0

    def add(self, *, vmid: int, command: str, at: float, pid: int, faults: Sequence[str]) -> None:
        """Adds a command, and drops the oldest where there are too many."""
        self._last += 1
        self._entries.append(LogEntry(seq=self._last, vmid=vmid, command=command, at=at, pid=pid, faults=tuple(faults)))
        self._characters_left -= len(command)
        while len(self._entries) > self._most or (self._characters_left < 0 and len(self._entries) > 1):
            self._characters_left += len(self._entries.popleft().command)

    def after(self, seq: int, *, limit: int) -> tuple[LogEntry, ...]:
        """The oldest `limit` entries whose seq is above `seq`."""
        first = self._entries[0].seq if self._entries else 1
        start = max(0, seq + 1 - first)
        return tuple(islice(self._entries, start, start + limit))


class Tally:
    """Requests by route and status."""

    def __init__(self) -> None:
        self._routes: dict[str, Counter[str]] = {}

    def add(self, route: str, status: str) -> None:
        self._routes.setdefault(route, Counter())[status] += 1

    def routes(self) -> dict[str, dict[str, int]]:
        """How many requests, by route and status."""
        return {route: dict(statuses) for route, statuses in self._routes.items()}
