"""How a run is cut into waves, and how many hosts a percentage is.

Percentages are of the whole run. Both round down; a wave has at least one host.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

from orchestrator.model.ids import HostName
from orchestrator.model.plan import Wave
from orchestrator.model.playbook import Share, WaveSize


def split(sizes: Sequence[WaveSize], hosts: Sequence[HostName]) -> tuple[Wave, ...]:
    """The hosts, in their order, in waves of these sizes; the last size repeats until no host is left.

    Worked example: 1, 25%, 100% of 12 hosts are waves of 1, 3 and 8.
    """
    waves: list[Wave] = []
    start = 0
    while start < len(hosts):
        size = sizes[min(len(waves), len(sizes) - 1)]
        end = start + max(1, resolve_budget(size.size, len(hosts)))
        waves.append(Wave(index=len(waves), name=size.name, hosts=tuple(hosts[start:end])))
        start = end
    return tuple(waves)


def resolve_budget(share: Share, total: int) -> int:
    """A number of hosts as it is; a percentage of `total`, rounded down.

    Worked example: 10% of 240 is 24, and 33.3% of 10 is 3: by fractions, since 0.1 is no binary float.
    """
    if share.count is not None:
        return share.count
    return math.floor(Fraction(str(share.percent)) * total / 100)
