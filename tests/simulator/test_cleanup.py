"""What is left when a simulator has ended: nothing, unless it was asked to."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from orchestrator.simulator import census, running_simulator
from tests.simulator.conftest import MakeSettings
from tests.simulator.fleet_client import FleetClient, client_of, eventually, is_alive

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "command",
    [
        "setsid sleep 1000 >/dev/null 2>&1 & echo $! > pid",
        "setsid sh -c 'echo $$ > pid; exec sleep 1000' >/dev/null 2>&1 &",
        "nohup sleep 1000 >/dev/null 2>&1 & echo $! > pid",
        "sleep 1000 & echo $! > pid",
        "(sleep 1000 & echo $! > pid) & wait; sleep 1000",
        "env -i sh -c 'echo $$ > pid; exec sleep 1000'",
        "setsid setsid sh -c 'setsid sh -c \"echo \\$\\$ > pid; trap : TERM HUP; while :; do sleep 1; done\" &' &",
        "systemd-run -q --no-block --working-directory=\"$PWD\" sh -c 'echo $$ > pid; exec sleep 1000'",
    ],
)
async def test_every_process_is_killed_at_the_end(settings: MakeSettings, tmp_path: Path, command: str) -> None:
    file = tmp_path / "fleet" / "10000" / "home" / "pid"
    async with client_of(settings()) as client:
        await client.start(command)
        await eventually(lambda: file.exists() and file.read_text().endswith("\n"))
        pid = int(file.read_text())
        assert is_alive(pid)

    assert not is_alive(pid)
    assert _of_this_directory(tmp_path) == []


async def test_the_children_are_waited_for(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        pids = [await client.pid("sleep 1000") for _ in range(5)]

    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_everything_is_killed_when_the_simulator_is_cancelled(settings: MakeSettings) -> None:
    with anyio.CancelScope() as scope:
        async with client_of(settings()) as client:
            pids = await _two_sessions(client)
            scope.cancel()

    assert scope.cancelled_caught
    assert not any(map(is_alive, pids))


async def test_everything_is_killed_when_the_block_raises(settings: MakeSettings) -> None:
    pids: list[int] = []

    async def fail() -> None:
        async with client_of(settings()) as client:
            pids.extend(await _two_sessions(client))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert len(pids) == 2
    assert not any(map(is_alive, pids))


async def test_no_port_stays_open(settings: MakeSettings) -> None:
    async with client_of(settings(keep_services=True)) as client:
        await client.run("setsid sleep 0.5 >/dev/null 2>&1 &")
        port = int(client.simulator.url.rpartition(":")[2])

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()


async def test_services_can_be_kept_but_not_running_commands(settings: MakeSettings, tmp_path: Path) -> None:
    home = tmp_path / "fleet" / "10000" / "home"
    async with client_of(settings(keep_services=True)) as client:
        await client.run("setsid sh -c 'echo $$ > pid; exec sleep 1000' >/dev/null 2>&1 &")
        running = await client.pid("sleep 1000")
        await eventually(lambda: (home / "pid").exists() and (home / "pid").read_text().endswith("\n"))
        boot_id = (await client.run('cat "$ORC_BOOT_ID_FILE"'))["stdout"]

    service = int((home / "pid").read_text())
    assert is_alive(service)
    with pytest.raises(ProcessLookupError):
        os.kill(running, 0)

    async with client_of(settings()) as client:
        assert is_alive(service)
        assert (await client.run('cat "$ORC_BOOT_ID_FILE"'))["stdout"] == boot_id

    assert not is_alive(service)


async def test_a_fleet_that_was_killed_boots_anew_and_keeps_its_files(settings: MakeSettings) -> None:
    boot_ids = []
    for _ in range(2):
        async with client_of(settings()) as client:
            await client.run('echo x >> "$ORC_STATE/lines"')
            boot_ids.append((await client.run('cat "$ORC_BOOT_ID_FILE"'))["stdout"])
            lines = (await client.run('cat "$ORC_STATE/lines"'))["stdout"]

    assert lines == "x\nx\n"
    assert boot_ids[0] != boot_ids[1]


async def test_another_simulators_processes_are_left_alone(settings: MakeSettings, tmp_path: Path) -> None:
    async with client_of(settings()) as one:
        pid = await one.pid("sleep 1000")
        async with client_of(settings(dir=tmp_path / "other")) as other:
            await other.pid("sleep 1000")

        assert is_alive(pid)


@pytest.mark.skipif(not census.READS_ENVIRONMENTS, reason="the environment of the system's programs cannot be read")
async def test_what_a_killed_simulator_left_behind_is_found_by_the_next(settings: MakeSettings, tmp_path: Path) -> None:
    async with running_simulator(settings()):
        token = (tmp_path / "fleet" / ".simulator").read_text()
    orphan = subprocess.Popen(  # noqa: ASYNC220 - starts at once
        ["sleep", "1000"], env={"ORC_SIMULATOR": token, "PATH": os.environ["PATH"]}, start_new_session=True
    )
    try:
        assert is_alive(orphan.pid)
        async with running_simulator(settings()):
            pass
        assert orphan.wait(5) == -9
    finally:
        orphan.kill()


LOOKS = [census._from_proc, census._from_ps] if sys.platform == "linux" else [census._from_ps]


@pytest.mark.parametrize("look", LOOKS)
async def test_a_process_is_seen_with_its_parent_and_session_until_it_has_ended(
    look: Callable[[], tuple[census.Living, ...]],
) -> None:
    child = subprocess.Popen(  # noqa: ASYNC220 - starts at once
        ["sh", "-c", "sleep 1000 & wait"],
        env={"PATH": os.environ["PATH"], "ORC_TEST_MARK": "7f3a"},
        start_new_session=True,
    )

    def session() -> dict[int, census.Living]:
        return {each.pid: each for each in look() if each.session == child.pid}

    try:
        await eventually(lambda: len(session()) == 2)
        seen = session()
        assert {each.parent for each in seen.values()} == {os.getpid(), child.pid}
        assert seen[child.pid].parent == os.getpid()
        if census.READS_ENVIRONMENTS:
            assert all(b"ORC_TEST_MARK=7f3a" in each.environment for each in seen.values())
        os.killpg(child.pid, 9)
        await eventually(lambda: not session())  # while nobody has waited for it
    finally:
        child.kill()
        child.wait()


def test_the_simulator_does_not_see_itself() -> None:
    assert os.getpid() not in {each.pid for each in census.living()}


def test_a_family_has_the_sessions_and_descendants_of_its_seeds_and_nobody_else() -> None:
    people = [
        census.Living(pid=pid, parent=parent, session=session, environment=frozenset())
        for pid, parent, session in [(10, 1, 10), (11, 10, 10), (12, 11, 12), (13, 12, 13), (14, 1, 13), (20, 1, 20)]
    ]

    assert census.family(people, {11}) == {10, 11, 12, 13, 14}
    assert census.family(people, {20}) == {20}
    assert census.family(people, set()) == set()


def test_a_session_recorded_with_another_start_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "sessions"
    census.record_session(10, file)
    census.record_session(11, file)
    census.record_session(12, file)
    people = [
        census.Living(pid=10, parent=1, session=10, environment=frozenset(), age=1.0),
        census.Living(pid=11, parent=1, session=11, environment=frozenset(), age=500.0),
    ]

    assert census.recorded_sessions(people, file) == {10, 12}
    assert census.recorded_sessions(people, tmp_path / "none") == set()


@pytest.mark.parametrize(
    ("etime", "seconds"), [("00:05", 5), ("01:00", 60), ("02:00:01", 7201), ("3-01:00:00", 262_800), ("-", None)]
)
def test_elapsed_time_is_read_as_posix_has_it(etime: str, seconds: float | None) -> None:
    assert census._seconds(etime) == seconds


async def _two_sessions(client: FleetClient) -> tuple[int, int]:
    """The pids of a command and of what it started in a session of its own, with another parent."""
    running = await client.pid("sleep 1000")
    out = await client.run(
        "(setsid sh -c 'echo $$ > pid; exec sleep 1000' >/dev/null 2>&1 &); "
        "until [ -s pid ]; do sleep 0.02; done; cat pid"
    )
    return running, int(out["stdout"])


def _of_this_directory(directory: Path) -> list[int]:
    """Living processes that work below the directory, whatever they are marked with; on Linux alone can it be seen."""
    found = []
    for entry in os.listdir("/proc") if sys.platform == "linux" else ():
        if entry.isdigit() and is_alive(int(entry)):
            try:
                cwd = os.readlink(f"/proc/{entry}/cwd")
            except OSError:
                continue
            if cwd.startswith(str(directory)):
                found.append(int(entry))
    return found
