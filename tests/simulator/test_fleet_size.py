"""A whole fleet at once, and what is kept of it."""

import os
import sys
import threading
from pathlib import Path

import anyio
import pytest

from orchestrator.simulator.bucket import Bucket
from orchestrator.simulator.command import Room
from orchestrator.simulator.stats import ExecLog
from tests.simulator.conftest import MakeSettings
from tests.simulator.fleet_client import FleetClient, client_of

pytestmark = pytest.mark.anyio

LIKE_A_WRAPPED_STEP = (
    'd="$ORC_STATE/run"; mkdir -p "$d"; if mkdir "$d/claim" 2>/dev/null; then '
    'setsid sh -c "cd; echo ran >>ran; echo 0 >$d/rc" >/dev/null 2>&1 </dev/null & fi; '
    'until [ -f "$d/rc" ]; do sleep 0.1; done; cat ran; date +%s >/dev/null; wc -c <ran >/dev/null'
)


async def test_240_vpses_run_at_once(settings: MakeSettings, tmp_path: Path) -> None:
    async with client_of(settings(hosts=240)) as client:
        gate = anyio.CapacityLimiter(60)
        outputs: list[str] = []

        async def one(vmid: int) -> None:
            async with gate:
                pid = await client.pid(LIKE_A_WRAPPED_STEP, vmid=vmid)
            while True:
                async with gate:
                    data = (await client.poll(pid, vmid=vmid)).json()["data"]
                if data["exited"]:
                    return outputs.append(data["stdout"])
                await anyio.sleep(0.1)

        async with anyio.create_task_group() as tasks:
            for vmid in range(10000, 10240):
                tasks.start_soon(one, vmid)
        stats = client.simulator.stats()

    assert outputs == ["ran\n"] * 240
    assert {vps.starts for vps in stats.vmids.values()} == {1}


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
async def test_a_running_command_costs_three_descriptors_and_no_thread(settings: MakeSettings) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    async with client_of(settings()) as client:
        await client.probe()
        before, threads = descriptors(), threading.active_count()
        pids = [await client.pid("until [ -e go ]; do sleep 0.1; done") for _ in range(20)]

        assert descriptors() - before <= 3 * 20
        assert threading.active_count() == threads
        await client.run("touch go")
        for pid in pids:
            await client.result(pid)


async def test_faults_do_not_depend_on_what_else_goes_on(settings: MakeSettings, tmp_path: Path) -> None:
    faults = {"seed": 4, "all": {"rate_limit": 0.3, "no_pid_500": 0.3}}

    async def answers(client: FleetClient, vmid: int) -> list[int]:
        return [(await client.start("true", vmid=vmid)).status_code for _ in range(15)]

    alone: dict[int, list[int]] = {}
    together: dict[int, list[int]] = {}

    async def keep(vmid: int, client: FleetClient) -> None:
        together[vmid] = await answers(client, vmid)

    async with client_of(settings(hosts=4)) as client:
        await client.set_faults(faults)
        for vmid in range(10000, 10004):
            alone[vmid] = await answers(client, vmid)
        await client.set_faults(faults)
        async with anyio.create_task_group() as tasks:
            for vmid in range(10003, 9999, -1):
                tasks.start_soon(keep, vmid, client)

    assert together == alone
    assert len({tuple(statuses) for statuses in alone.values()}) > 1


def test_the_log_keeps_the_newest_entries() -> None:
    log = ExecLog(entries=3, characters=1000)
    for number in range(5):
        log.add(vmid=1, command=f"c{number}", at=0.0, pid=1, faults=())

    assert [entry.command for entry in log.after(0, limit=10)] == ["c2", "c3", "c4"]
    assert [entry.seq for entry in log.after(3, limit=1)] == [4]
    assert log.after(5, limit=10) == log.after(99, limit=10) == ()


def test_the_log_keeps_no_more_characters_than_it_may() -> None:
    log = ExecLog(entries=100, characters=10)
    for command in ("aaaa", "bbbb", "cccc", "d" * 50):
        log.add(vmid=1, command=command, at=0.0, pid=1, faults=())
        assert len(log.after(0, limit=10)) in (1, 2)

    assert [entry.command for entry in log.after(0, limit=10)] == ["d" * 50]


def test_the_fleets_output_has_one_bound() -> None:
    room = Room(10)

    assert [room.take(6), room.take(6), room.take(6)] == [6, 4, 0]
    room.give_back(3)
    assert room.take(6) == 3


def test_a_bucket_fills_at_its_rate_up_to_its_burst() -> None:
    bucket = Bucket(2.0, 2)

    assert [bucket.take(0.0), bucket.take(0.0), bucket.take(0.0)] == [None, None, 1]
    assert [bucket.take(0.5), bucket.take(0.5)] == [None, 1]
    assert [bucket.take(100.0), bucket.take(100.0), bucket.take(100.0)] == [None, None, 1]


def test_a_slow_bucket_names_the_seconds_until_its_next_token() -> None:
    bucket = Bucket(0.1, 1)

    assert [bucket.take(0.0), bucket.take(0.0), bucket.take(4.5), bucket.take(10.0)] == [None, 10, 6, None]
