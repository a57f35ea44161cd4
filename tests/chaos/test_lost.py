"""An attempt that is reported as interrupted is over: it does not begin, nor go on, beside the one that follows it."""

import os
import shutil
import sys
from pathlib import Path

import anyio
import pytest

from orchestrator.simulator import SimulatorSettings, running_simulator

ROOT = Path(__file__).resolve().parents[2]

SLOW_SETSID = f"""#!/bin/sh
[ -e ~/slowed ] || {{ >~/slowed; sleep 8; }}
exec {shutil.which("setsid")} "$@"
"""
"""A machine so busy that what is started there takes a while to begin, once."""

RACE = """
name: race
vmids: [10000]
steps:
  - name: one
    run: {run}
    retries: {{attempts: 2, delay: 0s}}
    timeout: 1m
"""
TRACED = "'echo begin >> ~/order; sleep 3; echo end >> ~/order'"
ORPHANED = (
    "'echo begin >> ~/order; sleep 0.5; [ -e ~/shot ] || { > ~/shot; kill -9 $PPID; }; sleep 9; echo end >> ~/order'"
)
"""Its runner is shot, as by a machine that is out of memory; the command itself lives on."""


async def order_of(folder: Path, run: str, *, kill_at: str = "", **programs: str) -> list[str]:
    """In which order the attempts of a step began and ended on a VPS with these programs.

    kill_at: a file in the VPS; once it is there, orc is killed, and then takes the run up again.
    """
    environment = {**os.environ, "ORC_SIMULATOR_KEY": "demo-key", "PYTHONPATH": str(ROOT)}
    orc = [sys.executable, "-m", "orchestrator"]
    home = folder / "fleet" / "10000" / "home"
    async with running_simulator(SimulatorSettings(hosts=1, dir=folder / "fleet", programs=programs)) as simulator:
        (folder / "race.yml").write_text(RACE.format(run=run))
        (folder / "orchestrator.toml").write_text(
            f'[provider]\nkind = "simulator"\nurl = "{simulator.url}"\napi_key = "env:ORC_SIMULATOR_KEY"\n'
        )
        words = ["run", "race.yml", "--yes", "-q"]
        if kill_at:
            async with await anyio.open_process([*orc, *words], cwd=folder, env=environment) as process:
                while not (home / kill_at).exists():  # noqa: ASYNC110 - what is waited for happens in other processes
                    await anyio.sleep(0.02)
                process.kill()
            words = ["resume", "last", "-q"]
        done = await anyio.run_process([*orc, *words], cwd=folder, env=environment, check=False)
        await anyio.sleep(4)
    assert done.returncode in (0, 3), done.stdout.decode() + done.stderr.decode()
    return (home / "order").read_text().split()


@pytest.mark.anyio
async def test_an_attempt_that_is_slow_to_begin_is_not_given_up_and_run_beside_the_next(tmp_path: Path) -> None:
    order = await order_of(tmp_path, TRACED, kill_at="slowed", setsid=SLOW_SETSID)

    assert order == ["begin", "end"] * (len(order) // 2)


@pytest.mark.anyio
async def test_a_command_whose_runner_was_killed_is_not_run_again_beside_itself(tmp_path: Path) -> None:
    order = await order_of(tmp_path, ORPHANED)

    assert order[:2] != ["begin", "begin"]
