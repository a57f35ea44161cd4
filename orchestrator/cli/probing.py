"""`--probe`: asks the guests of a plan, read-only, before it is shown."""

import os
import secrets
from collections.abc import Mapping

import anyio

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.core.locks import needed
from orchestrator.core.probed import Probe
from orchestrator.engine.probing import Prober
from orchestrator.load import Settings
from orchestrator.model.ids import HostName
from orchestrator.model.plan import Plan
from orchestrator.report.probed import Probed
from orchestrator.report.words import count


def probe_guests(plan: Plan, settings: Settings) -> Probed:
    """What the guests of a plan say. Raises Held where the key is refused or the API cannot be reached at all."""
    output.stderr().line(f"asking {count(len(plan.hosts), 'host')}; nothing is written there")
    taken = anyio.run(_taken, plan, settings) if settings.has_journal else {}
    probe = anyio.run(_probe, plan, taken)
    return Probed.of(plan, probe, wiring.clock().now())


async def _probe(plan: Plan, taken: Mapping[HostName, str]) -> Probe:
    async with wiring.open_provider(plan.provider, os.environ) as provider:
        prober = Prober(provider=provider, clock=wiring.clock(), nonce=lambda: secrets.token_hex(8), taken=taken)
        return await prober.probe(plan)


async def _taken(plan: Plan, settings: Settings) -> dict[HostName, str]:
    """The hosts that a run could not have now, and why.

    They are not asked: a VPS takes one request at a time, and the run that has them may be at work there.
    """
    mine = needed(plan)
    async with wiring.open_journal(settings) as journal:
        fences, locks = await journal.fences(), await journal.locks()
    found = {mine[each.key]: f"fenced: {each.why} in run {each.run}" for each in fences if each.key in mine}
    return found | {mine[each.key]: f"it belongs to run {each.run}" for each in locks if each.key in mine}
