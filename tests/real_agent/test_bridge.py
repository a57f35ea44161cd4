"""What is known of the real agent (and what the guest's program is built upon) holds for this one, seen over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from tests.real_agent.bridge import KEY, Bridge
from tests.real_agent.qemu_ga import PATH, Vps
from tests.simulator.fleet_client import eventually, path

pytestmark = pytest.mark.anyio

DEADLINE = 10.0


class Client:
    """Asks about one VPS, as HostUp's documentation has it."""

    def __init__(self, http: httpx.AsyncClient, vmid: int) -> None:
        self._http = http
        self._path = path(vmid)

    async def start(self, command: str) -> httpx.Response:
        return await self._http.post(self._path, json={"command": command})

    async def poll(self, pid: int) -> httpx.Response:
        return await self._http.get(self._path, params={"pid": pid})

    async def probe(self) -> dict[str, Any]:
        data: dict[str, Any] = (await self._http.get(self._path)).json()["data"]
        return data

    async def pid(self, command: str) -> int:
        answer = await self.start(command)
        assert answer.status_code == 200, answer.text
        pid: int = answer.json()["data"]["pid"]
        return pid

    async def result(self, pid: int) -> dict[str, Any]:
        """What the answer holds that says it has exited."""
        with anyio.fail_after(DEADLINE):
            while True:
                answer = await self.poll(pid)
                assert answer.status_code == 200, answer.text
                data: dict[str, Any] = answer.json()["data"]
                if data["exited"]:
                    return data
                await anyio.sleep(0.01)

    async def run(self, command: str) -> dict[str, Any]:
        return await self.result(await self.pid(command))


@pytest.fixture
async def client(bridge: Bridge, vps: Vps) -> AsyncIterator[Client]:
    headers = {"X-API-Key": KEY}
    async with httpx.AsyncClient(base_url=bridge.url, headers=headers, timeout=DEADLINE, verify=False) as http:
        yield Client(http, vps.vmid)


async def test_a_command_runs_without_home_in_the_root_with_a_short_path(client: Client) -> None:
    told = await client.run('echo "${HOME-unset} ${USER-unset} ${LANG-unset} $PATH"; pwd; id -u')

    assert told == {"exited": True, "exitcode": 0, "stdout": f"unset unset unset {PATH}\n/\n0\n"}


async def test_a_running_command_is_told_as_not_exited_and_nothing_else(client: Client, vps: Vps) -> None:
    pid = await client.pid(f"echo early; while [ ! -e {vps.files}/go ]; do sleep 0.01; done")

    assert (await client.poll(pid)).json()["data"] == {"exited": False}
    (vps.files / "go").touch()
    assert (await client.result(pid))["stdout"] == "early\n"


async def test_a_result_is_told_once_and_then_its_pid_is_as_unknown_as_any(client: Client) -> None:
    pid = await client.pid("echo out; echo err >&2; exit 3")
    told = await client.result(pid)
    again, never = await client.poll(pid), await client.poll(-7)

    assert told == {"exited": True, "exitcode": 3, "stdout": "out\n", "stderr": "err\n"}
    for answer in (again, never):
        assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
        assert answer.json()["message"] == "Agent error: Invalid parameter 'pid'"


async def test_a_command_that_a_signal_killed_has_no_exit_code(client: Client) -> None:
    assert await client.run("kill -KILL $$") == {"exited": True}


async def test_a_child_in_the_background_keeps_a_bare_command_open(client: Client, vps: Vps) -> None:
    pid = await client.pid(f"sleep 1000 & echo $! > {vps.files}/child; echo started")
    child = vps.files / "child"
    await eventually(lambda: child.exists() and child.read_text().endswith("\n"))
    await anyio.sleep(0.3)

    assert (await client.poll(pid)).json()["data"] == {"exited": False}
    await client.run(f"kill {vps.read('child')}")
    assert (await client.result(pid))["stdout"] == "started\n"


async def test_an_agent_that_was_restarted_knows_no_pid_of_before(client: Client, vps: Vps) -> None:
    pid = await client.pid("sleep 1000")
    vps.kill()
    assert not (await client.probe())["available"]
    assert "guest agent is not running" in (await client.poll(pid)).text
    vps.start()

    assert (await client.probe())["available"]
    assert "Invalid parameter 'pid'" in (await client.poll(pid)).text


async def test_an_agent_that_dies_while_it_is_asked_is_not_running(client: Client, bridge: Bridge, vps: Vps) -> None:
    vps.hang()
    answers: list[httpx.Response] = []

    async def start() -> None:
        answers.append(await client.start("true"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(start)
        await anyio.sleep(0.3)
        vps.kill()

    assert (answers[0].status_code, answers[0].json()["message"]) == (500, "QEMU guest agent is not running")


async def test_an_agent_whose_exec_is_switched_off_is_there_and_refuses(client: Client, vps: Vps) -> None:
    vps.kill()
    vps.start("--block-rpcs=guest-exec")
    answer = await client.start(f"touch {vps.files}/ran")

    assert (await client.probe())["available"]
    assert (answer.status_code, answer.json()["message"]) == (
        500,
        "Agent error: Command guest-exec has been disabled",
    )
    assert not (vps.files / "ran").exists()


async def test_a_frozen_agent_is_there_and_refuses(client: Client, vps: Vps) -> None:
    vps.kill()
    vps.start(frozen=True)
    started, polled = await client.start(f"touch {vps.files}/ran"), await client.poll(1)

    assert (await client.probe())["available"]
    for answer, command in ((started, "guest-exec"), (polled, "guest-exec-status")):
        assert answer.status_code == 500
        assert answer.json()["message"].startswith(f"Agent error: Command {command} has been disabled")
        assert answer.json()["message"].endswith("the agent is in frozen state")
    assert not (vps.files / "ran").exists()


async def test_of_many_that_ask_at_once_each_gets_its_own_answer(client: Client) -> None:
    told: dict[int, str] = {}

    async def ask(number: int) -> None:
        told[number] = (await client.run(f"echo {number}"))["stdout"]

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(ask, number)

    assert told == {number: f"{number}\n" for number in range(20)}


async def test_the_bridge_takes_no_other_key_and_no_command_that_is_too_long(bridge: Bridge, client: Client) -> None:
    async with httpx.AsyncClient(base_url=bridge.url, headers={"X-API-Key": "wrong"}, verify=False) as http:
        assert (await http.get(path(10001))).status_code == 401

    assert (await client.start("#" * 4097)).status_code == 400
    assert (await client.start("#" * 4096)).status_code == 200
