"""An agent that restarts and a VPS that reboots, in the middle of things."""

from pathlib import Path

import pytest

from tests.simulator.conftest import MakeSettings
from tests.simulator.fleet_client import FleetClient, client_of, eventually, is_alive

pytestmark = pytest.mark.anyio

ONCE = {"count": 1}


async def test_forget_pids_kills_the_commands_and_their_sessions_alone(settings: MakeSettings, tmp_path: Path) -> None:
    async with client_of(settings()) as client:
        detached = await _detached(client, tmp_path)
        pid = await client.pid("sleep 1000 & echo $! > child; wait")
        child = await _written(tmp_path / "fleet" / "10000" / "home" / "child")
        await client.set_faults({"all": {"forget_pids": ONCE}})
        answer = await client.poll(pid)

        assert "Invalid parameter 'pid'" in answer.json()["message"]
        await eventually(lambda: not is_alive(pid) and not is_alive(child))
        assert is_alive(detached)
        await eventually(lambda: not client.simulator.stats().running)


async def test_an_agent_that_restarts_closes_its_pipes(settings: MakeSettings, tmp_path: Path) -> None:
    async with client_of(settings()) as client:
        await client.pid("setsid sh -c 'echo $$ > pid; while sleep 0.1; do echo x; done'")
        survivor = await _written(tmp_path / "fleet" / "10000" / "home" / "pid")
        await client.set_faults({"all": {"forget_pids": ONCE}})
        await client.probe()

        await client.over()
        await eventually(lambda: not is_alive(survivor))  # by SIGPIPE


async def test_forget_pids_can_kill_all_but_units(settings: MakeSettings, tmp_path: Path) -> None:
    async with client_of(settings(restart_kills="all")) as client:
        detached = await _detached(client, tmp_path)
        await client.run('systemd-run -q --no-block sh -c \'echo $$ > "$1"; exec sleep 1000\' sh "$PWD/unit"')
        unit = await _written(tmp_path / "fleet" / "10000" / "home" / "unit")
        await client.set_faults({"all": {"forget_pids": ONCE}})
        await client.probe()

        await eventually(lambda: not is_alive(detached))
        assert is_alive(unit)


async def test_an_agent_restart_leaves_other_vpses_alone(settings: MakeSettings) -> None:
    async with client_of(settings(restart_kills="all")) as client:
        pid = await client.pid("sleep 0.5; echo whole", vmid=10001)
        await client.set_faults({"vmids": {10000: {"forget_pids": ONCE, "reboot": ONCE}}})
        await client.probe(vmid=10000)

        assert (await client.result(pid, vmid=10001))["stdout"] == "whole\n"


async def test_an_agent_restart_loses_results_not_collected(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        pid = await client.pid("true")
        await client.over()
        await client.set_faults({"all": {"forget_pids": ONCE}})

        assert (await client.poll(pid)).status_code == 500


async def test_a_reboot_kills_everything_and_changes_the_boot_id(settings: MakeSettings, tmp_path: Path) -> None:
    async with client_of(settings()) as client:
        before = (await client.run('cat "$ORC_BOOT_ID_FILE"'))["stdout"]
        detached = await _detached(client, tmp_path)
        await client.run('systemd-run -q --no-block sh -c \'echo $$ > "$1"; exec sleep 1000\' sh "$PWD/unit"')
        unit = await _written(tmp_path / "fleet" / "10000" / "home" / "unit")
        pid = await client.pid("sleep 1000")
        await client.set_faults({"all": {"reboot": ONCE}})
        answer = await client.poll(pid)
        after = (await client.run('cat "$ORC_BOOT_ID_FILE"'))["stdout"]

        assert "Invalid parameter 'pid'" in answer.json()["message"]
        await eventually(lambda: not any(map(is_alive, (pid, detached, unit))))
        assert len(before) == len(after) == 37
        assert before != after


async def _detached(client: FleetClient, tmp_path: Path) -> int:
    """The pid of a process in a session of its own, whose parent has ended."""
    await client.run("setsid sh -c 'echo $$ > detached; exec sleep 1000' >/dev/null 2>&1 &")
    return await _written(tmp_path / "fleet" / "10000" / "home" / "detached")


async def _written(file: Path) -> int:
    texts: list[str] = []

    def is_written() -> bool:
        texts.append(file.read_text() if file.exists() else "")
        return texts[-1].endswith("\n")

    await eventually(is_written)
    return int(texts[-1])
