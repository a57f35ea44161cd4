"""A probe of VPSes with real agents: one that is well, one whose agent does not run, one that may not exec."""

import json
import secrets
from pathlib import Path

import anyio
import pytest

from orchestrator import wiring
from orchestrator.clock import SystemClock
from orchestrator.core.probed import Found, Will, verdict_on
from orchestrator.engine.probing import Prober
from orchestrator.model.host import ProviderSpec
from tests.real_agent.bridge import KEY, Bridge
from tests.real_agent.qemu_ga import Vps
from tests.small_run import plan_of

pytestmark = pytest.mark.anyio


def listed(vps: Vps) -> list[Path]:
    """All that is in the VPS, but for the agent's own log."""
    return sorted(file for file in vps.directory.rglob("*") if file.name != "log")


async def test_real_agents_are_asked_and_keep_nothing_of_it(
    bridge: Bridge, fleet: dict[int, Vps], tmp_path: Path
) -> None:
    well, down, frozen = fleet.values()
    well.start()
    frozen.start(frozen=True)
    steps = [
        {"name": "there", "run": "x", "creates": "there", "cwd": str(well.files)},
        {
            "name": "home",
            "run": "x",
            "only_if": '[ "$HOME" = ~root ] && [ "$LANG" ] && command -v chroot',
            "user": "root",
        },
        {"name": "left", "run": "x", "unless": "sleep 300 & true"},
    ]
    (well.files / "there").touch()
    before = listed(well)
    plan = plan_of(tmp_path, json.dumps({"vmids": [*fleet], "steps": steps}))
    (tmp_path / "key").write_text(KEY)
    spec = ProviderSpec(kind="simulator", url=bridge.url, api_key=f"file:{tmp_path / 'key'}")
    async with wiring.open_provider(spec, {}) as provider:
        prober = Prober(
            provider=provider, clock=SystemClock(), nonce=lambda: secrets.token_hex(8), taken={}, patience=1.0
        )
        with anyio.fail_after(60):
            probe = await prober.probe(plan)

    facts, _, frozen_facts = probe.hosts
    assert [each.found for each in probe.hosts] == [Found.READY, Found.UNREACHABLE, Found.NO_ANSWER]
    assert "frozen" in frozen_facts.why  # it answers a probe, and nobody can say for how long it is frozen
    assert [verdict_on(plan, plan.hosts[0], index, facts).will for index in range(3)] == [
        Will.SKIP,
        Will.RUN,
        Will.SKIP,
    ]
    assert facts.answers is not None
    assert (facts.answers.setsid, facts.answers.writable, facts.answers.library) == (True, True, False)
    assert listed(well) == before
    assert down.processes() == set()
