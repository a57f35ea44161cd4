"""The agent beneath the contract, as the real one was measured."""

import os
import sys
from pathlib import Path

import pytest

from orchestrator.simulator.command import STREAM_CAP
from tests.simulator.conftest import MakeSettings
from tests.simulator.fleet_client import client_of, eventually

pytestmark = pytest.mark.anyio


async def test_a_command_runs_in_its_own_vps(settings: MakeSettings, tmp_path: Path) -> None:
    async with client_of(settings()) as client:
        for vmid in (10000, 10001):
            await client.run("echo $ORC_VMID > who", vmid=vmid)

    for vmid in (10000, 10001):
        assert (tmp_path / "fleet" / str(vmid) / "home" / "who").read_text() == f"{vmid}\n"


async def test_a_result_has_exit_code_and_both_streams(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        data = await client.run("echo out; echo err >&2; exit 3")

    assert data == {"exited": True, "exitcode": 3, "stdout": "out\n", "stderr": "err\n"}


async def test_empty_output_has_no_keys(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        assert await client.run("true") == {"exited": True, "exitcode": 0}


async def test_the_pid_is_the_shells_own(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        pid = await client.pid("echo $$")

        assert (await client.result(pid))["stdout"] == f"{pid}\n"


async def test_a_running_command_is_exited_false_and_nothing_else(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        pid = await client.pid("echo early; touch said; until [ -e go ]; do sleep 0.02; done")
        await client.run("until [ -e said ]; do sleep 0.02; done")

        assert (await client.poll(pid)).json()["data"] == {"exited": False}
        await client.run("touch go")
        assert (await client.result(pid))["stdout"] == "early\n"


async def test_the_first_exited_answer_consumes_the_record(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        pid = await client.pid("true")
        await client.result(pid)
        again = await client.poll(pid)

    assert again.status_code == 500
    assert again.json()["code"] == "INTERNAL_ERROR"
    assert "Invalid parameter 'pid'" in again.json()["message"]


@pytest.mark.parametrize("pid", [-1, 0, 999_999_999])
async def test_a_pid_that_never_was_is_the_same_error(settings: MakeSettings, pid: int) -> None:
    async with client_of(settings()) as client:
        answer = await client.poll(pid)

    assert answer.status_code == 500
    assert "Invalid parameter 'pid'" in answer.json()["message"]


async def test_a_pid_of_another_vps_is_not_known(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        pid = await client.pid("true")

        assert (await client.poll(pid, vmid=10001)).status_code == 500
        assert (await client.result(pid))["exitcode"] == 0


async def test_a_background_child_that_holds_a_pipe_keeps_the_command_running(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        pid = await client.pid("(until [ -e go ]; do sleep 0.02; done) & echo $! > child")
        await client.run("until [ -s child ]; do sleep 0.02; done; sleep 0.1")

        assert (await client.poll(pid)).json()["data"] == {"exited": False}
        await client.run("touch go")
        assert (await client.result(pid))["exitcode"] == 0


async def test_a_background_child_with_its_streams_elsewhere_does_not(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        assert (await client.run("sleep 1000 >/dev/null 2>&1 & echo started"))["stdout"] == "started\n"


async def test_closed_streams_alone_are_no_exit(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        pid = await client.pid("exec >/dev/null 2>&1; until [ -e go ]; do sleep 0.02; done; exit 7")
        await client.run("sleep 0.1")

        assert (await client.poll(pid)).json()["data"] == {"exited": False}
        await client.run("touch go")
        assert await client.result(pid) == {"exited": True, "exitcode": 7}


async def test_death_by_a_signal_has_no_exit_code(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        assert await client.run("kill -KILL $$") == {"exited": True}
        assert (await client.run("sh -c 'kill -KILL $$'; exit $?"))["exitcode"] == 137


async def test_each_stream_is_cut_at_16_mib_and_the_command_drained(settings: MakeSettings) -> None:
    size = STREAM_CAP + 100_000
    async with client_of(settings()) as client:
        data = await client.run(f"head -c {size} /dev/zero | tr '\\0' x; echo done >&2")

    assert data["stdout"] == "x" * STREAM_CAP
    assert data["stderr"] == "done\n"
    assert data["exitcode"] == 0


async def test_output_that_is_not_utf8_is_replaced(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        assert (await client.run(r"printf 'a\303\244\377z'"))["stdout"] == "aä\ufffdz"


async def test_the_environment_is_minimal(
    settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_USER", "x")
    async with client_of(settings()) as client:
        words = (await client.run("env"))["stdout"].splitlines()
    environment = dict(word.split("=", 1) for word in words)
    vps = (tmp_path / "fleet" / "10000").resolve()

    assert set(environment) <= {
        "PATH", "HOME", "LANG", "PWD", "ORC_STATE", "TMPDIR", "ORC_VMID", "ORC_BOOT_ID_FILE", "ORC_SIMULATOR", "OLDPWD",
        "SHLVL", "_",
    }  # fmt: skip
    assert environment["HOME"] == environment["PWD"] == str(vps / "home")
    assert environment["ORC_STATE"] == str(vps / "state")
    assert environment["TMPDIR"] == str(vps / "tmp")
    assert environment["PATH"].startswith(f"{vps / 'bin'}:")
    assert (environment["LANG"], environment["ORC_VMID"]) == ("C.UTF-8", "10000")


async def test_a_command_has_no_input_and_leads_a_session(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        pid = await client.pid("cat; until [ -e go ]; do sleep 0.02; done")

        assert os.getsid(pid) == pid
        await client.run("touch go")
        assert (await client.result(pid))["exitcode"] == 0


async def test_a_command_that_removes_its_home_does_not_end_the_vps(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        await client.run('rmdir "$HOME"')

        assert (await client.run("pwd -P"))["stdout"].endswith("/home\n")


async def test_a_finished_command_is_no_zombie_even_if_nobody_asks(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        pid = await client.pid("true")
        await client.over()

        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert (await client.result(pid))["exitcode"] == 0


async def test_many_commands_run_at_once_on_one_vps(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        pids = [await client.pid(f"until [ -e go ]; do sleep 0.1; done; echo {each}") for each in range(50)]
        assert client.simulator.stats().vmids[10000].in_flight_max == 50

        await client.run("touch go")
        for each, pid in enumerate(pids):
            assert (await client.result(pid))["stdout"] == f"{each}\n"


# What is counted is there on Linux alone, where the check of a fresh clone (.ci/run) runs.
@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
async def test_a_collected_command_leaves_no_descriptor_open(settings: MakeSettings) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    async with client_of(settings()) as client:
        await client.run("true")
        before = descriptors()
        for _ in range(10):
            await client.run("echo x")
        await eventually(lambda: descriptors() <= before)
