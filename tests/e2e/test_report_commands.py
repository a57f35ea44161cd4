"""Reports of runs as documents: the real commands on the real simulator."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

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
            "    one on 4 hosts: vps-[1-4]\n        - echo release v1\n        + echo release v2\n",
            "OUTCOMES\n    3 hosts: failed -> ok  vps-[1-3]\n",
            "FILES\n    told.yml   ",
        ):
            assert wanted in compared
        assert json.loads(await project.orc("diff", first, "last", "--output", "json"))["outcomes"][0]["after"] == "ok"
