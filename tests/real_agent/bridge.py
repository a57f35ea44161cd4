"""Speaks HostUp v1's agent-exec contract over HTTP on loopback, and carries it out by real qemu guest agents.

The answers are the simulator's own (`orchestrator.simulator.contract`); whatever the agent refuses is a 500 with the
agent's words in it, as Proxmox VE has it, on which HostUp stands.
"""

import json
import random
import re
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from orchestrator.simulator import contract
from orchestrator.simulator.command import Result
from orchestrator.simulator.http_server import Dropped, HttpServer, Reply, Request, Response
from orchestrator.simulator.mishaps import Call

KEY = "the-bridges-key"
LONGEST = 4096
"""Characters of a command, as HostUp v2 documents and v1 is taken to have."""
PATIENCE = 5.0
"""Seconds for an answer of the agent, as Proxmox VE has it."""
LARGEST = 64 * 1024 * 1024
"""Bytes of one answer: two streams of 16 MiB, in base64."""

_EXEC = re.compile(r"/api/vm/([1-9][0-9]{0,9})/agent/exec")


class Refused(Exception):
    """The agent answered with an error; its own words."""


class Silent(Exception):
    """The agent is not there, or did not answer."""


class AgentSocket:
    """The one client of an agent's socket: of a second one the agent would take no notice until the first has gone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = anyio.Lock()

    async def ask(self, execute: str, **arguments: object) -> Any:
        """What the agent returns for a command of its protocol. Raises Refused, Silent."""
        async with self._turn:
            try:
                with anyio.fail_after(PATIENCE):
                    async with await anyio.connect_unix(self._path) as stream:
                        answer = await _converse(stream, {"execute": execute, "arguments": arguments})
            except (OSError, anyio.IncompleteRead, anyio.BrokenResourceError) as error:  # TimeoutError is an OSError
                raise Silent(str(error)) from error
        if "error" in answer:
            raise Refused(answer["error"]["desc"])
        return answer["return"]


async def _converse(stream: SocketStream, request: object) -> Any:
    """Send one request and return its answer.

    Before it, `guest-sync-delimited`: what an earlier client left unread ends with the byte 0xFF and a number of ours.
    """
    received = BufferedByteReceiveStream(stream)
    mark = random.getrandbits(31)
    sync = {"execute": "guest-sync-delimited", "arguments": {"id": mark}}
    await stream.send(b"\xff" + json.dumps(sync).encode() + b"\n")
    while True:
        await received.receive_until(b"\xff", LARGEST)
        if json.loads(await received.receive_until(b"\n", LARGEST)) == {"return": mark}:
            break
    await stream.send(json.dumps(request).encode() + b"\n")
    return json.loads(await received.receive_until(b"\n", LARGEST))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and what it was answered. asked: the command, the pid, or nothing (a probe)."""

    vmid: int
    call: Call
    asked: str
    reply: Reply


@dataclass(kw_only=True)
class Bridge:
    """The exec API of the VPSes whose agents these are, by vmid.

    exchanges: all that was asked and answered.
    lose: answers that get lost once they have had their effect, counted from 1 among those to a start, and among those
    that tell a result: `(Call.POLL, 2)` is the second result.
    """

    agents: Mapping[int, AgentSocket]
    url: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    lose: set[tuple[Call, int]] = field(default_factory=set)
    _counted: Counter[Call] = field(default_factory=Counter)

    async def answer(self, request: Request) -> Reply:
        """The reply to any request."""
        path = _EXEC.fullmatch(request.path)
        vmid = int(path[1]) if path else 0
        if request.headers.get("x-api-key") != KEY:
            return contract.failure(401, "UNAUTHORIZED", "Invalid or missing API key")
        if vmid not in self.agents or request.method not in ("GET", "POST"):
            return contract.failure(404, "NOT_FOUND", f"VM {vmid} not found")
        call, asked = Call.PROBE, ""
        if request.method == "POST":
            call, asked = Call.EXEC, _command(request.body)
        elif "pid" in request.query:
            call, asked = Call.POLL, request.query["pid"]
        reply = self._lost_or(await self._carry_out(self.agents[vmid], call, asked), call)
        self.exchanges.append(Exchange(vmid=vmid, call=call, asked=asked, reply=reply))
        return reply

    async def _carry_out(self, agent: AgentSocket, call: Call, asked: str) -> Response:
        try:
            match call:
                case Call.EXEC:
                    return await _exec(agent, asked)
                case Call.POLL:
                    return await _poll(agent, asked)
                case Call.PROBE:
                    await agent.ask("guest-ping")
                    return contract.availability(available=True)
        except Refused as refused:
            return contract.internal_error(f"Agent error: {refused}")
        except Silent:
            down = contract.internal_error(contract.AGENT_DOWN)
            return contract.availability(available=False) if call is Call.PROBE else down

    def _lost_or(self, reply: Response, call: Call) -> Reply:
        self._counted[call] += call is Call.EXEC or b'"exited":true' in reply.body
        if (call, self._counted[call]) not in self.lose:
            return reply
        self.lose.discard((call, self._counted[call]))
        return Dropped()

    def commands(self, vmid: int) -> list[str]:
        """The commands that were sent to a VPS, in order."""
        return [each.asked for each in self.exchanges if (each.vmid, each.call) == (vmid, Call.EXEC)]


def _command(body: bytes) -> str:
    """The command of a body `{"command": string}` and nothing else; empty for any other."""
    try:
        data = json.loads(body)
    except ValueError:
        return ""
    match data:
        case {"command": str(command)} if len(data) == 1:
            return command
        case _:
            return ""


async def _exec(agent: AgentSocket, command: str) -> Response:
    if not 1 <= len(command) <= LONGEST:
        return contract.bad_request(f"command must have 1 to {LONGEST} characters")
    started = await agent.ask("guest-exec", path="/bin/sh", arg=["-c", command], **{"capture-output": True})
    return contract.started(started["pid"], command)


async def _poll(agent: AgentSocket, pid: str) -> Response:
    if not re.fullmatch(r"-?[0-9]{1,18}", pid):
        return contract.bad_request("pid must be an integer")
    status = await agent.ask("guest-exec-status", pid=int(pid))
    if not status["exited"]:
        return contract.still_running()
    stdout, stderr = (b64decode(status.get(name, "")) for name in ("out-data", "err-data"))
    return contract.exited(Result(exit_code=status.get("exitcode"), stdout=stdout, stderr=stderr))


@asynccontextmanager
async def running_bridge(sockets: Mapping[int, Path]) -> AsyncIterator[Bridge]:
    """A bridge to the agents that listen at these paths, by vmid, as long as the block lasts."""
    bridge = Bridge(agents={vmid: AgentSocket(path) for vmid, path in sockets.items()})
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0) as listener,
        anyio.create_task_group() as tasks,
    ):
        server = HttpServer(listener=listener, answer=bridge.answer, keep_alive=5.0, max_connections=64)
        bridge.url = f"http://127.0.0.1:{server.port}"
        tasks.start_soon(server.run, name="bridge")
        yield bridge
        tasks.cancel_scope.cancel()
