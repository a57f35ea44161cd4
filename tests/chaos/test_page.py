"""docs/testing-playbooks.md says what is so: its examples work when they are pasted, and no fault is left out."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import anyio
import httpx
import pytest

from orchestrator.load import read_yaml
from orchestrator.simulator import Count, Fault, Faults, SimulatorSettings, read_faults, running_simulator

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "testing-playbooks.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The page's blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def read(folder: Path, text: str) -> Faults:
    (folder / "faults.yml").write_text(text)
    return read_faults(read_yaml(folder / "faults.yml"))


@pytest.mark.parametrize("text", blocks("yaml faults"), ids=lambda text: text.splitlines()[1][:20])
def test_a_file_of_faults_on_the_page_is_read(text: str, tmp_path: Path) -> None:
    faults = read(tmp_path, text)

    assert faults.seed == 7
    assert faults.all
    assert faults.vmids


def test_every_fault_is_on_the_page_once_with_what_orc_does_about_it() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)

    assert rows == [fault.value for fault in Fault]


def test_every_fault_that_is_posted_on_the_page_is_accepted() -> None:
    bodies = re.findall(r"/_simulator/faults -d '(.*)'$", PAGE, re.MULTILINE)

    assert [read_faults(json.loads(body)).vmids for body in bodies] == [{10004: {Fault.REBOOT: Count(requests=1)}}, {}]


@pytest.mark.anyio
async def test_the_first_test_of_the_page_comes_to_what_it_says(tmp_path: Path) -> None:
    playbook, fleet = blocks("yaml")
    settings = SimulatorSettings(
        hosts=12, dir=tmp_path / "fleet", faults=read(tmp_path, blocks("yaml faults")[0]), slow=0.1
    )
    environment = {**os.environ, "ORC_SIMULATOR_KEY": "demo-key", "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "orchestrator", "run", "release.yml", "-i", "fleet.yml", "--yes"]

    async with running_simulator(settings) as simulator:
        (tmp_path / "release.yml").write_text(playbook)
        assert "http://127.0.0.1:8765" in fleet
        (tmp_path / "fleet.yml").write_text(fleet.replace("http://127.0.0.1:8765", simulator.url))
        done = await anyio.run_process(words, cwd=tmp_path, env=environment, check=False)
        stats, log = await ask(simulator.url)

    assert done.returncode == 0, done.stdout.decode()
    counts = [file.read_text() for file in (tmp_path / "fleet").glob("*/home/count")]
    assert counts == ["installed\n"] * 12
    assert stats["faults"]["drop_reply_after"] > 0
    vps = cast(Mapping[str, Any], stats["vmids"])["10000"]
    assert re.findall(r"its `(\w+)`, `(\w+)` and `(\w+)`", PAGE) == [("starts", "polls", "in_flight_max")]
    assert {"starts", "polls", "in_flight_max"} <= vps.keys()
    assert log["entries"][0].keys() == {"seq", "vmid", "command", "at", "pid", "faults"}


async def ask(url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The stats and the log, as the page asks for them."""
    stats, log = re.findall(r"curl -s '?http://127\.0\.0\.1:8765(/_simulator/(?:stats|log\S*?))'?$", PAGE, re.MULTILINE)
    async with httpx.AsyncClient(base_url=url, verify=False) as client:
        return (await client.get(stats)).json(), (await client.get(log)).json()


def test_the_python_on_the_page_runs(tmp_path: Path) -> None:
    (program,) = blocks("python")

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("http://127.0.0.1:")
