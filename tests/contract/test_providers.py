"""What every provider promises, whatever it speaks to: the same commands, run by a real sh, over each of them."""

from pathlib import Path

import anyio
import pytest

from orchestrator.model.host import Host
from orchestrator.model.ids import HostName, Vmid
from orchestrator.ports import (
    Exited,
    NotReachable,
    NotStarted,
    PidGone,
    PollUnanswered,
    Provider,
    Reachable,
    Refusal,
    Started,
    StillRunning,
)
from tests.contract.conftest import OpenFleet

pytestmark = pytest.mark.anyio

LIMIT = 20.0
"""Seconds that a trivial command may take on a busy machine."""


async def started(provider: Provider, host: Host, command: str) -> int:
    reply = await provider.start(host, command)
    assert isinstance(reply, Started), reply
    return reply.pid


async def outcome(provider: Provider, host: Host, pid: int) -> Exited:
    """The result of a command, polled for until it has exited."""
    with anyio.fail_after(LIMIT):
        while isinstance(reply := await provider.poll(host, pid), StillRunning):  # noqa: ASYNC110  (there is nothing to wait for but the next poll)
            await anyio.sleep(provider.capabilities.poll_floor)
    assert isinstance(reply, Exited), reply
    return reply


async def ran(provider: Provider, host: Host, command: str) -> Exited:
    return await outcome(provider, host, await started(provider, host, command))


async def test_a_command_is_started_and_polled_until_it_exits(open_fleet: OpenFleet, tmp_path: Path) -> None:
    async with open_fleet(tmp_path) as fleet:
        result = await ran(fleet.provider, fleet.hosts[0], "echo out; echo err >&2")

    assert result == Exited(exit_code=0, stdout="out\n", stderr="err\n")


async def test_a_command_that_fails_gives_its_status(open_fleet: OpenFleet, tmp_path: Path) -> None:
    async with open_fleet(tmp_path) as fleet:
        result = await ran(fleet.provider, fleet.hosts[0], "echo half; exit 3")

    assert result == Exited(exit_code=3, stdout="half\n", stderr="")


async def test_a_command_killed_by_a_signal_has_no_status(open_fleet: OpenFleet, tmp_path: Path) -> None:
    async with open_fleet(tmp_path) as fleet:
        result = await ran(fleet.provider, fleet.hosts[0], "kill -9 $$")

    assert result == Exited(exit_code=None, stdout="", stderr="")


async def test_no_output_is_empty_output(open_fleet: OpenFleet, tmp_path: Path) -> None:
    async with open_fleet(tmp_path) as fleet:
        result = await ran(fleet.provider, fleet.hosts[0], "true")

    assert result == Exited(exit_code=0, stdout="", stderr="")


async def test_a_command_still_runs_until_it_has_exited(open_fleet: OpenFleet, tmp_path: Path) -> None:
    flag = tmp_path / "go"
    async with open_fleet(tmp_path) as fleet:
        host = fleet.hosts[0]
        pid = await started(fleet.provider, host, f"while ! [ -e '{flag}' ]; do sleep 0.02; done; exit 4")
        for _ in range(5):
            assert await fleet.provider.poll(host, pid) == StillRunning()
        flag.touch()

        assert (await outcome(fleet.provider, host, pid)).exit_code == 4


async def test_a_result_is_given_once(open_fleet: OpenFleet, tmp_path: Path) -> None:
    async with open_fleet(tmp_path) as fleet:
        host = fleet.hosts[0]
        pid = await started(fleet.provider, host, "true")
        await outcome(fleet.provider, host, pid)

        for _ in range(2):
            assert isinstance(await fleet.provider.poll(host, pid), PidGone)


async def test_a_pid_that_was_never_there_is_gone(open_fleet: OpenFleet, tmp_path: Path) -> None:
    async with open_fleet(tmp_path) as fleet:
        for pid in (4_000_000, 2**31 - 1, 2**40, 0, -1):
            assert isinstance(await fleet.provider.poll(fleet.hosts[0], pid), PidGone)


async def test_a_pid_of_one_host_is_not_of_another(open_fleet: OpenFleet, tmp_path: Path) -> None:
    async with open_fleet(tmp_path) as fleet:
        one, other = fleet.hosts[:2]
        pid = await started(fleet.provider, one, "echo one")
        own = await started(fleet.provider, other, "echo other")
        if own != pid:
            assert isinstance(await fleet.provider.poll(other, pid), PidGone)

        assert (await outcome(fleet.provider, one, pid)).stdout == "one\n"
        assert (await outcome(fleet.provider, other, own)).stdout == "other\n"


