"""The provider in memory: its hooks for what goes wrong, and its record of what was asked."""

import anyio
import pytest

from orchestrator.errors import Bug
from orchestrator.model.host import Host
from orchestrator.model.ids import HostName, Vmid
from orchestrator.ports import (
    Exited,
    NotStarted,
    PidGone,
    PollUnanswered,
    Reachable,
    Refusal,
    Started,
    StartUnknown,
    StillRunning,
)
from orchestrator.providers.memory import Call, Kind, MemoryProvider, Reply

pytestmark = pytest.mark.anyio

VMID = Vmid("10000")
HOST = Host(name=HostName("a"), vmid=VMID)
DONE = Exited(exit_code=0, stdout="", stderr="")


async def at_once(_: Host, command: str) -> Exited:
    return DONE


async def test_every_call_is_recorded_in_order() -> None:
    async with MemoryProvider(at_once, vmids=[VMID]) as provider:
        await provider.probe(HOST)
        await provider.start(HOST, "true")
        await provider.poll(HOST, 1000)

    assert provider.calls == [
        Call(kind="probe", vmid=VMID),
        Call(kind="start", vmid=VMID, command="true"),
        Call(kind="poll", vmid=VMID),
    ]


async def test_calls_that_overlap_are_counted_and_served_one_by_one() -> None:
    async with MemoryProvider(at_once, vmids=[VMID]) as provider:
        await provider.probe(HOST)
        assert provider.max_in_flight == {VMID: 1}
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(provider.probe, HOST)

    assert (provider.max_in_flight, provider.max_served) == ({VMID: 3}, {VMID: 1})


async def test_a_fault_takes_the_place_of_the_call() -> None:
    def agent_down(kind: Kind, _: Host) -> Reply | None:
        return NotStarted(refusal=Refusal.HOST_DOWN, message="down") if kind == "start" else None

    async with MemoryProvider(at_once, vmids=[VMID], fault=agent_down) as provider:
        assert isinstance(await provider.start(HOST, "true"), NotStarted)
        assert isinstance(await provider.poll(HOST, 1000), PidGone)
        assert await provider.probe(HOST) == Reachable()


async def test_a_lost_answer_is_lost_after_the_effect() -> None:
    ran: list[str] = []
    lose = True

    async def run(_: Host, command: str) -> Exited:
        ran.append(command)
        return DONE

    def lost(kind: Kind, _: Host) -> Reply | None:
        return (StartUnknown(message="lost") if kind == "start" else PollUnanswered(message="lost")) if lose else None

    async with MemoryProvider(run, vmids=[VMID], loss=lost) as provider:
        assert await provider.start(HOST, "first") == StartUnknown(message="lost")
        await anyio.wait_all_tasks_blocked()
        assert ran == ["first"]
        assert await provider.poll(HOST, 1000) == PollUnanswered(message="lost")
        lose = False
        assert isinstance(await provider.poll(HOST, 1000), PidGone)
        assert await provider.start(HOST, "second") == Started(pid=1001)


async def test_a_command_that_does_not_end_is_cancelled_with_the_provider() -> None:
    async def forever(_: Host, command: str) -> Exited:
        await anyio.sleep_forever()
        raise AssertionError

    with anyio.fail_after(5):
        async with MemoryProvider(forever, vmids=[VMID]) as provider:
            await provider.start(HOST, "true")
            assert await provider.poll(HOST, 1000) == StillRunning()


async def test_what_a_command_raises_comes_out_where_the_provider_is_left() -> None:
    async def broken(_: Host, command: str) -> Exited:
        raise RuntimeError(command)

    with pytest.RaisesGroup(RuntimeError):
        async with MemoryProvider(broken, vmids=[VMID]) as provider:
            await provider.start(HOST, "true")
            await anyio.sleep(5)


async def test_a_hook_that_answers_another_question_is_a_bug() -> None:
    async with MemoryProvider(at_once, vmids=[VMID], fault=lambda kind, host: DONE) as provider:
        for call in (provider.start(HOST, "true"), provider.probe(HOST)):
            with pytest.raises(Bug, match="in the place of"):
                await call


async def test_a_start_before_the_provider_was_entered_is_a_bug() -> None:
    with pytest.raises(Bug, match="not been entered"):
        await MemoryProvider(at_once, vmids=[VMID]).start(HOST, "true")
