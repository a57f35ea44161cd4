"""What each fault does to a request, over HTTP."""

import anyio
import httpx
import pytest

from orchestrator.simulator import read_faults
from tests.simulator.conftest import MakeSettings
from tests.simulator.fleet_client import FleetClient, client_of, eventually, path

pytestmark = pytest.mark.anyio

ONCE = {"count": 1}


def _ran(client: FleetClient) -> list[str]:
    return [entry.command for entry in client.simulator.log()]


async def test_faults_may_be_in_force_from_the_start(settings: MakeSettings) -> None:
    faults = read_faults({"all": {"rate_limit": ONCE}})
    async with client_of(settings(faults=faults)) as client:
        assert [(await client.probe()).status_code for _ in range(2)] == [429, 200]


async def test_posted_faults_replace_the_earlier_ones(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        await client.set_faults({"all": {"rate_limit": 1.0}})
        assert (await client.probe()).status_code == 429
        await client.set_faults({})
        assert (await client.probe()).status_code == 200


async def test_wrong_faults_are_refused_with_all_problems_and_change_nothing(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        await client.set_faults({"all": {"rate_limit": 1.0}})
        answer = await client.http.post("/_simulator/faults", json={"all": {"slwo": 1, "hang": 2}})
        garbled = await client.http.post("/_simulator/faults", content=b"{")

        assert (answer.status_code, garbled.status_code) == (400, 400)
        assert "did you mean slow?" in answer.json()["message"]
        assert "all.hang" in answer.json()["message"]
        assert (await client.probe()).status_code == 429


async def test_a_fault_of_one_vmid_leaves_the_others_alone(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        await client.set_faults({"vmids": {10001: {"rate_limit": 1.0}}})

        assert (await client.probe(vmid=10000)).status_code == 200
        assert (await client.probe(vmid=10001)).status_code == 429


async def test_fired_faults_are_counted(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        await client.set_faults({"all": {"rate_limit": {"count": 2}}})
        for _ in range(5):
            await client.probe()

        assert client.simulator.stats().faults == {"rate_limit": 2}


async def test_drop_reply_before_starts_nothing(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        await client.set_faults({"all": {"drop_reply_before": ONCE}})
        with pytest.raises(httpx.RemoteProtocolError):
            await client.start("touch ran")

        assert _ran(client) == []
        assert client.simulator.stats().requests["exec"] == {"dropped": 1}


async def test_drop_reply_after_starts_the_command_all_the_same(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        await client.set_faults({"all": {"drop_reply_after": ONCE}})
        with pytest.raises(httpx.RemoteProtocolError):
            await client.start("touch ran")

        assert _ran(client) == ["touch ran"]
        assert client.simulator.log()[0].faults == ("drop_reply_after",)


async def test_consume_result_loses_a_result_once_there_is_one(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        await client.set_faults({"all": {"consume_result": ONCE}})
        pid = await client.pid("until [ -e go ]; do sleep 0.02; done")
        assert (await client.poll(pid)).json()["data"] == {"exited": False}
        other = await client.pid("touch go")
        await client.over()
        with pytest.raises(httpx.RemoteProtocolError):
            await client.poll(pid)

        assert (await client.poll(pid)).status_code == 500
        assert (await client.poll(other)).json()["data"]["exited"] is True


async def test_no_pid_500_starts_the_command_half_of_the_time(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        await client.set_faults({"seed": 1, "all": {"no_pid_500": 1.0}})
        answers = [await client.start("true") for _ in range(40)]

        assert {(answer.status_code, answer.json()["message"]) for answer in answers} == {
            (500, "Failed to execute command - no PID returned")
        }
        assert 10 < len(_ran(client)) < 30


async def test_rate_limit_has_no_effect_and_names_the_seconds(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        await client.set_faults({"all": {"rate_limit": ONCE}})
        answer = await client.start("true")

        assert (answer.status_code, answer.json()["retryAfter"]) == (429, "1")
        assert _ran(client) == []


async def test_blocked_strikes_starts_alone(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        await client.set_faults({"all": {"blocked": ONCE}})
        assert (await client.probe()).status_code == 200
        answer = await client.start("true")

        assert (answer.status_code, answer.json()["message"]) == (
            400,
            "This command has been blocked for safety reasons",
        )
        assert client.simulator.stats().blocked == 1
        assert _ran(client) == []


async def test_a_down_agent_is_not_available_and_runs_nothing(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        pid = await client.pid("true")
        await client.over()
        await client.set_faults({"vmids": {10000: {"agent_down": 1.0}}})
        probe = await client.probe()
        answers = [await client.start("true") for _ in range(20)] + [await client.poll(pid)]

        assert probe.json()["data"] == {"available": False, "message": "QEMU guest agent is not running"}
        assert {answer.status_code for answer in answers} == {500, 503}
        assert {answer.json()["message"] for answer in answers} == {"QEMU guest agent is not running"}
        assert _ran(client) == ["true"]
        assert [vps.reachable for vps in client.simulator.stats().vmids.values()] == [False, True]
        await client.set_faults({})
        assert (await client.result(pid))["exitcode"] == 0


async def test_slow_has_its_effect_at_once_and_answers_later(settings: MakeSettings) -> None:
    async with client_of(settings(slow=0.5)) as client:
        await client.set_faults({"all": {"slow": ONCE}})
        async with anyio.create_task_group() as tasks:
            began = anyio.current_time()
            tasks.start_soon(client.start, "true")
            await eventually(lambda: _ran(client) == ["true"])
            assert anyio.current_time() - began < 0.4
        assert anyio.current_time() - began >= 0.5


async def test_html_body_is_a_gateways_page_after_an_effect_or_none(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        await client.set_faults({"seed": 1, "all": {"html_body": 1.0}})
        answers = [await client.start("true") for _ in range(40)]

        assert {(answer.status_code, answer.headers["content-type"]) for answer in answers} == {(502, "text/html")}
        assert "<html>" in answers[0].text
        assert 10 < len(_ran(client)) < 30


async def test_a_recycled_pid_returns_the_old_result_first(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        old = await client.pid("echo old")
        await client.over()
        await client.set_faults({"all": {"recycle_pids": ONCE}})
        new = await client.pid("echo new")

        assert new == old
        assert (await client.result(new))["stdout"] == "old\n"
        assert (await client.result(new))["stdout"] == "new\n"


async def test_a_collected_pid_is_given_again(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        await client.set_faults({"all": {"recycle_pids": ONCE}})
        old = await client.pid("echo old")
        await client.result(old)
        new = await client.pid("echo new")

        assert new == old
        assert (await client.result(old))["stdout"] == "new\n"


async def test_latin1_output_is_mojibake_that_can_be_undone(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        await client.set_faults({"all": {"latin1_output": ONCE}})
        garbled = (await client.run("echo 'å→'"))["stdout"]

        assert garbled != "å→\n"
        assert garbled.encode("latin-1").decode() == "å→\n"
        assert (await client.run("echo 'å→'"))["stdout"] == "å→\n"


async def test_hang_never_answers_and_holds_the_connection_open(settings: MakeSettings) -> None:
    async with client_of(settings(keep_alive=0.1)) as client:
        await client.set_faults({"all": {"hang": ONCE}})
        with pytest.raises(httpx.ReadTimeout):
            await client.http.get(path(10000), timeout=0.5)

        assert (await client.probe()).status_code == 200
        assert client.simulator.stats().requests["probe"] == {"held": 1, "200": 1}


async def test_a_hanging_request_does_not_keep_the_simulator_from_ending(settings: MakeSettings) -> None:
    async with anyio.create_task_group() as tasks:
        with anyio.fail_after(5):
            async with client_of(settings()) as client:
                await client.set_faults({"all": {"hang": ONCE}})
                tasks.start_soon(client.probe)
                await eventually(lambda: client.simulator.stats().requests.get("probe") == {"held": 1})
                tasks.cancel_scope.cancel()
