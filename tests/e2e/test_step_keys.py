"""Steps that leave a service running, or run as another user, in real shells behind the simulator's API."""

import os
import pwd
import subprocess
from pathlib import Path

import anyio
import pytest

from orchestrator.simulator import SimulatorSettings, running_simulator
from orchestrator.simulator.faults import read_faults
from tests.orc_calls import orc

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).resolve().parent.parent.parent

INVENTORY = """
provider: {{kind: simulator, url: {url}, api_key: env:ORC_SIMULATOR_KEY}}
hosts:
  web-[1:2]: {{vmid: '[10000:10001]'}}
"""

SERVICE = """
hosts: all
rollout: {max_failures: 2}
steps:
  - name: service
    run: echo $$ > ~/service.pid; echo up; exec sleep 300
    background: true
    timeout: 20s
  - name: still there
    run: kill -0 $(cat ~/service.pid)
"""

INTERRUPTED = """
hosts: web-1
steps:
  - name: index
    run: echo run >> ~/runs; [ $(wc -l < ~/runs) -gt 1 ] || sleep 300
    interrupted: {interrupted}
    retries: {{attempts: 1, delay: 0s}}
"""

USER = """
hosts: all
defaults: {{user: '{name}'}}
steps:
  - {{name: who, run: 'echo "$(id -un) $HOME $USER $LOGNAME $PWD"', register: who}}
  - {{name: note, run: 'echo {{{{ who.stdout }}}} > {folder}/{{{{ host }}}}', user: root}}
"""


async def run_on(url: str, folder: Path, playbook: str) -> "subprocess.CompletedProcess[bytes]":
    (folder / "inventory.yml").write_text(INVENTORY.format(url=url))
    (folder / "playbook.yml").write_text(playbook)
    with anyio.fail_after(60):
        return await orc(folder, "run", "playbook.yml", "-i", "inventory.yml", "--yes")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_service_started_on_purpose_still_runs_after_the_run(tmp_path: Path) -> None:
    async with running_simulator(SimulatorSettings(hosts=2, dir=tmp_path / "fleet")) as simulator:
        done = await run_on(simulator.url, tmp_path, SERVICE)
        pids = [int(file.read_text()) for file in (tmp_path / "fleet").glob("*/home/service.pid")]

        assert done.returncode == 0, done.stdout.decode()
        assert len(pids) == 2
        assert all(map(is_running, pids))


async def test_a_service_that_does_not_stay_fails_its_step(tmp_path: Path) -> None:
    async with running_simulator(SimulatorSettings(hosts=2, dir=tmp_path / "fleet")) as simulator:
        done = await run_on(simulator.url, tmp_path, SERVICE.replace("exec sleep 300", "exit 0"))

    assert done.returncode == 3, done.stdout.decode()
    assert "the service did not stay: exit status 0" in done.stdout.decode()


@pytest.mark.parametrize(("interrupted", "exit", "runs"), [("rerun", 0, 2), ("fail", 3, 1)])
async def test_a_step_whose_machine_went_down_is_run_again_where_it_says_so(
    tmp_path: Path, interrupted: str, exit: int, runs: int
) -> None:
    said = tmp_path / "fleet" / "10000" / "home" / "runs"
    ended: list[int] = []
    async with running_simulator(SimulatorSettings(hosts=2, dir=tmp_path / "fleet")) as simulator:

        async def run() -> None:
            done = await run_on(simulator.url, tmp_path, INTERRUPTED.format(interrupted=interrupted))
            ended.append(done.returncode)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            with anyio.fail_after(30):
                while not said.exists():  # noqa: ASYNC110  # what is waited for happens in other processes
                    await anyio.sleep(0.05)
            simulator.set_faults(read_faults({"vmids": {10000: {"reboot": {"count": 1}}}}))

    assert ended == [exit]
    assert said.read_text() == "run\n" * runs


def other_user() -> pwd.struct_passwd | None:
    """A user that is not root and has a folder of its own that it may enter."""
    users = [user for user in pwd.getpwall() if user.pw_uid and Path(user.pw_dir).is_dir()]
    return next((user for user in users if Path(user.pw_dir).stat().st_mode & 0o001), None)


# The check of a fresh clone (.ci/run) is run as root: there this is never skipped.
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_a_step_runs_as_its_user_with_the_home_and_the_name_of_that(tmp_path: Path) -> None:
    user = other_user()
    if user is None:
        pytest.skip("there is no other user that has a home")
    async with running_simulator(SimulatorSettings(hosts=2, dir=tmp_path / "fleet")) as simulator:
        done = await run_on(simulator.url, tmp_path, USER.format(name=user.pw_name, folder=tmp_path))

    assert done.returncode == 0, done.stdout.decode()
    name, home = user.pw_name, user.pw_dir
    for host in ("web-1", "web-2"):
        assert (tmp_path / host).read_text() == f"{name} {home} {name} {name} {home}\n"
