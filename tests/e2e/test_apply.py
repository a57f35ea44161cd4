"""Plans kept in files, shown and applied: the real commands on the real simulator."""

import json
import re
import shlex
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.guest.program import Assignment, write
from orchestrator.saved_plan import read_saved
from orchestrator.simulator import Simulator, SimulatorSettings, running_simulator
from tests.e2e.test_control import INVENTORY, Project

pytestmark = pytest.mark.anyio

PLAYBOOK = r"""
name: deploy
hosts: all
params: {release: {type: string, default: v1}}
vars: {words: "it's $HOME; `id`"}
env: {RELEASE: "{{ release }}"}
rollout: {waves: [1, 100%]}
steps:
  - {name: mark, run: "echo {{ host }} {{ words }} > mark\necho done", cwd: "~"}
  - {name: say, argv: [echo, "{{ release }}", "{{ words }}"]}
  - {name: only, run: "echo {{ vmid }}", when: "vmid != '10002'", creates: never-made}
finally:
  - {name: last, run: echo x >> last}
"""
_SENT = re.compile(r"\no_run (?P<run>[^/]+)/(?P<slot>\S+)\.1 (?P<nonce>[0-9a-f]{16}) ")


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[tuple[Project, Simulator]]:
    async with running_simulator(SimulatorSettings(hosts=4, dir=tmp_path / "fleet")) as simulator:
        (tmp_path / "inventory.yml").write_text(INVENTORY.format(url=simulator.url))
        (tmp_path / "deploy.yml").write_text(PLAYBOOK)
        yield Project(tmp_path, tmp_path / "fleet"), simulator


async def test_apply_runs_exactly_the_commands_of_the_plan(fleet: tuple[Project, Simulator]) -> None:
    project, simulator = fleet
    await project.orc("plan", "deploy.yml", "-i", "inventory.yml", "-o", "web.plan")
    assert simulator.log() == ()
    shown = json.loads(await project.orc("show", "web.plan", "--output", "json"))
    await project.orc("apply", "web.plan", "--yes", "-q")

    plan = read_saved(project.folder / "web.plan").plan
    assert (await project.status())["plan_digest"] == plan.digest == shown["digest"]
    names = [slot.name for slot in plan.slots]
    hosts = {str(host.host.vmid): host for host in plan.hosts}
    ran: Counter[tuple[str, str]] = Counter()
    for entry in simulator.log():
        sent = _SENT.search(entry.command)
        if sent is None:  # the library
            continue
        host, index = hosts[str(entry.vmid)], int(sent["slot"][:2])
        assignment = Assignment(
            run=sent["run"], slot=sent["slot"], attempt=1, nonce=sent["nonce"],
            command=host.commands[index], timeout=plan.slots[index].timeout,
        )  # fmt: skip
        assert entry.command == write(assignment)
        ran[host.host.name, names[index]] |= 1
    assert ran == Counter((each["host"], each["step"]) for each in shown["commands"])

    run = (await project.status())["run"]
    again = await project.orc("apply", "web.plan", "--yes", "-q")
    assert f"orc: run {run} has run this plan already: succeeded" in again


async def test_a_plan_whose_inputs_have_moved_is_held_and_says_what_has_moved(
    fleet: tuple[Project, Simulator],
) -> None:
    project, simulator = fleet
    await project.orc("plan", "deploy.yml", "-i", "inventory.yml", "-l", "vps-[1-3]", "-o", "web.plan")
    (project.folder / "deploy.yml").write_text(PLAYBOOK.replace("default: v1", "default: v2"))
    said = await project.orc("apply", "web.plan", "--yes", status=7)
    assert "    release   v1 -> v2   (deploy.yml:4:10)" in said
    assert "    say on 2 hosts: vps-[1,3]" not in said
    assert "    say on 3 hosts: vps-[1-3]" in said
    assert "- echo v1 " in said
    assert "+ echo v2 " in said
    assert "nothing was started" in said
    assert "    orc plan deploy.yml -i inventory.yml -l 'vps-[1-3]' -o web.plan" in said
    assert simulator.log() == ()
    (project.folder / "deploy.yml").write_text(PLAYBOOK)
    await project.orc("apply", "web.plan", "--yes", "-q")


