"""A provider inside the process, for tests and benchmarks: like the agent, it gives each result away once."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal, Self

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from orchestrator.errors import Bug
from orchestrator.model.host import Host
from orchestrator.model.ids import Vmid
from orchestrator.ports import (
    Capabilities,
    Exited,
    NotReachable,
    NotStarted,
    PidGone,
    PollReply,
    PollUnanswered,
    ProbeReply,
    Reachable,
    Refusal,
    Started,
    StartReply,
    StillRunning,
)
from orchestrator.providers.rules import Turns, command_problem

Kind = Literal["start", "poll", "probe"]
Reply = StartReply | PollReply | ProbeReply
Fault = Callable[[Kind, Host], Reply | None]
"""What a call is answered with instead; None where there is no fault."""

CAPABILITIES = Capabilities(poll_floor=0.001)
FIRST_PID = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as it was made. command: of a start, else empty."""

    kind: Kind
    vmid: Vmid
    command: str = ""


class MemoryProvider:
    """A fleet of the given vmids whose commands are run by `run`, which returns how they exited.

    fault: consulted before a call has its effect, which then does not happen. loss: consulted after the effect, whose
    answer is lost; it is given what is put in its place.
    calls: every call, in the order in which they were made. max_in_flight: by VPS, how many calls its callers had under
    way at once, at most; max_served: how many of these were served at once, which the provider keeps to one.
    A command's own error ends the provider's task group, and is raised where the provider is left.
    """

    def __init__(
        self,
        run: Callable[[Host, str], Awaitable[Exited]],
        *,
        vmids: Iterable[Vmid],
        fault: Fault | None = None,
        loss: Fault | None = None,
        capabilities: Capabilities = CAPABILITIES,
    ) -> None:
        self.capabilities = capabilities
        self.calls: list[Call] = []
        self.max_in_flight: Counter[Vmid] = Counter()
        self.max_served: Counter[Vmid] = Counter()
        self._asked: Counter[Vmid] = Counter()
        self._served: Counter[Vmid] = Counter()
        self._turns = Turns()
        self._run = run
        self._fault = fault
        self._loss = loss
        self._pids = {vmid: count(FIRST_PID) for vmid in vmids}
        self._results: dict[tuple[Vmid, int], Exited | None] = {}
        self._tasks: TaskGroup | None = None

    async def start(self, host: Host, command: str) -> StartReply:
        """Start a command in a task of its own."""
        reply = await self._answer(
            Call(kind="start", vmid=host.vmid, command=command), host, lambda: self._start(host, command)
        )
        if isinstance(reply, StartReply):
            return reply
        raise _misplaced("start", reply)

    async def poll(self, host: Host, pid: int) -> PollReply:
        """Ask about a started command. The answer that says it has exited is given once."""
        reply = await self._answer(Call(kind="poll", vmid=host.vmid), host, lambda: self._poll(host, pid))
        if isinstance(reply, PollReply):
            return reply
        raise _misplaced("poll", reply)

    async def probe(self, host: Host) -> ProbeReply:
        """Ask whether the VPS is there."""
        reply = await self._answer(Call(kind="probe", vmid=host.vmid), host, lambda: self._probe(host))
        if isinstance(reply, ProbeReply):
            return reply
        raise _misplaced("probe", reply)

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *exc: Any) -> None:
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()
            await self._tasks.__aexit__(*exc)

    async def _answer(self, call: Call, host: Host, effect: Callable[[], Reply]) -> Reply:
        self.calls.append(call)
        with _counted(self._asked, self.max_in_flight, call.vmid):
            async with self._turns.of(call.vmid):
                with _counted(self._served, self.max_served, call.vmid):
                    await checkpoint()
                    return self._struck(self._fault, call, host) or self._lost(effect(), call, host)

    def _struck(self, hook: Fault | None, call: Call, host: Host) -> Reply | None:
        return None if hook is None else hook(call.kind, host)

    def _lost(self, reply: Reply, call: Call, host: Host) -> Reply:
        return self._struck(self._loss, call, host) or reply

    def _start(self, host: Host, command: str) -> StartReply:
        if host.vmid not in self._pids:
            return NotStarted(refusal=Refusal.NO_SUCH_HOST, message=_unknown(host))
        if problem := command_problem(command, longest=self.capabilities.max_command):
            return NotStarted(refusal=Refusal.INVALID, message=problem)
        if self._tasks is None:
            raise Bug("the provider has not been entered")
        pid = next(self._pids[host.vmid])
        self._results[host.vmid, pid] = None
        self._tasks.start_soon(self._execute, host, command, pid, name=f"{host.vmid} {pid}")
        return Started(pid=pid)

    def _poll(self, host: Host, pid: int) -> PollReply:
        if host.vmid not in self._pids:
            return PollUnanswered(refusal=Refusal.NO_SUCH_HOST, message=_unknown(host))
        if (host.vmid, pid) not in self._results:
            return PidGone(message=f"no result of {pid}: never there, or collected before")
        result = self._results[host.vmid, pid]
        if result is None:
            return StillRunning()
        del self._results[host.vmid, pid]
        return result

    def _probe(self, host: Host) -> ProbeReply:
        if host.vmid not in self._pids:
            return NotReachable(refusal=Refusal.NO_SUCH_HOST, message=_unknown(host))
        return Reachable()

    async def _execute(self, host: Host, command: str, pid: int) -> None:
        self._results[host.vmid, pid] = await self._run(host, command)


@contextmanager
def _counted(now: Counter[Vmid], most: Counter[Vmid], vmid: Vmid) -> Iterator[None]:
    now[vmid] += 1
    most[vmid] = max(most[vmid], now[vmid])
    try:
        yield
    finally:
        now[vmid] -= 1


def _unknown(host: Host) -> str:
    return f"there is no VPS {host.vmid}"


def _misplaced(kind: Kind, reply: Reply) -> Bug:
    return Bug(f"a hook put {type(reply).__name__} in the place of the answer to a {kind}")
