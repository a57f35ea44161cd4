"""The programs that a VPS has first on its PATH."""

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.simulator import census, programs
from tests.simulator.conftest import MakeSettings
from tests.simulator.fleet_client import client_of, eventually

pytestmark = pytest.mark.anyio


async def test_a_vps_calls_itself_by_its_vmid(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        assert (await client.run("hostname", vmid=10001))["stdout"] == "vps-10001\n"


async def test_a_vps_may_be_given_another_name(settings: MakeSettings) -> None:
    async with client_of(settings(hostnames={10000: "web-001.example.com"})) as client:
        assert (await client.run("hostname; hostname -f; hostname -s"))["stdout"] == (
            "web-001.example.com\nweb-001.example.com\nweb-001\n"
        )
        assert (await client.run("hostname", vmid=10001))["stdout"] == "vps-10001\n"


@pytest.mark.parametrize("command", ["systemctl restart nginx", "reboot", "shutdown -r now", "service nginx stop"])
async def test_what_would_act_on_the_users_machine_is_refused(settings: MakeSettings, command: str) -> None:
    async with client_of(settings()) as client:
        data = await client.run(command)

    assert data["exitcode"] == 1
    assert data["stderr"].startswith(f"{command.split(maxsplit=1)[0]}: not on a simulated VPS")


async def test_a_fleet_may_bring_programs_of_its_own(settings: MakeSettings) -> None:
    async with client_of(settings(programs={"systemctl": "#!/bin/sh\necho systemctl $*\n"})) as client:
        assert (await client.run("systemctl restart web"))["stdout"] == "systemctl restart web\n"


async def test_a_unit_outlives_its_command_and_writes_to_its_files(settings: MakeSettings, tmp_path: Path) -> None:
    out = tmp_path / "fleet" / "10000" / "home" / "out"
    async with client_of(settings()) as client:
        data = await client.run(
            'systemd-run --unit=u1 --no-block -p Type=oneshot -p "StandardOutput=file:$PWD/out" '
            "sh -c 'sleep 0.2; echo \"$PWD ${HOME-no home} $ORC_VMID\"; echo err >&2'"
        )
        assert data == {"exited": True, "exitcode": 0, "stderr": "Running as unit: u1.service\n"}
        await eventually(lambda: out.exists() and out.read_text().endswith("err\n"))

    assert out.read_text() == "/ no home 10000\nerr\n"


async def test_a_units_name_is_taken_while_it_runs_and_as_long_as_it_remains(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        await client.run("systemd-run -q --collect --no-block -u once sleep 1000")
        again = await client.run("systemd-run -q --collect --no-block -u once sleep 1000")
        assert again["exitcode"] == 1
        assert "Unit once.service was already loaded" in again["stderr"]

        wait = "systemd-run -q -p Type=oneshot"
        assert (await client.run(f"{wait} -u a true && {wait} -u a true"))["exitcode"] == 0
        assert (await client.run(f"{wait} -p RemainAfterExit=yes -u b true; {wait} -u b true"))["exitcode"] == 1
        assert (await client.run(f"{wait} -u c false; {wait} -u c true"))["exitcode"] == 1
        assert (await client.run(f"{wait} -G -u d false; {wait} -u d true"))["exitcode"] == 0


@pytest.mark.parametrize(
    "arguments", ["--scope true", "-p MemoryMax=1G true", "--unit=../x true", "--unit=x", "-p Type=notify true"]
)
async def test_an_option_that_is_not_acted_upon_is_refused(settings: MakeSettings, arguments: str) -> None:
    async with client_of(settings()) as client:
        data = await client.run(f"systemd-run {arguments}")

    assert data["exitcode"] == 1
    assert "is not known to a simulated VPS" in data["stderr"]


async def test_setsid_is_there(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        assert (await client.run("setsid sh -c 'echo in; exit 3'; echo $?"))["stdout"] in ("in\n3\n", "in\n0\n")


@pytest.fixture
def setsid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in for setsid(1), as a command of VPS 10000 finds it where the system has none."""
    monkeypatch.setenv("ORC_VMID", "10000")
    file = tmp_path / "setsid"
    programs.write(file, programs.setsid(tmp_path / "a fleet"))
    (tmp_path / "a fleet" / "10000").mkdir(parents=True)
    return file


def test_the_stand_in_for_setsid_makes_a_session_and_records_it(setsid: Path, tmp_path: Path) -> None:
    pid = subprocess.run(
        ["sh", "-c", f"{setsid} {sys.executable} -c 'import os; print(os.getpid(), os.getsid(0))' & wait"],
        capture_output=True,
        check=True,
    ).stdout.split()

    assert pid[0] == pid[1]
    assert census.recorded_sessions([], tmp_path / "a fleet" / "10000" / "sessions") == {int(pid[0])}


def test_the_stand_in_for_setsid_keeps_pid_and_exit_status_where_it_does_not_lead_a_group(setsid: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f'{setsid} sh -c "echo \\$\\$; exit 3" & echo $!; wait $!; echo $?'],
        capture_output=True,
        check=True,
    ).stdout.split()

    assert sorted(done[:2]) == [done[0], done[0]]
    assert done[2] == b"3"


def test_the_stand_in_for_setsid_leaves_a_broken_pipe_deadly(setsid: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{setsid} sh -c 'yes; echo $? >&2' | head -n 1"], capture_output=True, check=True
    )

    assert done.stdout == b"y\n"
    assert b"Broken pipe" not in done.stderr


def test_the_stand_in_for_setsid_forks_where_it_leads_a_group(setsid: Path) -> None:
    child = subprocess.Popen([setsid, "sh", "-c", "echo $$"], stdout=subprocess.PIPE, start_new_session=True)
    out, _ = child.communicate(timeout=10)

    assert int(out) != child.pid
    assert child.returncode == 0


def test_the_stand_in_for_setsid_names_a_program_that_is_not_there(setsid: Path) -> None:
    done = subprocess.run([setsid, "no-such-program"], capture_output=True, check=False)

    assert done.returncode == 1
    assert b"setsid: no-such-program: No such file" in done.stderr
