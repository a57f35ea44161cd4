"""A run, begun or taken up: its journal, provider, clock and controller put together."""

import os
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import anyio

from orchestrator import log
from orchestrator.clock import SystemClock
from orchestrator.controller import ThisMachine
from orchestrator.core import preflight as core_preflight
from orchestrator.core.attempt import Pace
from orchestrator.core.breaker import BreakerRules
from orchestrator.core.rollout import Course
from orchestrator.core.run_state import RunState
from orchestrator.engine import preflight
from orchestrator.engine.going_back import refuse_if_moved
from orchestrator.engine.live_run import LiveRun, Observer, Outside
from orchestrator.engine.locks import take_locks
from orchestrator.engine.metered import Meter, Metered
from orchestrator.engine.recorded import recorded_state
from orchestrator.engine.requests import Requests, take_aborts, take_answers
from orchestrator.engine.runs import LocalDispatcher, carry_on
from orchestrator.errors import InputError
from orchestrator.load import Settings
from orchestrator.load.reference import read_reference
from orchestrator.model.event import RunResumed
from orchestrator.model.host import ProviderSpec
from orchestrator.model.ids import RunId
from orchestrator.model.plan import Plan
from orchestrator.model.request import Act
from orchestrator.ports import Journal, Provider, RunRecord
from orchestrator.providers import PROVIDERS
from orchestrator.wiring.recorded import ask, open_journal, ownership


def read_key(reference: str, environ: Mapping[str, str]) -> str:
    """The secret that a reference (`env:NAME`, `file:PATH`) stands for. Raises InputError where it is not there."""
    key = read_reference(reference, environ, what="the API key")
    log.register_secret(key)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InputError.of(f"the API key from {reference} holds characters that no header can carry")
    return key


def open_provider(spec: ProviderSpec, environ: Mapping[str, str]) -> Provider:
    """The provider that the specification names, keeping to its rate; not yet entered. Raises InputError."""
    provider = PROVIDERS[spec.kind](spec, read_key(spec.api_key, environ))
    if spec.rate is None:
        return provider
    return Metered(provider, Meter(SystemClock(), rate=spec.rate, burst=spec.burst))


def new_run_id(now: float) -> RunId:
    """An id that sorts by time, in UTC: `r261124-071233-x7k3p`."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    tail = "".join(secrets.choice(alphabet) for _ in range(5))
    return RunId(f"r{datetime.fromtimestamp(now, UTC):%y%m%d-%H%M%S}-{tail}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A run to be begun, by whom, and the command line that asked for it.

    lock_wait: seconds to wait for hosts that other runs have.
    """

    plan: Plan
    by: str
    argv: tuple[str, ...] = ()
    lock_wait: float = 0.0


def _outside(journal: Journal, provider: Provider, settings: Settings) -> Outside:
    pace = replace(Pace(), poll_floor=provider.capabilities.poll_floor)
    return Outside(
        journal=journal,
        provider=provider,
        clock=SystemClock(),
        nonce=lambda: secrets.token_hex(8),
        chance=random.random,
        pace=pace,
        controller=ThisMachine(),
        express=provider.express() if isinstance(provider, Metered) else None,
        breaker=BreakerRules(patience=settings.api_patience),
    )


async def run(
    start: Start,
    settings: Settings,
    *,
    observers: Sequence[Observer] = (),
    on_live: Callable[[LiveRun], None] = lambda _: None,
) -> RunState:
    """Begin a run and drive it to its end, or until it is paused (`LiveRun.steer`).

    on_live: called once the run exists and before anything is started.
    Raises Held or InputError where the provider's answers keep it from starting (then there is no run), Held where
    another run has one of its hosts (then there is a run that was held), and JournalError.
    """
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(open_journal(settings))
        provider = await stack.enter_async_context(open_provider(start.plan.provider, os.environ))
        outside = _outside(journal, provider, settings)
        core_preflight.judge(start.plan, await preflight.probe_all(start.plan, provider, outside.clock))
        now = outside.clock.now()
        record = RunRecord(id=new_run_id(now), plan=start.plan, created_at=now, by=start.by, argv=start.argv)
        stack.enter_context(ownership(settings).acquire(record.id))
        if start.plan.takes_back:
            # Before the run: where it is missing, no other run could know of this one.
            await ask(journal, RunId(start.plan.takes_back), Act.ROLL_BACK, by=start.by, why=record.id)
        await journal.create(record)
        live = LiveRun(record.id, RunState(record.plan), outside, observers)
        await _drive(live, by=start.by, lock_wait=start.lock_wait, heed_after=0, on_live=on_live)
        return live.state


async def resume(
    run_id: RunId,
    settings: Settings,
    *,
    by: str,
    observers: Sequence[Observer] = (),
    on_live: Callable[[LiveRun], None] = lambda _: None,
    course: Course = Course.ON,
    cause: str = "asked for",
) -> RunState:
    """Take up a run that no process drives any more, from its journal, and drive it on; by `course`, to an early end,
    for which `cause` says why.

    Raises Held where a process drives it or another run has its hosts, InputError where there is no such run or it is
    finished.
    """
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(open_journal(settings))
        run_id = await journal.find(run_id)
        stack.enter_context(ownership(settings).acquire(run_id))
        # What was asked before this process drives the run is past; what is asked from now on is for it to heed.
        past = max((request.id for request in await journal.requests(run_id)), default=0)
        record = await journal.record(run_id)
        state = await recorded_state(journal, record)
        if state.finished:
            raise InputError.of(
                f"the run {run_id} is finished ({state.status().value})", fix=f"see: orc status {run_id}"
            )
        provider = await stack.enter_async_context(open_provider(record.plan.provider, os.environ))
        live = LiveRun(run_id, state, _outside(journal, provider, settings), observers)

        async def go_on() -> None:
            since = live.state.taken_up_at
            await live.record(RunResumed(by=by))
            await live.steer(course, by=by, cause=cause)
            await take_aborts(live, until=past, since=since)
            await take_answers(live, until=past)

        await _drive(live, by=by, heed_after=past, on_live=on_live, first=go_on)
        return live.state


async def _nothing() -> None:
    """What a new run does before it begins."""


async def _drive(
    live: LiveRun,
    *,
    by: str,
    heed_after: int,
    on_live: Callable[[LiveRun], None],
    lock_wait: float = 0.0,
    first: Callable[[], Awaitable[None]] = _nothing,
) -> None:
    """Take the run's hosts and drive it; what is asked of it meanwhile, by requests after `heed_after`, is heeded.

    first: what is done once the hosts are taken.
    """
    requests = Requests(live, after=heed_after)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(requests.keep_looking)
        on_live(live)
        await take_locks(live, wait=lock_wait)
        if live.plan.takes_back and live.state.started_at is None:
            await refuse_if_moved(live)
        await first()
        await carry_on(live, LocalDispatcher(), by=by, look=requests.look)
        tasks.cancel_scope.cancel()
