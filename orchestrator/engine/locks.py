"""A run takes all of its hosts for itself before anything is started, or it does not start."""

from collections.abc import Sequence
from datetime import UTC, datetime

from orchestrator.core.locks import still_needed
from orchestrator.core.rollout import Course
from orchestrator.engine.live_run import LiveRun
from orchestrator.errors import Held
from orchestrator.model.event import RunFinished
from orchestrator.model.host import HostFence
from orchestrator.model.state import RunStatus, Standing
from orchestrator.ports import HostLock

LOOK_EVERY = 1.0
"""Seconds between two tries while waiting."""


async def take_locks(live: LiveRun, *, wait: float) -> None:
    """Take the locks of all of the run's unsettled hosts, waiting up to `wait` seconds for other runs to give them up.

    Returns without them where the run is aborted meanwhile: it then starts nothing; one that is paused is held.
    Raises Held, naming who has them and how to go on, or that one is fenced; a run that was never begun is then
    finished as held.
    """
    journal, clock = live.outside.journal, live.outside.clock
    wanted = still_needed(live.plan, live.state.hosts)
    until = clock.now() + wait
    while others := await journal.lock(live.id, wanted):
        if live.asked is Course.PAUSED and live.state.started_at is None:
            await hold(live, f"interrupted while it waited for {others[0].host}")
            raise Held(f"interrupted while it waited for {others[0].host}; nothing was started")
        if live.asked is not Course.ON:
            return
        if clock.now() >= until:
            cause = _cause(others)
            await hold(live, cause)
            raise Held(f"{cause}; nothing was started. Wait for it with --lock-wait 10m, or end it", next=_next(others))
        await clock.sleep_until(min(until, clock.now() + LOOK_EVERY))
    if around := [each for each in await journal.fences() if each.key in wanted and each.run != live.id]:
        await hold(live, _why_fenced(around))
        raise Held(f"{_why_fenced(around)}; nothing was started", next=_next_of_fenced(around[0]))


async def hold(live: LiveRun, cause: str) -> None:
    """Record that a run was held, unless it was begun before."""
    if live.state.started_at is None:
        live.ending = True
        lists = {Standing.NEVER_STARTED.value: tuple(live.state.hosts)}
        await live.record(RunFinished(status=RunStatus.HELD, cause=cause, exit=Held.exit_code, lists=lists))


def _why_fenced(fences: Sequence[HostFence]) -> str:
    first = fences[0]
    more = f" (and {len(fences) - 1} more of this run's hosts are)" if len(fences) > 1 else ""
    return f"{first.host} is fenced since {_date(first.since)}: {first.why} in run {first.run}{more}"


def _next_of_fenced(first: HostFence) -> tuple[str, ...]:
    return (f"orc status {first.run}", f"orc mark {first.host} recovered -m WHY")


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().isoformat(" ", "seconds")


def _cause(others: tuple[HostLock, ...]) -> str:
    first = others[0]
    more = f" (and {len(others) - 1} more of this run's hosts are taken)" if len(others) > 1 else ""
    return f"{first.host} belongs to run {first.run} since {_date(first.since)}{more}"


def _next(others: tuple[HostLock, ...]) -> tuple[str, ...]:
    first = others[0]
    return (f"orc status {first.run}", f"orc resume {first.run}", f"orc unlock {first.host} -m WHY")
