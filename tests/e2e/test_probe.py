"""`orc plan --probe` against a simulated fleet at which things go wrong, over HTTP; the guests' shells are real."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from orchestrator.clock import SystemClock
from orchestrator.core.probed import Found
from orchestrator.engine.probing import Prober
from orchestrator.http import ApiClient, Patience
from orchestrator.providers.hostup import ON_THIS_MACHINE, HostUp
from orchestrator.simulator import Simulator, SimulatorSettings, running_simulator
from orchestrator.simulator.faults import read_faults
from tests.small_run import plan_of

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).resolve().parent.parent.parent

INVENTORY = """
provider: {{kind: simulator, url: {url}, api_key: env:ORC_SIMULATOR_KEY}}
hosts:
  web-[1:4]: {{vmid: '[10000:10003]'}}
  web-5: {{vmid: 10004, hostname: web-5.example.com}}
  web-6: {{vmid: 10005, hostname: vps-10005}}
  web-7: {{vmid: 99999}}
"""

PLAYBOOK = """
hosts: all
steps:
  - {name: clone, run: mkdir app, creates: app/.git, rollback: rm -r app}
  - {name: note, run: date > ~/note, only_if: 'test -e ~/flag'}
  - {name: lost, run: 'true', user: no-such-user}
"""

GATED = """
hosts: all
rollout: {waves: [{size: 1, gates: [{approval: {by: [ana]}}]}, 100%]}
steps: [{name: go, run: 'true'}]
"""


class Fleet:
    """A simulated fleet, and the folder in which `orc` is run."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder, self.simulator = folder, simulator
        self.vpses = folder / "fleet"

    async def orc(self, *words: str, exit: int, key: str = "demo-key") -> str:
        """What `orc` prints; where it was typed wrong, what it says of that."""
        environment = {**os.environ, "ORC_SIMULATOR_KEY": key, "PYTHONPATH": str(ROOT)}
        with anyio.fail_after(60):
            done: subprocess.CompletedProcess[bytes] = await anyio.run_process(
                [sys.executable, "-m", "orchestrator", *words], cwd=self.folder, env=environment, check=False
            )
        assert done.returncode == exit, done.stdout.decode() + done.stderr.decode()
        return (done.stdout or done.stderr).decode()

    async def probe(self, limit: str, *, exit: int) -> dict[str, Any]:
        """The plan as programs read it."""
        words = ("plan", "p.yml", "-i", "i.yml", "-l", limit, "--probe", "--output", "json")
        plan: dict[str, Any] = json.loads(await self.orc(*words, exit=exit))
        return plan

    def home(self, number: int) -> Path:
        return self.vpses / str(9999 + number) / "home"

    def files(self) -> dict[str, int]:
        """Every file of every VPS, and when it was changed."""
        return {str(file): file.lstat().st_mtime_ns for vps in self.vpses.glob("1*") for file in (vps, *vps.rglob("*"))}


@asynccontextmanager
async def fleet(folder: Path, faults: dict[int, object] | None = None) -> AsyncIterator[Fleet]:
    read = read_faults({"vmids": faults}) if faults else None
    async with running_simulator(SimulatorSettings(hosts=6, dir=folder / "fleet", faults=read)) as simulator:
        (folder / "i.yml").write_text(INVENTORY.format(url=simulator.url))
        (folder / "p.yml").write_text(PLAYBOOK)
        yield Fleet(folder, simulator)


def states(plan: dict[str, Any]) -> dict[str, str]:
    return {each["host"]: each["state"] for each in plan["probe"]["hosts"]}


async def test_a_probe_tells_what_a_run_would_find_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with fleet(tmp_path) as made:
        (made.home(1) / "app" / ".git").mkdir(parents=True)
        (made.home(2) / "flag").touch()
        before = made.files()
        plan = await made.probe("web-[1-4],web-6", exit=0)
        assert not (tmp_path / ".orchestrator").exists()
        bare = json.loads(
            await made.orc("plan", "p.yml", "-i", "i.yml", "-l", "web-[1-4],web-6", "--output", "json", exit=0)
        )
        runs = await made.orc("runs", "--output", "json", exit=0)
        assert made.files() == before

    assert states(plan) == dict.fromkeys(["web-1", "web-2", "web-3", "web-4", "web-6"], "ready")
    assert plan["digest"] == bare["digest"]
    assert json.loads(runs) == []
    verdicts = {(each["host"], each["step"]): each["verdict"] for each in plan["probe"]["verdicts"]}
    assert (verdicts["web-1", "clone"], verdicts["web-2", "clone"]) == ("will_skip", "will_run")
    assert (verdicts["web-1", "note"], verdicts["web-2", "note"]) == ("will_skip", "will_run")
    assert verdicts["web-6", "lost"] == "will_run"
    first = plan["probe"]["hosts"][0]
    assert first["hostname"] == "vps-10000"
    assert first["warnings"] == ["no user no-such-user, needed by 'lost', unless an earlier step makes it"]


