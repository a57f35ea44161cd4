"""Gates that are asked on the hosts of a wave, and on the way back: the real commands on the real simulator."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.simulator import SimulatorSettings, running_simulator
from tests.e2e.test_control import INVENTORY, Project

pytestmark = pytest.mark.anyio

PLAYBOOK = """
name: release
hosts: all
rollout:
  waves:
    - {size: 1}
    - {size: 1}
    - 100%
  rollback: none
  bake: 1s
  gates:
    - name: healthy
      command:
        run: "echo {{ host }} >> asked; until [ -e ../../../go ]; do sleep 0.1; done; cat release"
        on: wave
steps:
  - {name: install, run: echo new > release, rollback: "echo old > release && echo x >> undone"}
"""
RUN = ("run", "release.yml", "-i", "inventory.yml", "--yes", "-q")


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Project]:
    fleet = tmp_path / "fleet"
    async with running_simulator(SimulatorSettings(hosts=4, dir=fleet)) as simulator:
        (tmp_path / "inventory.yml").write_text(INVENTORY.format(url=simulator.url))
        (tmp_path / "release.yml").write_text(PLAYBOOK)
        yield Project(tmp_path, fleet)


async def test_a_gate_on_the_wave_is_attached_to_after_a_kill_and_its_output_is_in_the_logs(project: Project) -> None:
    running = project.start(*RUN)
    await project.until(lambda: project.lines("asked") == [1, 0, 0, 0])
    running.send_signal(signal.SIGKILL)
    await project.end(running, -signal.SIGKILL)
    project.go()
    await project.orc("resume", "last", "-q")
    assert project.lines("asked") == [1, 1, 1, 1], "once on each host"
    assert "new" in await project.orc("logs", "last", "vps-1", "healthy")
    assert (await project.status())["hosts"]["vps-3"]["steps"]["healthy"]["outcome"] == "ok"


async def test_a_run_goes_back_through_its_gates_where_that_is_asked_for(project: Project) -> None:
    project.go()
    await project.orc(*RUN)
    old = (await project.status())["run"]
    said = await project.orc("rollback", old, "--with-gates", "--yes")
    shown = " ".join(said.split())
    gates = "then bake: wait 1s then healthy: on every host of the wave, within 10m"
    assert f"WAVES, one after the other 1 2 hosts vps-[3-4] {gates}" in shown
    assert "3 1 host vps-1 " in shown
    assert "gate healthy $ echo vps-3 >> asked" in shown
    assert "after wave 2, healthy: passed" in shown
    assert project.lines("undone") == [1, 1, 1, 1]
    assert project.lines("asked") == [1, 2, 2, 2], "after the last wave of the way back nobody is asked"
    assert "old" in await project.orc("logs", "last", "vps-3", "healthy")
    assert (await project.status())["status"] == "rolled_back"
