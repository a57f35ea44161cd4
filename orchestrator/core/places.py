"""Who has a place under `max_parallel`, and who gets the next one: never too many at once, of one value or at all."""

from collections import Counter, deque
from heapq import heappop, heappush

from orchestrator.core.run_state import RunState, standing
from orchestrator.model.ids import HostName
from orchestrator.model.state import Standing


class Places:
    """The places of a run that a process takes up at `now`.

    A host has a place from when it is let in until it leaves. One that was under way in an earlier process, or had not
    been ok for `min_healthy` yet, has kept its place. Hosts are let in in the order in which they lined up; one whose
    value is full waits, and those behind it go on.
    """

    def __init__(self, state: RunState, now: float) -> None:
        self._state = state
        self._kept = {name for name, mine in state.hosts.items() if standing(mine) is Standing.BUSY}
        self._kept |= set(state.healthy.not_yet(state.hosts, now))
        self._inside: set[HostName] = set()
        self._taken = Counter(map(state.spread.value, self._kept))
        self._lines: dict[str, deque[tuple[int, HostName]]] = {}
        self._heads: list[tuple[int, str]] = []
        self._number = 0

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return len(self._inside) + len(self._kept)

    def has_kept(self, host: HostName) -> bool:
        """Whether the host has a place already, though it was not let in here."""
        return host in self._kept

    def line_up(self, host: HostName) -> None:
        """The host wants a place; `let_in` says when it has one."""
        self._number += 1
        line = self._lines.setdefault(self._state.spread.value(host), deque())
        line.append((self._number, host))
        if len(line) == 1:
            heappush(self._heads, (self._number, self._state.spread.value(host)))

    def take_back(self, host: HostName) -> None:
        """The host takes up the place that it has kept."""
        self._kept.discard(host)
        self._inside.add(host)

    def let_in(self) -> list[HostName]:
        """The hosts that have a place now and had none before."""
        found: list[HostName] = []
        while self._heads and self.taken < self._state.plan.policy.max_parallel:
            number, value = heappop(self._heads)
            line = self._lines.get(value)
            if not line or line[0][0] != number or self._full(value):
                continue  # another head of this line is in the heap, or comes there once a host of its value leaves
            _, host = line.popleft()
            self._inside.add(host)
            self._taken[value] += 1
            found.append(host)
            self._offer(value)
        return found

    def send_off(self) -> list[HostName]:
        """Those in line for whom there will be no place: nobody is inside who could leave one."""
        if self._inside:
            return []
        found = [host for line in self._lines.values() for _, host in line]
        self._lines.clear()
        self._heads.clear()
        return found

    def leave(self, host: HostName) -> None:
        """The host gives its place up; one that is still under way keeps it, for who takes the host up next."""
        self._inside.discard(host)
        if standing(self._state.hosts[host]) is Standing.BUSY:
            self._kept.add(host)
            return
        value = self._state.spread.value(host)
        self._taken[value] -= 1
        self._offer(value)

    def release(self) -> None:
        """Those who kept their place only because they had been ok so shortly give it up: the run goes no further."""
        for host in [host for host in self._kept if standing(self._state.hosts[host]) is not Standing.BUSY]:
            self._kept.discard(host)
            value = self._state.spread.value(host)
            self._taken[value] -= 1
            self._offer(value)

    def _full(self, value: str) -> bool:
        most = self._state.spread.most
        return most is not None and self._taken[value] >= most

    def _offer(self, value: str) -> None:
        line = self._lines.get(value)
        if line and not self._full(value):
            heappush(self._heads, (line[0][0], value))
