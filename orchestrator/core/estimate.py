"""What a plan will take, in time and in API calls, from how long its steps took before."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from orchestrator.model.gate import Bake, Gate, UrlWatch
from orchestrator.model.ids import HostName, StepName
from orchestrator.model.plan import HostPlan, Plan, Section, Wave

CALLS_OF_ATTEMPT = 2
"""A command that ends at once takes two calls: one starts it, one reads its result."""

GUESS = 2.0
"""Seconds that a step is taken for of which nothing is known."""

_MAY_NOT_BE_RUN = (Section.UNDO, Section.HANDLERS, Section.AFTER_ROLLBACK)

Durations = Mapping[StepName, Sequence[float]]
"""How long the attempts of each step took that were ok, in seconds."""

NOTHING_KNOWN: Durations = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """If nothing fails, and without the time for which people are asked.

    calls: to the API, at the least. peak: calls a second at the busiest, as far as the key's rate lets them.
    seconds, seconds_p90: of the whole run, by the median of each step's durations, and by their 90th percentile.
    attempts: that this rests on. guessed: the steps of which nothing is known.
    """

    calls: int
    peak: float
    seconds: float
    seconds_p90: float
    attempts: int
    guessed: tuple[StepName, ...]


def estimate(plan: Plan, durations: Durations) -> Estimate:
    """What the plan will take.

    Each wave's hosts go one after the other into the places of `max_parallel`; a wave takes no less time than its
    calls do at the key's rate.
    """
    forward = [index for index, slot in enumerate(plan.slots) if slot.section not in _MAY_NOT_BE_RUN]
    once = {each.slot: frozenset(each.hosts) for each in plan.once}
    steps = {host.host.name: _steps(plan, host, forward, once) for host in plan.hosts}
    run = {index for mine in steps.values() for index in mine}
    names = {index: plan.slots[index].name for index in run}
    guessed = tuple(plan.slots[index].name for index in forward if index in run and not durations.get(names[index]))
    totals = []
    for part in (0.5, 0.9):
        took = {index: quantile(durations.get(name, ()), part, GUESS) for index, name in names.items()}
        totals.append(sum((_wave_seconds(plan, wave, steps, took) for wave in plan.waves), 0.0))
    calls = CALLS_OF_ATTEMPT * sum(map(len, steps.values()))
    medians = [quantile(durations.get(name, ()), 0.5, GUESS) for name in names.values()]
    return Estimate(
        calls=len(plan.hosts) + calls,
        peak=_peak(plan, min(medians, default=GUESS)),
        seconds=totals[0],
        seconds_p90=totals[1],
        attempts=sum(len(durations.get(name, ())) for name in names.values()),
        guessed=guessed,
    )


def _steps(
    plan: Plan, host: HostPlan, forward: Sequence[int], once: Mapping[int, frozenset[HostName]]
) -> tuple[int, ...]:
    """The slots that are run on a host if nothing fails."""
    done = frozenset(host.done)
    return tuple(
        index
        for index in forward
        if host.whens[index] is not False and index not in done and (index not in once or host.host.name in once[index])
    )


def _wave_seconds(plan: Plan, wave: Wave, steps: Mapping[HostName, Sequence[int]], took: Mapping[int, float]) -> float:
    policy = plan.policy
    places = [0.0] * min(policy.max_parallel, len(wave.hosts))
    attempts = 0
    for host in wave.hosts:
        attempts += len(steps[host])
        lasts = sum(took[index] for index in steps[host]) + policy.min_healthy
        heapq.heapreplace(places, places[0] + lasts)
    rate = plan.provider.rate
    of_calls = (len(wave.hosts) + CALLS_OF_ATTEMPT * attempts) / rate if rate else 0.0
    return max(*places, of_calls) + sum(map(_gate_seconds, wave.gates))


def _gate_seconds(gate: Gate) -> float:
    match gate:
        case Bake():
            return gate.seconds
        case UrlWatch():
            return gate.for_
        case _:
            return 0.0


def _peak(plan: Plan, shortest: float) -> float:
    """Calls a second while as many hosts as may be are in the shortest of their steps."""
    most = min(plan.policy.max_parallel, max(len(wave.hosts) for wave in plan.waves))
    wanted = most * CALLS_OF_ATTEMPT / max(shortest, 0.1)
    return min(wanted, plan.provider.rate) if plan.provider.rate else wanted


def quantile(values: Sequence[float], part: float, default: float) -> float:
    """The smallest value that is no less than this part of them: the median for 0.5.

    Worked example: of 1, 2, 3, 4 the median is 2 and the 90th percentile 4.
    """
    if not values:
        return default
    ordered = sorted(values)
    return ordered[max(1, ceil(part * len(ordered))) - 1]
