"""What HostUp v1's provider puts on the wire, and what it never does."""

import gc
import json
from dataclasses import replace

import anyio
import pytest

from orchestrator.errors import InputError
from orchestrator.http import ApiClient, Patience
from orchestrator.model.host import Host, ProviderSpec
from orchestrator.model.ids import HostName, Vmid
from orchestrator.ports import NotStarted, PollUnanswered, Refusal, Started, StartUnknown, StillRunning
from orchestrator.providers import PROVIDERS
from orchestrator.providers.hostup import HostUp
from orchestrator.providers.rules import Turns
from tests.http.loopback import Loopback, Seen, answer, serving

pytestmark = pytest.mark.anyio

KEY = "key-0123456789"
ROUTE = "/api/vm/10000/agent/exec"


def host(vmid: str = "10000") -> Host:
    return Host(name=HostName(f"vps-{vmid}"), vmid=Vmid(vmid))


def hostup(server: Loopback) -> HostUp:
    client = ApiClient(server.url, headers={"X-API-Key": KEY}, patience=Patience(answer=5, connect=5))
    return HostUp(server.url, KEY, client=client)


async def well(seen: Seen) -> bytes:
    data = {"pid": 12} if seen.method == "POST" else {"exited": False, "available": True}
    return answer(json.dumps({"success": True, "data": data}).encode())


async def test_each_call_is_one_request_of_the_contract() -> None:
    async with serving(well) as server, HostUp(server.url, KEY) as provider:
        assert await provider.start(host(), "echo 'ä'") == Started(pid=12)
        assert await provider.poll(host(), 12) == StillRunning()
        await provider.probe(host())

    start, poll, probe = server.requests
    assert (start.method, start.target, json.loads(start.body)) == ("POST", ROUTE, {"command": "echo 'ä'"})
    assert (poll.method, poll.target, poll.body) == ("GET", f"{ROUTE}?pid=12", b"")
    assert (probe.method, probe.target, probe.body) == ("GET", ROUTE, b"")
    assert {seen.headers["x-api-key"] for seen in server.requests} == {KEY}


async def test_nothing_is_sent_for_a_vmid_that_is_no_number_or_for_no_command() -> None:
    async with serving(well) as server, HostUp(server.url, KEY) as provider:
        for vmid in ("", "0", "1/../2", "1?pid=3", "vps_1", "1 ", "１", "1\n"):
            reply = await provider.start(host(vmid), "true")
            assert isinstance(reply, NotStarted)
            assert (reply.refusal, "is not a number" in reply.message) == (Refusal.INVALID, True)
            await provider.poll(host(vmid), 1)
            await provider.probe(host(vmid))
        await provider.start(host(), "")
        await provider.start(host(), "x" * 5000)

    assert server.requests == []


async def test_a_start_whose_answer_is_lost_is_unknown_and_is_sent_once() -> None:
    async def close(_: Seen) -> None:
        return None

    async with serving(close) as server, hostup(server) as provider:
        assert isinstance(await provider.start(host(), "true"), StartUnknown)
        assert isinstance(await provider.poll(host(), 12), PollUnanswered)
    assert [seen.method for seen in server.requests] == ["POST", "GET"]


async def test_a_start_that_met_no_server_is_not_started() -> None:
    async with serving(well) as server:
        url = server.url
    async with HostUp(url, KEY) as provider:
        reply = await provider.start(host(), "true")
    assert isinstance(reply, NotStarted)
    assert reply.refusal is Refusal.API_DOWN


async def test_a_vps_gets_one_request_at_a_time_and_another_need_not_wait_for_it() -> None:
    busy: dict[str, int] = {}
    most: dict[str, int] = {}
    together = 0

    async def watched(seen: Seen) -> bytes:
        nonlocal together
        vmid = seen.target.split("/")[3]
        busy[vmid] = busy.get(vmid, 0) + 1
        most[vmid] = max(most.get(vmid, 0), busy[vmid])
        together = max(together, sum(busy.values()))
        await anyio.sleep(0.01)
        busy[vmid] -= 1
        return await well(seen)

    async with serving(watched) as server, hostup(server) as provider, anyio.create_task_group() as tasks:
        for vmid in ("10000", "10001", "10002"):
            for _ in range(5):
                tasks.start_soon(provider.start, host(vmid), "true")
                tasks.start_soon(provider.probe, host(vmid))

    assert most == {"10000": 1, "10001": 1, "10002": 1}
    assert together == 3


async def test_a_lock_is_kept_only_while_it_is_in_use() -> None:
    turns = Turns()
    for vmid in range(100):
        async with turns.of(Vmid(str(vmid))):
            assert turns.of(Vmid(str(vmid))).locked()
    gc.collect()

    assert len(turns) == 0


async def test_the_key_is_in_no_repr_and_in_no_reply() -> None:
    async def echo(seen: Seen) -> bytes:
        body = {"code": "UNAUTHORIZED", "message": f"bad key {seen.headers['x-api-key']}"}
        return answer(json.dumps(body).encode(), status=401)

    async with serving(echo) as server, hostup(server) as provider:
        replies = [await provider.start(host(), "true"), await provider.poll(host(), 1), await provider.probe(host())]

        assert "bad key [key]" in str(replies[0])
        assert KEY not in f"{replies} {provider!r} {vars(provider)['_client']!r}"


def test_every_kind_of_the_table_makes_a_provider_and_the_simulator_is_polled_faster() -> None:
    spec = ProviderSpec(kind="hostup", url="http://127.0.0.1:1", api_key="env:KEY")
    providers = {kind: make(spec, KEY) for kind, make in PROVIDERS.items()}

    assert set(providers) == {"hostup", "simulator"}
    assert providers["hostup"].capabilities.poll_floor == 0.2
    assert providers["simulator"].capabilities.poll_floor == 0.02


def test_hostup_itself_is_not_asked_in_the_clear_and_a_simulator_elsewhere_may_be() -> None:
    spec = ProviderSpec(kind="hostup", url="http://fleet.invalid", api_key="env:KEY")

    with pytest.raises(InputError, match="in the clear"):
        PROVIDERS["hostup"](spec, KEY)
    PROVIDERS["hostup"](replace(spec, url="https://fleet.invalid"), KEY)
    PROVIDERS["simulator"](spec, KEY)
