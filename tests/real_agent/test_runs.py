"""`orc run` as a process, over three VPSes with real agents: waves, registered results, a failure and its undoing."""

import json
import os
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import anyio
import pytest

from orchestrator.guest import library
from tests.real_agent.bridge import KEY, Bridge
from tests.real_agent.qemu_ga import Vps

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parent.parent.parent

PLAYBOOK = """
name: deploy
hosts: all
params: {release: {required: true}}
defaults: {cwd: '{{ files }}', timeout: 20s}
rollout: {waves: [1, 100%], max_failures: 1}
steps:
  - name: remember
    run: cat release
    register: before
  - name: pull
    run: echo {{ release }} > release; echo "pull $(cat release)" >> done
    rollback: echo {{ before.stdout }} > release; echo "undo $(cat release)" >> done
  - name: healthy
    run: test ! -e sick || { echo 'it is sick' >&2; exit 3; }
"""


class Project:
    """A folder with the playbook and an inventory of the VPSes, in which `orc` is run."""

    def __init__(self, folder: Path, bridge: Bridge, fleet: dict[int, Vps]) -> None:
        self._folder = folder
        hosts = {f"vps-{vmid - 10000}": {"vmid": vmid, "files": str(vps.files)} for vmid, vps in fleet.items()}
        provider = {"kind": "hostup", "url": bridge.url, "api_key": "env:HOSTUP_API_KEY"}
        (folder / "i.yml").write_text(json.dumps({"provider": provider, "hosts": hosts}))
        (folder / "p.yml").write_text(PLAYBOOK)

    async def orc(self, *words: str) -> "CompletedProcess[bytes]":
        """`orc` as a process of its own."""
        with anyio.fail_after(60):
            return await anyio.run_process(
                [sys.executable, "-m", "orchestrator", *words],
                cwd=self._folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "HOSTUP_API_KEY": KEY},
                check=False,
            )

    async def run(self, release: str, status: int) -> list[dict[str, Any]]:
        """The events of a run that ends with this status."""
        done = await self.orc("run", "p.yml", "-i", "i.yml", "-e", f"release={release}", "--yes", "--output", "json")
        assert done.returncode == status, (done.stdout.decode(), done.stderr.decode())
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def project(tmp_path: Path, bridge: Bridge, fleet: dict[int, Vps]) -> Project:
    for vps in fleet.values():
        vps.start()
        (vps.files / "release").write_text("v1\n")
    return Project(tmp_path, bridge, fleet)


async def test_a_host_that_fails_is_rolled_back_and_the_others_go_on_in_waves(
    project: Project, bridge: Bridge, fleet: dict[int, Vps]
) -> None:
    (fleet[10002].files / "sick").touch()
    events = await project.run("v2", status=4)

    settled = {event["host"]: event["state"] for event in events if event["type"] == "host_settled"}
    assert settled == {"vps-1": "ok", "vps-2": "rolled_back", "vps-3": "ok"}
    assert [event["hosts"] for event in events if event["type"] == "wave_opened"] == [1, 2]
    assert {vmid: vps.read("release") for vmid, vps in fleet.items()} == {10001: "v2\n", 10002: "v1\n", 10003: "v2\n"}
    assert fleet[10002].read("done") == "pull v2\nundo v1\n"
    assert (events[-1]["type"], events[-1]["status"]) == ("run_finished", "rolled_back")

    for vmid in fleet:
        sent = [library.text() in command for command in bridge.commands(vmid)]
        assert (sent[0], sum(sent)) == (False, 1), "the library is sent once, and only when it was found missing"

    shown = await project.orc("logs", events[-1]["run"], "vps-2")
    assert (shown.returncode, b"it is sick" in shown.stdout) == (0, True), shown
