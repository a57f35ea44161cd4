"""What gates have done on the machine that drives the run."""

import time
from pathlib import Path

import anyio
import pytest

from orchestrator.controller import OUTPUT_CAP, ThisMachine
from orchestrator.model.gate import CommandLost, CommandRan, ControllerCommand, Fetched, NotFetched, UrlWatch
from orchestrator.model.origin import COMMAND_LINE, Text
from orchestrator.simulator import SimulatorSettings, running_simulator

pytestmark = pytest.mark.anyio


def shell(text: str, timeout: float = 30.0) -> ControllerCommand:
    return ControllerCommand(name="command", run=Text(source=text, origin=COMMAND_LINE), timeout=timeout)


async def test_a_command_tells_its_exit_status_and_its_last_words() -> None:
    assert await ThisMachine().run(shell("echo out; echo err >&2; exit 3")) == CommandRan(
        exit_code=3, output="out\nerr\n"
    )
    found = await ThisMachine().run(ControllerCommand(name="c", argv=("printf", "%s", "$HOME")))
    assert found == CommandRan(exit_code=0, output="$HOME"), "no shell reads argv"


async def test_a_command_sees_none_of_our_secrets_and_has_nothing_on_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTUP_API_KEY", "secret-secret")
    found = await ThisMachine().run(shell("env; cat"))
    assert isinstance(found, CommandRan)
    assert "secret" not in found.output
    assert "PATH=" in found.output


async def test_of_a_long_output_the_end_is_kept() -> None:
    found = await ThisMachine().run(shell("i=0; while [ $i -lt 3000 ]; do echo 0123456789; i=$((i+1)); done; echo end"))
    assert isinstance(found, CommandRan)
    assert found.output.endswith("end\n")
    assert len(found.output) <= OUTPUT_CAP


async def test_a_command_over_its_time_limit_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    began = time.monotonic()
    found = await ThisMachine().run(shell(f"(sleep 1; touch {mark}) & sleep 100", timeout=0.2))
    assert found == CommandLost(why="it was not done within 0.2 s, and was ended")
    assert time.monotonic() - began < 20
    await anyio.sleep(1.2)
    assert not mark.exists()


async def test_a_command_that_cannot_be_started_is_a_value() -> None:
    found = await ThisMachine().run(ControllerCommand(name="c", argv=("/no/such/program",)))
    assert found == CommandLost(why="it could not be started: No such file or directory")


async def test_an_address_is_asked(tmp_path: Path) -> None:
    async with running_simulator(SimulatorSettings(hosts=1, dir=tmp_path)) as simulator:
        found = await ThisMachine().fetch(UrlWatch(name="u", get=f"{simulator.url}/_simulator/stats"))
    assert isinstance(found, Fetched)
    assert found.status == 200
    assert "{" in found.text
    gone = await ThisMachine().fetch(UrlWatch(name="u", get=f"{simulator.url}/_simulator/stats"))
    assert isinstance(gone, NotFetched)
