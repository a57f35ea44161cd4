"""Reports of runs as documents: the real commands on the real simulator."""

import json
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from orchestrator import wiring
from orchestrator.load import load_settings
from orchestrator.selection import Selection, read_sources
from orchestrator.simulator import SimulatorSettings, running_simulator
from tests.e2e.test_control import INVENTORY, Project

pytestmark = pytest.mark.anyio

PLAYBOOK = """
name: told
hosts: all
rollout: {waves: [2, 100%], max_failures: 4}
steps:
  - {name: one, run: "echo release v1"}
  - {name: two, run: "echo '::error::forged'; test -e well"}
"""
RUN = ("run", "told.yml", "-i", "inventory.yml", "--yes")


async def test_a_run_is_told_to_github_to_a_ci_server_and_to_a_pull_request_and_compared(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet"
    async with running_simulator(SimulatorSettings(hosts=4, dir=fleet)) as simulator:
        (tmp_path / "inventory.yml").write_text(INVENTORY.format(url=simulator.url))
        (tmp_path / "told.yml").write_text(PLAYBOOK)
        project = Project(tmp_path, fleet)
        summary = tmp_path / "summary.md"
        summary.write_text("before\n")
        project.environment["GITHUB_STEP_SUMMARY"] = str(summary)

        said = (await project.orc(*RUN, "--output", "github", status=3)).splitlines()
        assert [line.split("::")[1] for line in said if line.startswith("::")][:4] == [
            "group", "endgroup", "group", "endgroup"
        ]  # fmt: skip
        assert [line for line in said if line.startswith("::error")] == [
            "::error title=two on 4 hosts%3A vps-[1-4]::exit status 1, on 4 hosts: vps-[1-4]%0A::error::forged"
        ]
        assert summary.read_text().startswith("before\n## FAILED: told\n")
        assert "```text\n::error::forged\n```" in summary.read_text()

        (tmp_path / "told.yml").write_text(PLAYBOOK.replace("v1", "v2"))
        for vmid in range(10000, 10003):
            (fleet / str(vmid) / "home" / "well").touch()
        first = (await project.status())["run"]
        await project.orc(*RUN, "-q", status=3)

        await project.orc("report", "last", "--format", "junit", "-o", "junit.xml")
        root = ET.fromstring((tmp_path / "junit.xml").read_text())
        assert [root.get(key) for key in ("tests", "failures", "errors")] == ["8", "1", "0"]
        assert "release v2" in [printed.text for printed in root.iter("system-out")]
        assert "## FAILED: told" in await project.orc("report", "last", "--format", "markdown")
        assert (await project.orc("report", "last")).startswith("FAILED  two on vps-4")
        await project.orc("report", "last", "-o", "nosuch/file", status=2)

        compared = await project.orc("diff", first, "last")
        for wanted in (
            "    one (told.yml:6:23) on 4 hosts: vps-[1-4]\n        - echo release v1\n        + echo release v2\n",
            "OUTCOMES\n    3 hosts: failed -> ok  vps-[1-3]\n",
            "FILES\n    told.yml   ",
        ):
            assert wanted in compared
        assert json.loads(await project.orc("diff", first, "last", "--output", "json"))["outcomes"][0]["after"] == "ok"


ONCE = """
name: once
hosts: all
rollout: {waves: [1, 100%], max_failures: 1}
steps:
  - {name: note, run: echo x >> note, handlers: [restart], rollback: "echo x >> back; test -e mended"}
  - {name: migrate, run: echo x >> migrate, run_once: run, rollback: echo x >> unmigrate}
  - {name: check, run: "echo x >> check; test -e well"}
handlers:
  - {name: restart, run: echo x >> restart}
"""


async def test_what_a_report_offers_is_pasted_and_repeats_nothing_that_runs_once(tmp_path: Path) -> None:
    """A rollback fails on two hosts; marked, the retry takes them, too. Later the run is taken back, and that fails."""
    fleet = tmp_path / "fleet"
    async with running_simulator(SimulatorSettings(hosts=4, dir=fleet)) as simulator:
        (tmp_path / "inventory.yml").write_text(INVENTORY.format(url=simulator.url))
        (tmp_path / "once.yml").write_text(ONCE)
        project = Project(tmp_path, fleet)
        homes = [fleet / str(vmid) / "home" for vmid in range(10000, 10004)]
        homes[0].mkdir(parents=True, exist_ok=True)
        (homes[0] / "well").touch()

        said = await project.orc("run", "once.yml", "-i", "inventory.yml", "--yes", "-q", status=5)
        status = await project.status()
        assert {"vps-2", "vps-3"} <= set(status["fenced"])
        assert status["next"][-1] == f"orc retry {status['run']}"
        assert all(command in said for command in status["next"])
        assert "no host of run" in await project.orc("retry", "last", "--failed", "--yes", status=2)
        for home in homes:
            (home / "well").touch()
        for command in status["next"]:
            words = shlex.split(command)[1:]
            await project.orc(*words, *(["--yes"] if words[0] == "retry" else []))
        assert (await project.status())["status"] == "succeeded"
        assert project.lines("migrate") == [1, 0, 0, 0]
        assert project.lines("note") == [1, 2, 2, 2]
        again = (await project.status())["run"]

        (homes[3] / "mended").touch()
        said = await project.orc("rollback", again, "--hosts", "vps-[3-4]", "--yes", "-q", status=5)
        status = await project.status()
        assert status["next"][-1] == f"orc rollback {again} --hosts vps-3"
        assert "vps-3 is fenced" in await project.orc("rollback", again, "--hosts", "vps-3", "--yes", status=7)
        told = [back["by"] for back in (await project.status(again))["taken_back"]]
        assert told == [status["run"]], "a run that was held has taken nothing back"
        (homes[2] / "mended").touch()
        for command in (each for each in status["next"] if not each.startswith("orc logs")):
            words = shlex.split(command)[1:]
            await project.orc(*words, *(["--yes"] if words[0] == "rollback" else []))
        assert (await project.status())["status"] == "rolled_back"
        assert project.lines("unmigrate") == [0, 0, 0, 0]


async def test_a_run_that_no_command_line_has_begun_is_tried_again_with_its_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = tmp_path / "fleet"
    text = PLAYBOOK.replace("hosts: all", "hosts: all\nparams: {word: {required: true}}").replace(
        "echo release v1", "echo {{ word }} >> word"
    )
    async with running_simulator(SimulatorSettings(hosts=4, dir=fleet)) as simulator:
        (tmp_path / "inventory.yml").write_text(INVENTORY.format(url=simulator.url))
        (tmp_path / "told.yml").write_text(text)
        project = Project(tmp_path, fleet)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("ORC_SIMULATOR_KEY", "demo-key")
        settings = load_settings(tmp_path, {})
        selection = Selection(
            playbook=Path("told.yml"), inventory=Path("inventory.yml"), extra_vars=("word='1'",), limit="vps-[1-3]"
        )
        await wiring.run(wiring.Start(plan=read_sources(selection, settings).plan(), by="a program"), settings)
        (command,) = (each for each in (await project.status())["next"] if each.startswith("orc retry"))
        (tmp_path / "told.yml").write_text(text.replace("test -e well", "true"))
        await project.orc(*shlex.split(command)[1:], "--yes", "-q")
        assert [(fleet / str(vmid) / "home" / "word").read_text() for vmid in (10000, 10001, 10002)] == ["1\n1\n"] * 3
        assert not (fleet / "10003" / "home" / "word").exists()
        assert "orc retry" not in await project.orc("status", "last")