async def test_a_plan_is_held_once_its_time_is_over(fleet: tuple[Project, Simulator]) -> None:
    project, simulator = fleet
    await project.orc("plan", "deploy.yml", "-i", "inventory.yml", "-o", "web.plan", "--valid-for", "0s")
    said = await project.orc("apply", "web.plan", "--yes", status=7)
    assert "could be applied until" in said
    assert simulator.log() == ()
    await project.orc("plan", "deploy.yml", "-i", "inventory.yml", "-o", "web.plan", "--valid-for", "1h")
    assert "It can be applied until " in await project.orc("show", "web.plan")
    await project.orc("apply", "web.plan", "--yes", "-q")
    await project.orc("plan", "deploy.yml", "-i", "inventory.yml", "--valid-for", "1h", status=2)


async def test_where_a_plan_cannot_be_applied_it_is_said_where_it_can(fleet: tuple[Project, Simulator]) -> None:
    project, simulator = fleet
    (project.folder / "deploy.yml").write_text(PLAYBOOK.replace("name: mark,", "name: mark, secret: true,"))
    await project.orc("plan", "deploy.yml", "-i", "inventory.yml", "-o", "web.plan")
    (project.folder / ".orchestrator" / "fingerprint.key").unlink()
    said = await project.orc("apply", "web.plan", "--yes", status=7)
    assert "by a key that each state folder has of its own" in said
    assert f"another than {project.folder / '.orchestrator'}?" in said
    (project.folder / "deploy.yml").rename(project.folder / "moved.yml")
    said = await project.orc("apply", "web.plan", "--yes", status=2)
    assert "there is no deploy.yml here, from which the plan in web.plan was made" in said
    assert simulator.log() == ()


async def test_what_a_plan_and_its_apply_say_to_type_can_be_typed(fleet: tuple[Project, Simulator]) -> None:
    project, _ = fleet
    (project.folder / "-odd.yml").write_text(PLAYBOOK)
    shown = await project.orc("plan", "-i", "inventory.yml", "-o", "-odd.plan", "--", "-odd.yml")
    assert "\n        orc apply ./-odd.plan\n" in shown
    said = await project.orc("apply", "./-odd.plan", status=2)
    assert "say --yes to run it without a question\n" in said
    (project.folder / "-odd.yml").write_text(PLAYBOOK.replace("v1", "v2"))
    said = await project.orc("apply", "./-odd.plan", "--yes", status=7)
    *_, again, show = said.splitlines()
    for each in (again, show):
        await project.orc(*shlex.split(each)[1:])
    await project.orc("apply", "./-odd.plan", "--yes", "-q")


async def test_a_plan_can_say_by_its_exit_status_whether_there_is_something_to_do(
    fleet: tuple[Project, Simulator],
) -> None:
    project, _ = fleet
    words = ("plan", "deploy.yml", "-i", "inventory.yml", "--detailed-exitcode")
    await project.orc(*words, status=8)
    (project.folder / "deploy.yml").write_text("{name: x, hosts: all, steps: [{run: 'true', when: 'vmid == 1'}]}")
    await project.orc(*words)


async def test_a_plan_tells_what_is_another_than_in_the_last_good_run_and_how_long_its_steps_took(
    fleet: tuple[Project, Simulator],
) -> None:
    project, _ = fleet
    words = ("plan", "deploy.yml", "-i", "inventory.yml")
    assert "DURATION   a guess: " in await project.orc(*words)
    assert not (project.folder / ".orchestrator").exists()
    await project.orc("run", "deploy.yml", "-i", "inventory.yml", "-l", "vps-[1-3]", "--yes", "-q")

    said = json.loads(await project.orc(*words, "-e", "release=v2", "--diff", "--output", "json"))
    assert said["estimate"]["guessed"] == []
    assert said["estimate"]["attempts"] == 3 * 3 - 1 + 3
    assert said["diff"]["never_ok"] == ["vps-4"]
    assert [(each["what"], each["hosts"]) for each in said["diff"]["commands"]] == [
        ("mark", ["vps-1", "vps-2", "vps-3"]),
        ("say", ["vps-1", "vps-2", "vps-3"]),
        ("only", ["vps-1", "vps-2"]),
        ("last", ["vps-1", "vps-2", "vps-3"]),
    ]
    text = await project.orc(*words, "-e", "release=v2", "--diff")
    assert "    release   v1 -> v2   (command line)" in text
    assert ", by 11 attempts in earlier runs" in text
