"""What the journal knows of a plan from earlier runs: where it last went well, and how long its steps took."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

from orchestrator.core.blast_radius import same_ground
from orchestrator.core.estimate import Durations
from orchestrator.engine.going_back import backs_of
from orchestrator.model.event import AttemptEnded, Recorded, RunFinished
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.plan import Plan
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import RunStatus
from orchestrator.ports import Journal, RunRecord

LOOKED_AT = 200
"""Of the journal's runs, the newest so many are looked at."""

SAMPLED_RUNS, SAMPLED_EVENTS = 5, 5_000
"""For durations: the newest so many runs of a playbook, and of each its first events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run that went forward and has ended."""

    record: RunRecord
    finished: RunFinished


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodRun:
    """hosts: those that ended ok there, have not been taken back since, and are ok in no later run."""

    id: RunId
    plan: Plan
    hosts: tuple[HostName, ...]


async def past_runs(journal: Journal, plan: Plan) -> AsyncIterator[PastRun]:
    """The runs of this playbook's file on this inventory's that have ended and did something, newest first."""
    for summary in await journal.runs(limit=LOOKED_AT):
        last = summary.last.event if summary.last else None
        if summary.playbook != plan.playbook or not isinstance(last, RunFinished):
            continue
        if last.status is RunStatus.HELD:  # it ran on no host
            continue
        record = await journal.record(summary.id)
        if not record.plan.takes_back and same_ground(plan, record.plan):
            yield PastRun(record=record, finished=last)


async def durations(journal: Journal, plan: Plan) -> Durations:
    """How long the steps of the plan's playbook took in its latest runs."""
    found: dict[StepName, list[float]] = {}
    read = 0
    async for past in past_runs(journal, plan):
        for step, took in _took(await journal.events(past.record.id, limit=SAMPLED_EVENTS, outputs=False)):
            found.setdefault(step, []).append(took)
        read += 1
        if read == SAMPLED_RUNS:
            break
    return found


def _took(events: Iterable[Recorded]) -> Iterator[tuple[StepName, float]]:
    for recorded in events:
        event = recorded.event
        if isinstance(event, AttemptEnded) and event.outcome is Outcome.OK and not event.skipped:
            yield event.step, event.duration


async def last_good(journal: Journal, plan: Plan) -> tuple[GoodRun, ...]:
    """For the plan's hosts, the runs in which each of them was last ok, newest first."""
    wanted = {host.host.name for host in plan.hosts}
    found = []
    async for past in past_runs(journal, plan):
        ok = wanted.intersection(past.finished.lists.get("ok", ()))
        if ok:
            ok -= {host for back in await backs_of(journal, past.record.id) for host in back.state.hosts}
        if ok:
            hosts = tuple(host.host.name for host in plan.hosts if host.host.name in ok)
            found.append(GoodRun(id=past.record.id, plan=past.record.plan, hosts=hosts))
            wanted -= ok
        if not wanted:
            break
    return tuple(found)
