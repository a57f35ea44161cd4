"""How many hosts of one value are under way, counted event by event: nothing here depends on the size of the fleet."""

from collections import Counter
from collections.abc import Mapping

from orchestrator.model.ids import HostName
from orchestrator.model.plan import Plan
from orchestrator.model.state import Standing


class SpreadCounts:
    """The counts of a run that is spread by a variable; of one that is not, nothing is ever full.

    barred: of the hosts of the newest wave that were never started, those whose value is full.
    """

    def __init__(self, plan: Plan) -> None:
        self.most = plan.policy.spread.max if plan.policy.spread else None
        self._plan = plan
        self._value: Mapping[HostName, str] = (
            {each.host.name: each.spread for each in plan.hosts} if plan.policy.spread else {}
        )
        self._busy: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._wave = -1
        self.barred = 0

    def value(self, host: HostName) -> str:
        """The host's value; '' for every host of a run that is not spread."""
        return self._value.get(host, "")

    def full(self, host: HostName) -> bool:
        """Whether as many hosts of this host's value are under way as may be."""
        return self.most is not None and self._busy[self.value(host)] >= self.most

    def open(self, wave: int) -> None:
        """The wave is the newest now; none of its hosts was started."""
        if self.most is None:
            return
        self._wave = wave
        self._waiting = Counter(self.value(host) for host in self._plan.waves[wave].hosts)
        self.barred = sum(number for value, number in self._waiting.items() if self._busy[value] >= self.most)

    def move(self, host: HostName, wave: int, before: Standing, after: Standing) -> None:
        """A host of a wave stands elsewhere."""
        if self.most is None or before is after:
            return
        value = self.value(host)
        if self._busy[value] >= self.most:
            self.barred -= self._waiting[value]
        self._busy[value] += (after is Standing.BUSY) - (before is Standing.BUSY)
        if wave == self._wave:
            self._waiting[value] += (after is Standing.NEVER_STARTED) - (before is Standing.NEVER_STARTED)
        if self._busy[value] >= self.most:
            self.barred += self._waiting[value]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpreadCounts):
            return NotImplemented
        return +self._busy == +other._busy and +self._waiting == +other._waiting and self.barred == other.barred

    __hash__ = None  # type: ignore[assignment] # it changes