async def test_each_way_to_fail_is_told_and_has_its_exit_status(tmp_path: Path) -> None:
    faults: dict[int, object] = {10001: {"agent_down": 1}, 10002: {"blocked": 1}, 10003: {"html_body": 1}}
    async with fleet(tmp_path, faults) as made:
        assert states(await made.probe("all", exit=2)) == {
            "web-1": "ready",
            "web-2": "unreachable",
            "web-3": "refused",
            "web-4": "no_answer",
            "web-5": "other_host",
            "web-6": "ready",
            "web-7": "no_such_host",
        }
        await made.probe("web-[1-6]", exit=7)
        plan = await made.probe("web-1,web-5", exit=6)
        assert plan["probe"]["hosts"][1]["why"] == "it calls itself 'vps-10004', declared is 'web-5.example.com'"


async def test_faults_that_pass_cost_no_host_anything(tmp_path: Path) -> None:
    once = {"count": 1}
    faults: dict[int, object] = {
        10000: {"html_body": once}, 10001: {"consume_result": once}, 10002: {"drop_reply_after": once},
        10003: {"rate_limit": once},
    }  # fmt: skip
    async with fleet(tmp_path, faults) as made:
        assert set(states(await made.probe("web-[1-4]", exit=0)).values()) == {"ready"}


@pytest.mark.parametrize(("hang", "found"), [(1, Found.NO_ANSWER), ({"count": 1}, Found.READY)])
async def test_a_vps_that_never_answers_holds_nobody_up(tmp_path: Path, hang: object, found: Found) -> None:
    plan = plan_of(tmp_path, "vmids: [10000, 10001]\nsteps: [{name: one, run: x, unless: 'false'}]")
    async with fleet(tmp_path, {10001: {"hang": hang}}) as made:
        client = ApiClient(
            made.simulator.url, headers={"X-API-Key": "demo-key"}, patience=Patience(answer=1, connect=5), plain=True
        )
        url = made.simulator.url
        async with HostUp(url, "demo-key", capabilities=ON_THIS_MACHINE, plain=True, client=client) as provider:
            prober = Prober(provider=provider, clock=SystemClock(), nonce=lambda: "f00dfeedf00dfeed", taken={})
            with anyio.fail_after(30):
                probe = await prober.probe(plan)

    assert [each.found for each in probe.hosts] == [Found.READY, found]


async def test_hosts_that_a_run_has_are_not_asked_and_a_run_would_be_held(tmp_path: Path) -> None:
    async with fleet(tmp_path) as made:
        (tmp_path / "gated.yml").write_text(GATED)
        await made.orc("run", "gated.yml", "-i", "i.yml", "-l", "web-[1-2]", "--yes", exit=7)
        before = made.simulator.stats().vmids[10001]
        plan = await made.probe("web-[1-3]", exit=7)

        assert states(plan) == {"web-1": "ready", "web-2": "taken", "web-3": "ready"}  # web-1 is done with
        assert plan["probe"]["hosts"][1]["why"].startswith("it belongs to run r")
        assert made.simulator.stats().vmids[10001] == before


async def test_a_check_can_ask_the_guests_too_and_a_run_has_no_use_for_it(tmp_path: Path) -> None:
    async with fleet(tmp_path, {10001: {"agent_down": 1}}) as made:
        words = ("run", "p.yml", "-i", "i.yml", "-l", "web-[1-2]", "--probe")
        said = await made.orc(*words, "--check", exit=6)
        refused = await made.orc(*words, "--yes", exit=2)

    assert "1 of 2 hosts would start" in said
    assert "1 host  unreachable: web-2: QEMU guest agent is not running" in said
    assert "--probe goes with --check" in refused


async def test_a_refused_key_is_told_before_anything_else(tmp_path: Path) -> None:
    async with fleet(tmp_path) as made:
        said = await made.orc("plan", "p.yml", "-i", "i.yml", "--probe", key="wrong", exit=7)

    assert "PLAN" not in said
