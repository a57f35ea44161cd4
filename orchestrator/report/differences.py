"""What differs between two runs: what went in, where and what was done, and what came of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from orchestrator.core.run_state import RunState, standing
from orchestrator.model.ids import HostName
from orchestrator.model.playbook import Outcome
from orchestrator.report.plan_differences import Change, PlanDifferences, by_name, plan_differences
from orchestrator.report.view import RunView
from orchestrator.report.words import LISTS

LEAST_SECONDS = 0.5
LEAST_PART = 0.2
"""A duration differs where it is by so many seconds, and by that part of the longer one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """plan: what was to be done. outcomes: in which list a host ended."""

    plan: PlanDifferences
    outcomes: tuple[Change, ...] = ()
    durations: tuple[Change, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is a difference at all."""
        return bool(self.plan.any or self.outcomes or self.durations)


def differences(before: RunView, after: RunView) -> Differences:
    """What the later run has different."""
    return Differences(
        plan=plan_differences(before.state.plan, after.state.plan),
        outcomes=tuple(_outcomes(before.state, after.state)),
        durations=tuple(_durations(before, after)),
    )


def _outcomes(before: RunState, after: RunState) -> Iterator[Change]:
    alike: dict[tuple[str, str], list[HostName]] = {}
    for host, mine in after.hosts.items():
        if host in before.hosts:
            pair = LISTS[standing(before.hosts[host])], LISTS[standing(mine)]
            if pair[0] != pair[1]:
                alike.setdefault(pair, []).append(host)
    for (old, new), hosts in alike.items():
        yield Change(what="hosts", before=old, after=new, hosts=tuple(hosts))


def _durations(before: RunView, after: RunView) -> Iterator[Change]:
    pairs = [("the whole run", before.last_at - before.created_at, after.last_at - after.created_at)]
    steps, others = by_name(before.state.plan), by_name(after.state.plan)
    for name in (name for name in steps if name in others):
        old, new = _median(before.state, steps[name][0]), _median(after.state, others[name][0])
        if old is not None and new is not None:
            pairs.append((f"{name}, median", old, new))
    for what, old_seconds, new_seconds in pairs:
        if differ(old_seconds, new_seconds):
            yield Change(what=what, before=f"{old_seconds:.1f} s", after=f"{new_seconds:.1f} s")


def differ(old: float, new: float) -> bool:
    """Whether two durations, in seconds, differ by more than chance has it."""
    return abs(new - old) >= max(LEAST_SECONDS, LEAST_PART * max(old, new))


def _median(state: RunState, index: int) -> float | None:
    """Of the step's successful last attempts, in seconds; None where there is none."""
    took: Sequence[float] = [
        mine.progress[index].duration
        for mine in state.hosts.values()
        if mine.progress[index].outcome is Outcome.OK and not mine.progress[index].running
    ]
    return median(took) if took else None