async def test_an_unknown_vmid_is_told_by_every_call(open_fleet: OpenFleet, tmp_path: Path) -> None:
    async with open_fleet(tmp_path) as fleet:
        start = await fleet.provider.start(fleet.stranger, "true")
        poll = await fleet.provider.poll(fleet.stranger, 1000)
        probe = await fleet.provider.probe(fleet.stranger)

    assert isinstance(start, NotStarted)
    assert isinstance(poll, PollUnanswered)
    assert isinstance(probe, NotReachable)
    assert start.refusal is poll.refusal is probe.refusal is Refusal.NO_SUCH_HOST
    assert "99999" in start.message


async def test_a_host_that_is_there_is_reachable(open_fleet: OpenFleet, tmp_path: Path) -> None:
    async with open_fleet(tmp_path) as fleet:
        assert await fleet.provider.probe(fleet.hosts[0]) == Reachable()


async def test_a_long_command_arrives_whole(open_fleet: OpenFleet, tmp_path: Path) -> None:
    word = "x" * 2_980
    async with open_fleet(tmp_path) as fleet:
        assert fleet.provider.capabilities.max_command >= 3_000
        result = await ran(fleet.provider, fleet.hosts[0], f"printf %s '{word}'")

    assert result.stdout == word


async def test_what_cannot_be_a_command_is_not_started(open_fleet: OpenFleet, tmp_path: Path) -> None:
    async with open_fleet(tmp_path) as fleet:
        longest = fleet.provider.capabilities.max_command
        for command in ("", " \n", "true\0", "x" * (longest + 1)):
            reply = await fleet.provider.start(fleet.hosts[0], command)
            assert isinstance(reply, NotStarted), command[:10]
            assert reply.refusal is Refusal.INVALID

        assert (await ran(fleet.provider, fleet.hosts[0], "true".ljust(longest))).exit_code == 0


async def test_text_beyond_ascii_goes_there_and_comes_back(open_fleet: OpenFleet, tmp_path: Path) -> None:
    text = "grün ✓ 漢字 😀 'quoted' \\ tab\t"
    async with open_fleet(tmp_path) as fleet:
        result = await ran(fleet.provider, fleet.hosts[0], f"cat <<'EOF'\n{text}\nEOF\n")

    assert result.stdout == f"{text}\n"


async def test_many_hosts_run_at_once_and_each_gets_its_own_result(open_fleet: OpenFleet, tmp_path: Path) -> None:
    outputs: dict[HostName, str] = {}

    async with open_fleet(tmp_path) as fleet:

        async def run(host: Host) -> None:
            for number in range(3):
                result = await ran(fleet.provider, host, f"echo {host.vmid} {number}")
                outputs[host.name] = outputs.get(host.name, "") + result.stdout

        async with anyio.create_task_group() as tasks:
            for host in fleet.hosts:
                tasks.start_soon(run, host)

        assert outputs == {host.name: "".join(f"{host.vmid} {n}\n" for n in range(3)) for host in fleet.hosts}


async def test_a_vps_gets_one_request_at_a_time(open_fleet: OpenFleet, tmp_path: Path) -> None:
    results: list[str] = []

    async with open_fleet(tmp_path) as fleet:
        host = fleet.hosts[0]

        async def run(number: int) -> None:
            results.append((await ran(fleet.provider, host, f"echo {number}")).stdout)

        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(run, number)
                tasks.start_soon(fleet.provider.probe, host)

        assert fleet.at_once(host) == 1
    assert sorted(results) == [f"{number}\n" for number in range(10)]


async def test_a_cancelled_call_leaves_the_provider_usable(open_fleet: OpenFleet, tmp_path: Path) -> None:
    async with open_fleet(tmp_path) as fleet:
        host = fleet.hosts[0]
        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(fleet.provider.start, host, "true")
                tasks.start_soon(fleet.provider.probe, host)
            await anyio.sleep(0.005)
            tasks.cancel_scope.cancel()

        assert (await ran(fleet.provider, host, "echo well")).stdout == "well\n"


async def test_a_vmid_that_is_no_number_is_refused_by_every_call(open_fleet: OpenFleet, tmp_path: Path) -> None:
    async with open_fleet(tmp_path) as fleet:
        for vmid in ("", "0", "vps_1", "10000/../1", "10000?pid=1", "-1", "１０", "99999999999", "010000", "1\n"):
            host = Host(name=HostName("odd"), vmid=Vmid(vmid))
            assert isinstance(await fleet.provider.start(host, "true"), NotStarted)
            assert isinstance(await fleet.provider.poll(host, 1), PollUnanswered)
            assert isinstance(await fleet.provider.probe(host), NotReachable)
