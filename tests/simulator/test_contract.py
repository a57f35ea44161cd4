"""HostUp v1's routes, envelopes and errors."""

import json
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from orchestrator.simulator import running_simulator
from tests.simulator.conftest import MakeSettings
from tests.simulator.fleet_client import client_of, path

pytestmark = pytest.mark.anyio

ERROR = {"code", "error", "message", "requestId", "timestamp"}


async def test_a_start_is_answered_with_the_pid_and_the_command_echoed(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        answer = await client.start("echo 'ä'")
        body = answer.json()

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert set(body) == {"success", "timestamp", "requestId", "data"}
    assert set(body["data"]) == {"success", "pid", "message", "command"}
    assert (body["success"], body["data"]["success"], body["data"]["command"]) == (True, True, "echo 'ä'")


async def test_a_poll_and_a_probe_differ_only_by_the_pid(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        pid = await client.pid("true")
        poll, probe = (await client.poll(pid)).json(), (await client.probe()).json()

    assert set(poll) == set(probe) == {"success", "timestamp", "requestId", "data"}
    assert "exited" in poll["data"]
    assert probe["data"] == {"available": True, "message": "QEMU guest agent is available"}


@pytest.mark.parametrize(
    "headers", [{}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer wrong"}, {"X-API-Key": "demo-keyä".encode()}]
)
async def test_a_call_without_the_key_is_401(settings: MakeSettings, headers: dict[str, Any]) -> None:
    async with running_simulator(settings()) as simulator, httpx.AsyncClient(base_url=simulator.url) as http:
        answer = await http.post(path(10000), json={"command": "touch ran"}, headers=headers)
        assert simulator.log() == ()

    assert answer.status_code == 401
    assert set(answer.json()) == ERROR


async def test_the_key_may_come_as_a_bearer_token(settings: MakeSettings) -> None:
    async with running_simulator(settings(key="k-1")) as simulator, httpx.AsyncClient(base_url=simulator.url) as http:
        answer = await http.get(path(10000), headers={"Authorization": "Bearer k-1"})

    assert answer.status_code == 200


async def test_an_unknown_vmid_is_404(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        answer = await client.start("true", vmid=10002)

    assert answer.status_code == 404
    assert set(answer.json()) == ERROR


@pytest.mark.parametrize("vmid", ["abc", "0", "-1", "1" * 30, "10000.0", "%31"])
async def test_a_vmid_that_is_no_positive_integer_is_400(settings: MakeSettings, vmid: str) -> None:
    async with client_of(settings()) as client:
        answer = await client.http.get(path(vmid))

    assert answer.status_code == 400
    assert answer.json()["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'"true"',
        b"{}",
        b'{"command": 1}',
        b'{"command": ""}',
        b'{"command": "true", "timeout": 5}',
        b'{"command": "a\\u0000b"}',
        b'{"command": "\\ud800"}',
        json.dumps({"command": "x" * 4097}).encode(),
    ],
    ids=lambda body: body[:30].decode("ascii", "replace"),
)
async def test_a_malformed_body_is_400_and_starts_nothing(settings: MakeSettings, body: bytes) -> None:
    async with client_of(settings()) as client:
        answer = await client.http.post(path(10000), content=body)
        assert client.simulator.log() == ()

    assert answer.status_code == 400
    assert answer.json()["code"] == "BAD_REQUEST"
    assert set(answer.json()) == ERROR


@pytest.mark.parametrize("pid", ["", "abc", "1" * 30, "1.0", " 1"])
async def test_a_pid_that_is_no_integer_is_400(settings: MakeSettings, pid: str) -> None:
    async with client_of(settings()) as client:
        assert (await client.poll(pid)).status_code == 400


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf /",
        "rm -fr /*",
        "sudo rm -r -f / ; echo",
        "rm --recursive --no-preserve-root /",
        "sh -c 'rm -rf /'",
        ":(){ :|:& };:",
        "mkfs.ext4 /dev/sdb",
        "dd if=/dev/zero of=/dev/sda bs=1M",
        "echo > /dev/vda",
    ],
)
async def test_a_dangerous_command_is_blocked(settings: MakeSettings, command: str) -> None:
    async with client_of(settings()) as client:
        answer = await client.start(command)
        stats = client.simulator.stats()
        assert client.simulator.log() == ()

    assert answer.status_code == 400
    assert answer.json()["code"] == "BAD_REQUEST"
    assert answer.json()["message"] == "This command has been blocked for safety reasons"
    assert stats.blocked == 1


@pytest.mark.parametrize(
    "command",
    ["echo rm -rf /srv/app", "echo 'format: mkfs'", "dd if=/dev/zero of=/dev/null count=1", "echo x > /dev/null"],
)
async def test_a_command_that_only_looks_a_little_like_one_is_not(settings: MakeSettings, command: str) -> None:
    async with client_of(settings()) as client:
        assert (await client.run(command))["exitcode"] == 0


async def test_the_filter_takes_patterns_of_ones_own(settings: MakeSettings) -> None:
    async with client_of(settings(blocked=("drop +table",))) as client:
        assert (await client.start("echo drop  table")).status_code == 400
        assert (await client.start("echo drop it")).status_code == 200


async def test_a_command_that_cannot_be_started_is_500_no_pid(settings: MakeSettings, tmp_path: Path) -> None:
    async with client_of(settings()) as client:
        home = tmp_path / "fleet" / "10000" / "home"
        home.rmdir()
        home.write_text("a file where the directory should be")
        answer = await client.start("true")
        assert client.simulator.log() == ()

    assert answer.status_code == 500
    assert answer.json()["code"] == "INTERNAL_ERROR"
    assert answer.json()["message"] == "Failed to execute command - no PID returned"


async def test_more_calls_than_the_rate_allows_are_429_until_the_time_it_names(settings: MakeSettings) -> None:
    async with client_of(settings(rate=4.0, burst=3)) as client:
        answers = [await client.probe(vmid=vmid) for vmid in (10000, 10001, 10000, 10001)]
        limited = answers[-1].json()
        await anyio.sleep(float(limited["retryAfter"]))
        later = await client.probe()

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert set(limited) == {"error", "message", "retryAfter", "requestId"}
    assert limited["retryAfter"] == "1"
    assert later.status_code == 200


async def test_unknown_paths_and_methods_are_refused(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        assert (await client.http.get("/api/vm/10000/details")).status_code == 404
        assert (await client.http.delete(path(10000))).status_code == 405
        head = await client.http.head(path(10000))
        assert (head.status_code, head.content) == (405, b"")


@pytest.mark.parametrize("header", [{"Origin": "https://example.org"}, {"Host": "example.org"}])
async def test_a_web_page_cannot_start_commands_even_with_the_key(
    settings: MakeSettings, header: dict[str, str]
) -> None:
    async with client_of(settings()) as client:
        answer = await client.http.post(path(10000), json={"command": "touch ran"}, headers=header)
        assert client.simulator.log() == ()

    assert answer.status_code == 403


async def test_stats_count_what_was_asked_and_what_ran(settings: MakeSettings) -> None:
    async with client_of(settings()) as client:
        pid = await client.pid("sleep 0.2")
        await client.poll(pid)
        await client.result(pid)
        await client.probe(vmid=10001)
        await client.start("rm -rf /")
        await client.start("true", vmid=5)
        stats = (await client.http.get("/_simulator/stats")).json()
        polls = stats["vmids"]["10000"].pop("polls")

    assert stats["vmids"] == {
        "10000": {
            "starts": 1, "probes": 0, "in_flight_max": 1, "requests_max": 1, "running": 0,
            "reachable": True,
        },
        "10001": {
            "starts": 0, "polls": 0, "probes": 1, "in_flight_max": 0, "requests_max": 1, "running": 0,
            "reachable": True,
        },
    }  # fmt: skip
    assert stats["requests"] == {
        "exec": {"200": 1, "400": 1, "404": 1},
        "poll": {"200": polls},
        "probe": {"200": 1},
    }
    assert (stats["running"], stats["running_max"], stats["requests_max"], stats["blocked"]) == (0, 1, 1, 1)
    assert stats["faults"] == {}


async def test_the_log_has_every_command_byte_for_byte_in_order(settings: MakeSettings) -> None:
    commands = ["echo 'ä' \"$HOME\"", "true\n", "printf '\\t'"]
    async with client_of(settings()) as client:
        pids = [await client.pid(command) for command in commands]
        whole = (await client.http.get("/_simulator/log")).json()
        rest = (await client.http.get("/_simulator/log", params={"after": 2})).json()
        wrong = await client.http.get("/_simulator/log", params={"after": "x"})

    assert [entry["command"] for entry in whole["entries"]] == commands
    assert [entry["pid"] for entry in whole["entries"]] == pids
    assert [(entry["seq"], entry["vmid"]) for entry in whole["entries"]] == [(1, 10000), (2, 10000), (3, 10000)]
    assert rest == {"entries": whole["entries"][2:], "last": 3}
    assert wrong.status_code == 400
