"""A run that waits for an approval: the real commands on the real simulator, each a process of its own."""

import getpass
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import anyio.to_thread
import pytest

from orchestrator.simulator import SimulatorSettings, running_simulator
from tests.orc_calls import Orc

pytestmark = pytest.mark.anyio

INVENTORY = """
provider: {{kind: simulator, url: {url}, api_key: env:ORC_SIMULATOR_KEY}}
hosts:
  vps-[1:3]: {{vmid: '[10000:10002]'}}
"""
PLAYBOOK = """
hosts: all
rollout:
  waves:
    - {{size: 1, gates: [{{command: {{argv: ['true'], on: controller}}}}, {{approval: {{by: [{by}], expires: 1h}}}}]}}
    - 100%
  rollback: run
steps: [{{name: one, run: echo x >> one, rollback: echo x >> back}}]
"""


class Project:
    def __init__(self, folder: Path, fleet: Path) -> None:
        self.folder, self.fleet = folder, fleet
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "ORC_SIMULATOR_KEY": "demo-key",
        }

    async def orc(self, *words: str, status: int = 0) -> str:
        process = Orc(*words, folder=self.folder, environment=self.environment)
        out, _ = await anyio.to_thread.run_sync(process.communicate)
        text = out.decode()
        assert process.returncode == status, text
        return text

    def begun(self, by: str) -> tuple[str, ...]:
        (self.folder / "p.yml").write_text(PLAYBOOK.format(by=by))
        return ("run", "p.yml", "-i", "i.yml", "--yes")

    def ran(self, name: str) -> list[bool]:
        return [(self.fleet / str(vmid) / "home" / name).exists() for vmid in range(10000, 10003)]


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Project]:
    fleet = tmp_path / "fleet"
    async with running_simulator(SimulatorSettings(hosts=3, dir=fleet)) as simulator:
        (tmp_path / "i.yml").write_text(INVENTORY.format(url=simulator.url))
        yield Project(tmp_path, fleet)


async def test_a_run_waits_for_an_approval_without_a_process_and_is_gone_on_with_from_another(project: Project) -> None:
    said = await project.orc(*project.begun(getpass.getuser()), status=7)
    assert "orc approve" in said
    found = json.loads(await project.orc("status", "last", "--output", "json"))
    assert (found["status"], found["gate"]["name"], found["gate"]["by"]) == (
        "waiting", "approval", [getpass.getuser()],
    )  # fmt: skip
    assert project.ran("one") == [True, False, False]
    await project.orc("continue", "last", status=7)
    assert project.ran("one") == [True, False, False]
    assert "approve, says" in await project.orc("approve", "last", "-m", "looks good")
    waits = json.loads(await project.orc("status", "last", "--output", "json"))
    assert waits["gate"]["answer"]["why"] == "looks good"
    assert waits["next"] == [f"orc resume {waits['run']}"]
    assert "approved the gate approval at" in await project.orc("status", "last")
    await project.orc(*waits["next"][0].split()[1:])
    assert project.ran("one") == [True, True, True]
    assert "is at no gate" in await project.orc("approve", "last", "-m", "again", status=2)


async def test_a_denied_run_ends_as_held(project: Project) -> None:
    await project.orc(*project.begun(getpass.getuser()), status=7)
    await project.orc("deny", "last", "approval", "-m", "not on a Friday")
    assert "not on a Friday" in await project.orc("continue", "last", status=7)
    assert json.loads(await project.orc("status", "last", "--output", "json"))["status"] == "held"


@pytest.mark.parametrize(("first", "then"), [("approve", "deny"), ("deny", "approve"), ("approve", "approve")])
async def test_of_two_answers_the_second_is_refused_and_the_first_is_acted_on(
    project: Project, first: str, then: str
) -> None:
    await project.orc(*project.begun(getpass.getuser()), status=7)
    await project.orc(first, "last", "-m", "said first")
    said = await project.orc(then, "last", "-m", "said too late", status=7)
    verb = {"approve": "approved", "deny": "denied"}[first]
    assert f"{getpass.getuser()}@" in said
    assert f"{verb} the gate approval at 20" in said
    assert "said first; only that counts" in said
    assert "orc resume" in said
    await project.orc("resume", "last", status=0 if first == "approve" else 7)
    assert project.ran("one") == [True, *[first == "approve"] * 2]


async def test_who_may_not_approve_is_told_so(project: Project) -> None:
    await project.orc(*project.begun("somebody-else"), status=7)
    assert "somebody-else may" in await project.orc("approve", "last", "-m", "please", status=7)
    await project.orc("continue", "last", status=7)
    assert project.ran("one") == [True, False, False]
