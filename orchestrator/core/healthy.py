"""Since when hosts have been ok, for `min_healthy`: a wave is over only when its last host has been so that long."""

from bisect import bisect_right
from collections.abc import Mapping

from orchestrator.model.ids import HostName
from orchestrator.model.state import HostState, Standing


class Healthy:
    """The times at which hosts became ok, in order. min_healthy: seconds that one has to be ok."""

    def __init__(self, min_healthy: float) -> None:
        self._min_healthy = min_healthy
        self._ok_at: list[tuple[float, HostName]] = []

    def became_ok(self, host: HostName, at: float) -> None:
        """A host is ok since `at` (seconds since the epoch)."""
        # Another process's clock may be behind: the times must not go back.
        self._ok_at.append((max(at, self._ok_at[-1][0] if self._ok_at else at), host))

    def at(self, state: HostState) -> float | None:
        """When a host that is ok will have been so for long enough; None for any other."""
        return state.settled_at + self._min_healthy if state.settled is Standing.OK else None

    def all_at(self) -> float:
        """When all that are ok will have been so for long enough; 0 where that is no matter."""
        return self._ok_at[-1][0] + self._min_healthy if self._ok_at and self._min_healthy else 0.0

    def not_yet(self, hosts: Mapping[HostName, HostState], now: float) -> tuple[HostName, ...]:
        """The hosts that are ok and have not been so for long enough at `now`."""
        # By the same sum as in `at`: floats round, and the two must not differ by a hair.
        since = bisect_right(self._ok_at, now, key=lambda each: each[0] + self._min_healthy)
        recent = dict.fromkeys(host for _, host in self._ok_at[since:])
        return tuple(host for host in recent if hosts[host].settled is Standing.OK)
