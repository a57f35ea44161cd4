"""The blast radius and limits by the lists of runs: the real commands on the real simulator."""

import os
import pty
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.simulator import SimulatorSettings, running_simulator
from tests.e2e.test_control import INVENTORY, Project

pytestmark = pytest.mark.anyio

PLAYBOOK = """
name: small
hosts: all
rollout: {max_failures: 4}
steps:
  - {name: one, run: "echo x >> one; ! test -e sick"}
"""
RUN = ("run", "small.yml", "-i", "inventory.yml", "-q")


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Project]:
    fleet = tmp_path / "fleet"
    async with running_simulator(SimulatorSettings(hosts=4, dir=fleet)) as simulator:
        (tmp_path / "inventory.yml").write_text(INVENTORY.format(url=simulator.url))
        (tmp_path / "small.yml").write_text(PLAYBOOK)
        yield Project(tmp_path, fleet)


def limit(project: Project, limits: str) -> None:
    (project.folder / "small.yml").write_text(PLAYBOOK + f"limits: {limits}\n")


def shrink(project: Project, hosts: int) -> None:
    text = (project.folder / "inventory.yml").read_text()
    text = text.replace("vps-[1:4]", f"vps-[1:{hosts}]").replace("10003", str(9999 + hosts))
    (project.folder / "inventory.yml").write_text(text)


async def test_over_its_limits_a_run_is_held_before_anything_starts_unless_the_number_is_typed(
    project: Project,
) -> None:
    limit(project, "{max_hosts: 3, max_share: 50%}")
    said = await project.orc(*RUN, "--yes", status=7)
    assert "4 hosts, and limits.max_hosts is 3 and limits.max_share is 2 (50% of the inventory's 4 hosts)" in said
    await project.orc(*RUN, "--yes", "--yes-really", "3", status=7)
    assert project.lines("one") == [0, 0, 0, 0]
    assert "--yes-really 4" in await project.orc("plan", "small.yml", "-i", "inventory.yml")
    await project.orc(*RUN, "--yes", "-l", "vps-[1-2]")
    await project.orc(*RUN, "--yes", "--yes-really", "4")
    assert project.lines("one") == [2, 2, 1, 1]


async def test_another_number_of_hosts_than_last_time_is_confirmed_by_typing_it(project: Project) -> None:
    await project.orc(*RUN, "--yes")
    await project.orc(*RUN, "--yes", "-l", "vps-1")
    shrink(project, 3)
    said = await project.orc(*RUN, "--yes", status=7)
    assert "3 hosts, 1 fewer than its last run had (4)" in said
    assert "--expect-hosts 3" in said
    await project.orc(*RUN, "--yes", "--expect-hosts", "4", status=7)
    await project.orc(*RUN, "--yes", "-l", "vps-2")
    assert project.lines("one")[2] == 1

    for typed, status in ((b"y\n", 7), (b"3\n", 0)):
        terminal, side = pty.openpty()
        asked = project.start(*RUN, terminal=side)
        os.close(side)
        os.write(terminal, typed)
        await project.end(asked, status)
        os.close(terminal)
    assert project.lines("one") == [3, 3, 2, 1]
    await project.orc(*RUN, "--yes")


async def test_a_limit_may_be_a_list_of_an_earlier_run_and_an_empty_one_is_an_error(project: Project) -> None:
    sick = project.fleet / "10002" / "home" / "sick"
    sick.parent.mkdir(parents=True, exist_ok=True)
    sick.touch()
    await project.orc(*RUN, "--yes", status=3)
    failed = (await project.status())["run"]
    said = await project.orc(*RUN, "--yes", "-l", "@last.unreachable", status=2)
    assert f"@last.unreachable is empty: no host of run {failed} is unreachable, it has 3 ok, 1 failed" in said
    await project.orc(*RUN, "--yes", "-l", "@last.faild", status=2)
    await project.orc(*RUN, "--yes", "-l", "@nosuchrun.failed", status=2)
    sick.unlink()
    planned = await project.orc("plan", "small.yml", "-i", "inventory.yml", "-l", "@last.failed")
    assert f"-l @{failed}.failed" in planned
    await project.orc(*RUN, "--yes", "-l", "@last.failed")
    assert project.lines("one") == [1, 1, 2, 1]
    shrink(project, 2)
    said = await project.orc(*RUN, "--yes", "-l", f"@{failed}.failed", status=2)
    assert "vps-3, which the inventory has not" in said


@pytest.mark.parametrize("typed", ["", " ", ",", "all:!all", "nosuch", "!", "vps-[9-10]", "vps-1:!vps-1"])
async def test_a_limit_that_is_empty_or_unknown_is_an_error_and_never_all(project: Project, typed: str) -> None:
    await project.orc(*RUN, "--yes", f"--limit={typed}", status=2)
    assert project.lines("one") == [0, 0, 0, 0]
