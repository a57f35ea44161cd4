"""Finds out what is known besides a plan."""

from functools import partial

import anyio

from orchestrator import wiring
from orchestrator.cli.probing import probe_guests
from orchestrator.engine.history import durations, last_good
from orchestrator.load import Settings
from orchestrator.model.plan import Plan
from orchestrator.report.known import Known
from orchestrator.report.plan_differences import OriginOf
from orchestrator.report.probed import Probed
from orchestrator.report.since import Base, since


def find_out(plan: Plan, settings: Settings, *, diff: OriginOf | None = None, probe: bool = False) -> Known:
    """What the journal knows, where there is one: a dry run makes none. diff: compare with the last good runs, too.

    probe: ask the guests, too. Raises Held where the key is refused or the API cannot be reached at all.
    """
    probed = probe_guests(plan, settings) if probe else None
    if not settings.has_journal:
        return Known(since=since(plan, (), diff) if diff else None, probed=probed)
    return anyio.run(partial(_find_out, plan, settings, diff, probed))


async def _find_out(plan: Plan, settings: Settings, diff: OriginOf | None, probed: Probed | None) -> Known:
    async with wiring.open_journal(settings) as journal:
        good = await last_good(journal, plan) if diff else ()
        bases = [Base(run=each.id, plan=each.plan, hosts=each.hosts) for each in good]
        return Known(
            durations=await durations(journal, plan),
            since=since(plan, bases, diff) if diff else None,
            probed=probed,
        )
