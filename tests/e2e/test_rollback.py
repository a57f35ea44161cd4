"""Runs that are taken back, fences and certificates: the real commands on the real simulator."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.simulator import SimulatorSettings, running_simulator
from tests.e2e.test_control import Project

pytestmark = pytest.mark.anyio

INVENTORY = """
provider: {{kind: simulator, url: {url}, api_key: env:ORC_SIMULATOR_KEY}}
hosts:
  vps-[1:4]: {{vmid: '[10000:10003]'}}
"""
PLAYBOOK = """
name: release
hosts: all
rollout: {max_parallel: 2}
steps:
  - {name: remember, run: cat release, register: before}
  - name: install
    run: echo new > release
    rollback:
      steps:
        - {name: stop, run: echo stop >> undone}
        - {name: put back, run: "echo {{ before.stdout }} > release"}
      verify: grep -qx {{ before.stdout }} release
      when: before.stdout != 'new'
  - {name: announce, run: echo x >> announced, irreversible: true}
after_rollback:
  - {name: start, run: "test ! -e ../../../broken && echo start >> undone"}
"""


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Project]:
    (tmp_path / "release.yml").write_text(PLAYBOOK)
    settings = SimulatorSettings(hosts=4, dir=tmp_path / "fleet")
    async with running_simulator(settings) as simulator:
        (tmp_path / "fleet.yml").write_text(INVENTORY.format(url=simulator.url))
        made = Project(tmp_path, tmp_path / "fleet")
        for vmid in range(10000, 10004):
            (made.fleet / str(vmid) / "home").mkdir(parents=True, exist_ok=True)
            put(made, vmid, "new" if vmid == 10003 else f"old-{vmid}")
        yield made


def put(project: Project, vmid: int, release: str) -> None:
    (project.fleet / str(vmid) / "home" / "release").write_text(f"{release}\n")


def releases(project: Project) -> list[str]:
    return [(project.fleet / str(vmid) / "home" / "release").read_text().strip() for vmid in range(10000, 10004)]


RUN = ("run", "release.yml", "-i", "fleet.yml", "--yes", "-q")


async def test_a_finished_run_is_taken_back_later_each_host_to_its_own_values_and_once(project: Project) -> None:
    await project.orc(*RUN)
    assert releases(project) == ["new"] * 4
    old = (await project.status())["run"]
    assert "no terminal to ask on" in await project.orc("rollback", old, status=2)

    said = await project.orc("rollback", old, "--hosts", "vps-[1-2]", "--yes")
    assert "undo  install/stop" in said
    assert "$ echo old-10000 > release" in said
    assert "announce (irreversible)" in said
    assert releases(project) == ["old-10000", "old-10001", "new", "new"]
    assert project.lines("undone") == [2, 2, 0, 0]

    assert "already taken back" in await project.orc("rollback", old, "--hosts", "vps-1", "--yes", status=7)
    await project.orc("rollback", old, "--yes")
    assert releases(project) == ["old-10000", "old-10001", "old-10002", "new"]
    assert project.lines("undone") == [2, 2, 2, 0], "what was taken back was taken back once, and vps-4 owed nothing"
    taken = (await project.status(old))["taken_back"]
    assert [back["lists"] for back in taken] == [
        {"rolled_back": ["vps-1", "vps-2"]},
        {"rolled_back": ["vps-3", "vps-4"]},
    ]
    assert "TAKEN BACK" in await project.orc("status", old)
    refused = await project.orc("rollback", old, "--yes", status=7)
    assert f"vps-[1-2]: already taken back by run {taken[0]['by']}" in refused
    assert f"already taken back by run {taken[1]['by']}" in refused, "only the first of them is named"
    newest = await project.status()
    assert (newest["takes_back"], newest["status"]) == (old, "rolled_back")
    assert newest["certificate"]["table"] == {
        "vps-3": {"remember": "no rollback", "install": "verified", "announce": "irreversible"},
        "vps-4": {"remember": "no rollback", "install": "not owed", "announce": "irreversible"},
    }
    assert "took run" in await project.orc("rollback", newest["run"], "--yes", status=2)


async def test_a_certificate_is_checked_against_the_journal(project: Project) -> None:
    await project.orc(*RUN)
    old = (await project.status())["run"]
    assert "took nothing back" in await project.orc("certificate", old, status=2)
    await project.orc("rollback", old, "--yes", "-q")
    kept = project.folder / "kept.json"
    kept.write_text(await project.orc("certificate", "last", "--output", "json"))
    assert "OK" in await project.orc("certificate", "last", "--check", str(kept))

    forged = json.loads(kept.read_text())
    forged["table"]["vps-4"]["install"] = "verified"
    kept.write_text(json.dumps(forged))
    said = await project.orc("certificate", "last", "--check", str(kept), status=3)
    assert "it was changed since it was made" in said
    assert "of vps-4 it says otherwise" in said


async def test_a_host_whose_rollback_failed_is_fenced_until_it_is_marked(project: Project) -> None:
    await project.orc(*RUN)
    old = (await project.status())["run"]
    (project.folder / "broken").touch()
    said = await project.orc("rollback", old, "--hosts", "vps-2", "--yes", status=5)
    assert "FENCED  vps-2" in said
    failed = (await project.status())["run"]

    held = await project.orc(*RUN, status=7)
    assert "vps-2 is fenced since" in held
    assert failed in held
    assert "orc mark vps-2 recovered" in held
    assert "FENCED  vps-2" in await project.orc("runs")
    await project.orc("run", "release.yml", "-i", "fleet.yml", "--yes", "-q", "-l", "vps-1")

    assert "is not fenced" in await project.orc("mark", "vps-1", "recovered", "-m", "x", status=2)
    await project.orc("mark", "vps-2", "recovered", "-m", "started by hand")
    assert "FENCED" not in await project.orc("status", failed)
    await project.orc(*RUN)
