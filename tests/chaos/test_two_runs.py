"""Two runs at once over the same hosts."""

import os
import re
import sys
from pathlib import Path

import anyio
import pytest

from orchestrator.simulator import SimulatorSettings, running_simulator

ROOT = Path(__file__).resolve().parents[2]
HOSTS = 4
HELD = 7
PLAYBOOK = """
name: both
hosts: all
steps:
  - {name: one, run: 'echo begin >> ~/order; sleep 0.5; echo end >> ~/order'}
  - {name: two, run: 'echo begin >> ~/order; sleep 0.5; echo end >> ~/order'}
"""


@pytest.mark.anyio
async def test_two_runs_never_have_two_attempts_on_one_host_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "both.yml").write_text(PLAYBOOK)
    statuses: list[int] = []

    async def run() -> None:
        environment = {**os.environ, "ORC_SIMULATOR_KEY": "demo-key", "PYTHONPATH": str(ROOT)}
        words = [sys.executable, "-m", "orchestrator", "run", "both.yml", "-i", "fleet.yml", "--yes", "-q"]
        done = await anyio.run_process(words, cwd=tmp_path, env=environment, check=False)
        assert done.returncode in (0, HELD), done.stderr.decode()
        statuses.append(done.returncode)

    async with running_simulator(SimulatorSettings(hosts=HOSTS, dir=tmp_path / "fleet")) as simulator:
        (tmp_path / "fleet.yml").write_text(
            f"provider: {{kind: simulator, url: {simulator.url}, api_key: env:ORC_SIMULATOR_KEY}}\n"
            f"hosts: {{'vps-[1:{HOSTS}]': {{vmid: '[10000:{9999 + HOSTS}]'}}}}\n"
        )
        async with anyio.create_task_group() as both:
            both.start_soon(run)
            both.start_soon(run)
        at_once = {vmid: each.in_flight_max for vmid, each in simulator.stats().vmids.items()}
        runs = {found for entry in simulator.log() for found in re.findall(r"^o_run (\S+?)/", entry.command, re.M)}

    assert 0 in statuses
    assert len(runs) >= 1
    assert at_once == dict.fromkeys(range(10000, 10000 + HOSTS), 1)
    for vmid in range(10000, 10000 + HOSTS):
        order = (tmp_path / "fleet" / str(vmid) / "home" / "order").read_text().split()
        assert order == ["begin", "end"] * (len(order) // 2)
