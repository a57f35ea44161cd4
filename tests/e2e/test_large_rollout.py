"""240 VPSes, three waves, an approval in the middle, a failing wave: what the report says is what the disks hold."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from orchestrator.simulator import SimulatorSettings, running_simulator

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

HOSTS = 240
INVENTORY = """
provider: {{kind: simulator, url: {url}, api_key: env:ORC_SIMULATOR_KEY}}
hosts:
  web-[001:240]: {{vmid: '[10000:10239]'}}
"""
PLAYBOOK = """
name: release
hosts: all
rollout:
  waves:
    - {name: canary, size: 1}
    - {name: tenth, size: 10%, gates: [{approval: {by: [ben]}}]}
    - {name: rest, size: 100%}
  max_parallel: 40
  rollback: wave
steps:
  - {name: remember, run: cat release, register: before}
  - {name: install, run: "echo x >> installs; echo new > release", rollback: "echo {{ before.stdout }} > release"}
  - {name: healthy, run: "test ! -e ill"}
"""


class Team:
    """A project's folder and the fleet it is about; `orc` as one of the team."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.fleet = folder, folder / "fleet"

    def start(self, *words: str, who: str = "ana") -> subprocess.Popen[str]:
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment |= {"PYTHONPATH": str(Path(__file__).parents[2]), "ORC_SIMULATOR_KEY": "demo-key", "LOGNAME": who}
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *words],
            cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    async def orc(self, *words: str, status: int = 0, who: str = "ana") -> str:
        process = self.start(*words, who=who)
        text, _ = await anyio.to_thread.run_sync(lambda: process.communicate(timeout=300))
        assert process.returncode == status, text
        return text

    async def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(await self.orc("status", "last", "--output", "json"))
        return answer

    def home(self, number: int) -> Path:
        return self.fleet / str(9999 + number) / "home"

    def releases(self) -> dict[str, str]:
        return {f"web-{n:03}": (self.home(n) / "release").read_text().strip() for n in range(1, HOSTS + 1)}


@pytest.fixture
async def team(tmp_path: Path) -> AsyncIterator[Team]:
    made = Team(tmp_path)
    (tmp_path / "release.yml").write_text(PLAYBOOK)
    async with running_simulator(SimulatorSettings(hosts=HOSTS, dir=made.fleet)) as simulator:
        (tmp_path / "fleet.yml").write_text(INVENTORY.format(url=simulator.url))
        for number in range(1, HOSTS + 1):
            made.home(number).mkdir(parents=True, exist_ok=True)
            (made.home(number) / "release").write_text(f"old-{number}\n")
        yield made


async def test_a_rollout_that_waits_is_approved_elsewhere_and_its_failing_wave_is_taken_back_as_certified(
    team: Team,
) -> None:
    await team.orc("run", "release.yml", "-i", "fleet.yml", "--yes", "-q", status=7)
    waiting = await team.status()
    assert (waiting["status"], len(waiting["lists"]["ok"])) == ("waiting", 25)

    await team.orc("approve", "last", "-m", "looks good", who="eve", status=7)
    await team.orc("approve", "last", "-m", "looks good", who="ben")
    (team.home(200) / "ill").touch()
    driver = team.start("continue", "last", "-q")
    with anyio.fail_after(120):
        while team.releases()["web-060"] != "new":  # noqa: ASYNC110 - another process writes what is waited for
            await anyio.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    await anyio.to_thread.run_sync(driver.communicate)
    await team.orc("resume", "last", "-q", status=4)

    ended = await team.status()
    lists = {name: len(hosts) for name, hosts in ended["lists"].items() if hosts}
    assert lists["ok"] == 25, lists
    # Stopped: only `remember` was run there, which leaves nothing to take back.
    assert set(lists) <= {"ok", "rolled_back", "stopped", "never_started"}, lists
    assert sum(lists.values()) == HOSTS
    table, releases = ended["certificate"]["table"], team.releases()
    for number, (host, release) in enumerate(releases.items(), 1):
        fate = table[host]["install"]
        assert (release == "new") == (fate == "done"), f"{host}: the certificate says {fate}, its disk {release}"
        assert release in ("new", f"old-{number}"), f"{host} was taken back to another host's value"
        installs = team.home(number) / "installs"
        ran = len(installs.read_text().splitlines()) if installs.exists() else 0
        assert ran == (fate != "never started"), f"{host}: installed {ran} times, and the certificate says {fate}"
