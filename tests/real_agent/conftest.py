"""Three VPSes with real agents and a bridge to them, for each test anew; and nothing of it all left behind."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.real_agent import qemu_ga
from tests.real_agent.bridge import Bridge, running_bridge
from tests.real_agent.qemu_ga import Vps

VMIDS = (10001, 10002, 10003)
DEFAULT_STATE = Path("/var/lib/orchestrator")
"""Where the guest's records are on a real VPS: here they never are."""


@pytest.fixture(autouse=True, scope="session")
def _agent_is_installed() -> None:
    """Skip, and say why; where REAL_AGENT is `required`, as .ci/run sets it having installed one, fail instead."""
    missing = "" if os.geteuid() == 0 else "qemu-ga runs as root, and these tests do not"
    if qemu_ga.PROGRAM is None:
        missing = "there is no qemu-ga here: nothing is tested against a real agent (Debian: qemu-guest-agent)"
    if missing and os.environ.get("REAL_AGENT") == "required":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)


@pytest.fixture
def fleet() -> Iterator[dict[int, Vps]]:
    """The VPSes by vmid; no agent runs yet."""
    was_there = DEFAULT_STATE.exists()
    with qemu_ga.fleet(VMIDS) as vpses:
        yield vpses
    assert not [vps.processes() for vps in vpses.values() if vps.processes()]
    assert not [vps.directory for vps in vpses.values() if vps.directory.exists()]
    assert DEFAULT_STATE.exists() == was_there


@pytest.fixture
def vps(fleet: dict[int, Vps]) -> Vps:
    """The first VPS, its agent running."""
    fleet[VMIDS[0]].start()
    return fleet[VMIDS[0]]


@pytest.fixture
async def bridge(fleet: dict[int, Vps]) -> AsyncIterator[Bridge]:
    """The API of all the VPSes, whether their agents run or not."""
    async with running_bridge({vmid: each.socket for vmid, each in fleet.items()}) as bridge:
        yield bridge
