"""Guards, handlers and a step that runs once, in real shells behind the simulator's API: what is on the disks."""

from pathlib import Path

import pytest

from orchestrator.simulator import SimulatorSettings, running_simulator
from tests.orc_calls import orc

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).resolve().parent.parent.parent

INVENTORY = """
provider: {{kind: simulator, url: {url}, api_key: env:ORC_SIMULATOR_KEY}}
hosts:
  web-[1:3]: {{vmid: '[10000:10002]'}}
"""
PLAYBOOK = """
hosts: all
rollout: {waves: [1, 2], rollback: wave}
steps:
  - {name: clone, run: mkdir app; echo clone >> log, creates: app, rollback: echo no clone >> log}
  - {name: migrate, run: 'echo migrate >> log; echo v7', run_once: run, register: r, rollback: echo no migrate >> log}
  - {name: config, run: 'echo config {{ r.stdout }} >> log', rollback: echo no config >> log, handlers: restart}
  - {name: motd, run: echo motd >> log, only_if: test -e motd, handlers: reload}
  - {name: check, run: test ! -e broken}
handlers:
  - {name: reload, run: echo reload >> log}
  - {name: restart, run: echo restart >> log}
"""


async def test_the_disks_are_as_the_rules_say_after_a_failure_and_a_retry(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet"
    async with running_simulator(SimulatorSettings(hosts=3, dir=fleet)) as simulator:
        homes = [fleet / str(vmid) / "home" for vmid in (10000, 10001, 10002)]
        (homes[1] / "app").mkdir(parents=True)
        (homes[2] / "broken").touch()
        (tmp_path / "inventory.yml").write_text(INVENTORY.format(url=simulator.url))
        (tmp_path / "playbook.yml").write_text(PLAYBOOK)
        plan = await orc(tmp_path, "plan", "playbook.yml", "-i", "inventory.yml")
        assert b"once in the run, on web-1; the others wait for it" in plan.stdout, plan.stdout.decode()
        assert b"skipped where this is there: app (decided at run time)" in plan.stdout

        first = await orc(tmp_path, "run", "playbook.yml", "-i", "inventory.yml", "--yes")
        assert first.returncode == 4, first.stdout.decode()
        logs = [(home / "log").read_text().splitlines() for home in homes]
        assert logs[0] == ["clone", "migrate", "config v7", "restart"]
        assert logs[1] == ["config v7", "restart", "no config", "restart"] or logs[1][-2:] == ["no config", "restart"]
        assert logs[2] == ["clone", "config v7", "no config", "no clone", "restart"]

        (homes[2] / "broken").unlink()
        second = await orc(tmp_path, "retry", "last", "--yes")
        assert second.returncode == 0, second.stdout.decode()
        assert (homes[2] / "log").read_text().splitlines()[5:] == ["config v7", "restart"]
        assert "migrate" not in "".join((home / "log").read_text() for home in homes[1:])
