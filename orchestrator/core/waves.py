"""How a run is cut into waves, in which order its hosts go, and how many hosts a percentage is.

Percentages are of the whole run. Both round down; a wave has at least one host.
"""

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from orchestrator.model.gate import Bake, Gate
from orchestrator.model.ids import HostName
from orchestrator.model.plan import Wave
from orchestrator.model.rollout import HostOrder, Rollout, Share, WaveSize

_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A run in waves. left: the hosts that no wave takes, in their order."""

    waves: tuple[Wave, ...]
    left: tuple[HostName, ...] = ()


def cut(rollout: Rollout, hosts: Sequence[HostName], chosen: Sequence[frozenset[HostName] | None]) -> Cut:
    """The hosts, in their order, in the rollout's waves.

    chosen: for each wave, the hosts that its pattern names, or None for a wave with a size. They go in that wave and
    are not counted out to others. A wave without any is left out; the last wave, if it has a size, repeats.
    Worked example: 1, 25%, 100% of 12 hosts are waves of 1, 3 and 8.
    """
    taken = frozenset[HostName]().union(*(each for each in chosen if each is not None))
    rest = [host for host in hosts if host not in taken]
    waves: list[Wave] = []
    for written, named in zip(rollout.waves, chosen, strict=True):
        if named is not None:
            members = [host for host in hosts if host in named]
        else:
            members, rest = _count_out(written, rest, len(hosts))
        if members:
            waves.append(_wave(rollout, written, len(waves), members))
    last = rollout.waves[-1]
    while rest and last.size is not None:
        members, rest = _count_out(last, rest, len(hosts))
        waves.append(_wave(rollout, last, len(waves), members))
    if waves:
        waves[0] = _canary(waves[0], others=len(hosts) - len(waves[0].hosts))
    return Cut(waves=tuple(waves), left=tuple(rest))


def _count_out(written: WaveSize, rest: list[HostName], total: int) -> tuple[list[HostName], list[HostName]]:
    assert written.size is not None  # noqa: S101  # a wave has a size or a pattern
    size = max(1, resolve_budget(written.size, total))
    return rest[:size], rest[size:]


def _wave(rollout: Rollout, written: WaveSize, index: int, members: Sequence[HostName]) -> Wave:
    budget = None if written.max_failures is None else resolve_budget(written.max_failures, len(members))
    return Wave(
        index=index, name=written.name, hosts=tuple(members), max_failures=budget, gates=gates_of(rollout, written)
    )


def _canary(first: Wave, *, others: int) -> Wave:
    """A first wave of one host is there to fail before the others do: the run's budget does not cover it."""
    if len(first.hosts) > 1 or not others or first.max_failures is not None:
        return first
    return Wave(index=first.index, name=first.name, hosts=first.hosts, max_failures=0, gates=first.gates)


def gates_of(rollout: Rollout, written: WaveSize) -> tuple[Gate, ...]:
    """What is asked after a wave: its bake, then its gates; where it has none of its own, the rollout's."""
    seconds = rollout.bake if written.bake is None else written.bake
    gates = rollout.gates if written.gates is None else written.gates
    return ((Bake(name="bake", seconds=seconds),) if seconds else ()) + gates


def arrange(hosts: Sequence[HostName], order: HostOrder, seed: str) -> tuple[HostName, ...]:
    """The hosts, given in the inventory's order, in the order in which they go.

    A shuffle goes by the sha256 of seed and name: the same for the same seed on every machine, and a host that is
    added moves no other.
    """
    match order:
        case HostOrder.INVENTORY:
            return tuple(hosts)
        case HostOrder.REVERSE:
            return tuple(reversed(hosts))
        case HostOrder.SORTED:
            return tuple(sorted(hosts, key=_by_name))
        case HostOrder.SHUFFLE:
            return tuple(sorted(hosts, key=lambda host: hashlib.sha256(f"{seed} {host}".encode()).digest()))


def _by_name(host: HostName) -> tuple[tuple[bool, int, str], ...]:
    """web-2 goes before web-10: digits count by their value."""
    pieces = [piece for piece in _DIGITS.split(host) if piece]
    return tuple((not p[0].isdecimal(), int(p[:4000]) if p.isdecimal() and p.isascii() else 0, p) for p in pieces)


def resolve_budget(share: Share, total: int) -> int:
    """A number of hosts as it is; a percentage of `total`, rounded down.

    Worked example: 10% of 240 is 24, and 33.3% of 10 is 3: by fractions, since 0.1 is no binary float.
    """
    if share.count is not None:
        return share.count
    return math.floor(Fraction(str(share.percent)) * total / 100)
