"""How a run goes over the fleet, as its author wrote it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from orchestrator.model.gate import Gate
from orchestrator.model.origin import Origin, Text


class RollbackScope(Enum):
    """What is taken back once the budget is over; within it a failed host takes back itself (unless none)."""

    NONE = "none"
    """Nothing is undone."""
    HOST = "host"
    """Only the hosts that failed."""
    WAVE = "wave"
    """Every touched host of the wave in which the budget ran out."""
    RUN = "run"
    """Every touched host of the run."""


class HostOrder(Enum):
    """In which order the hosts of a run go."""

    INVENTORY = "inventory"
    """As the inventory has them."""
    SORTED = "sorted"
    """By name; numbers in it by their value."""
    REVERSE = "reverse"
    """The inventory's, from its end."""
    SHUFFLE = "shuffle"
    """Mixed by a seed, which is in the plan: the same seed gives the same order."""


class InFlight(Enum):
    """What becomes, once the run goes no further, of the steps that are under way."""

    FINISH = "finish"
    """They end by themselves."""
    CANCEL = "cancel"
    """They are ended in the guests, and their hosts are taken back as hosts that failed are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A number of hosts, or a percentage of them: exactly one is given."""

    count: int | None = None
    percent: float | None = None

    def __str__(self) -> str:
        return str(self.count) if self.count is not None else f"{self.percent:g}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """On at most `max` hosts that have one value of the variable `by`, something may be under way at once."""

    by: str
    max: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveSize:
    """One wave as its author wrote it, with its name ('' for none). Exactly one of `size` and `hosts` is given.

    hosts: a pattern, whose hosts go in this wave and in no other. max_failures: the wave's own, of its own hosts.
    bake, gates: what is asked after it; None: what the rollout says.
    """

    size: Share | None = None
    name: str = ""
    hosts: Text | None = None
    max_failures: Share | None = None
    bake: float | None = None
    gates: tuple[Gate, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How a run goes over the fleet. Percentages are not yet resolved.

    seed: of a shuffle, '' where it is to be found. spread_origin, waves_origin: where these are written. Times are
    seconds.
    bake, gates: after every wave that has none of its own. min_healthy: how long a host is ok before its place is free.
    progress_deadline: how long no host may become ok.
    """

    waves: tuple[WaveSize, ...] = (WaveSize(size=Share(percent=100.0)),)
    max_parallel: int = 50
    max_failures: Share = field(default_factory=lambda: Share(count=0))
    max_unreachable: Share = field(default_factory=lambda: Share(count=0))
    rollback: RollbackScope = RollbackScope.HOST
    in_flight: InFlight = InFlight.FINISH
    order: HostOrder = HostOrder.INVENTORY
    seed: str = ""
    spread: Spread | None = None
    spread_origin: Origin | None = None
    waves_origin: Origin | None = None
    bake: float = 0.0
    gates: tuple[Gate, ...] = ()
    min_healthy: float = 0.0
    progress_deadline: float | None = None

    def every_gate(self) -> Iterator[tuple[Gate, str]]:
        """The gates of the rollout, and of its waves, each with the keys that lead to it, as `rollout.gates[0]`."""
        yield from ((gate, f"rollout.gates[{at}]") for at, gate in enumerate(self.gates))
        for number, wave in enumerate(self.waves):
            yield from ((gate, f"rollout.waves[{number}].gates[{at}]") for at, gate in enumerate(wave.gates or ()))
