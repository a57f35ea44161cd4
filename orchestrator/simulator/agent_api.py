"""HostUp v1's agent-exec calls over a fleet: checks each, carries it out, and lets the faults in force strike it."""

import hmac
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import anyio
from anyio.abc import TaskGroup

from orchestrator.simulator import contract
from orchestrator.simulator.bucket import Bucket
from orchestrator.simulator.command import Gauge
from orchestrator.simulator.faults import Fault, Faults
from orchestrator.simulator.fleet import Fleet
from orchestrator.simulator.http_server import Dropped, Reply, Request, Response
from orchestrator.simulator.mishaps import Call, befall
from orchestrator.simulator.seam import Seam, Strikes
from orchestrator.simulator.settings import SimulatorSettings
from orchestrator.simulator.stats import ExecLog, VpsStats
from orchestrator.simulator.vps import Vps

_POSITIVE = re.compile(r"[0-9]{1,18}")
_INTEGER = re.compile(r"-?[0-9]{1,18}")


class AgentApi:
    """Answers `/api/vm/{vmid}/agent/exec`. tasks: where the commands are watched."""

    def __init__(self, settings: SimulatorSettings, fleet: Fleet, tasks: TaskGroup) -> None:
        self._settings = settings
        self._fleet = fleet
        self._tasks = tasks
        self._filter = contract.SafetyFilter(settings.blocked)
        self._bucket = Bucket(settings.rate, settings.burst)
        self._calls: Counter[tuple[int, Call]] = Counter()
        self._starts: Counter[int] = Counter()
        self._requests_of = {vmid: Gauge() for vmid in settings.vmids}
        self.requests = Gauge()
        self.log = ExecLog()
        self.blocked = 0
        self.seam = Seam(settings.faults or Faults(), seed=settings.seed)

    def set_faults(self, faults: Faults) -> None:
        """Replaces the faults; what was left of the earlier ones is gone, and their counts begin anew."""
        self.seam = Seam(faults, seed=self._settings.seed)

    async def answer(self, request: Request, call: Call, vmid: str) -> Reply:
        """The reply to one call."""
        if not self._is_authorised(request):
            return contract.failure(401, "UNAUTHORIZED", "Invalid or missing API key")
        wait = self._bucket.take(anyio.current_time())
        if wait is not None:
            return contract.rate_limited(wait)
        if not _POSITIVE.fullmatch(vmid) or int(vmid) < 1:
            return contract.bad_request("vmid must be an integer of at least 1")
        vps = self._fleet.vpses.get(int(vmid))
        if vps is None:
            return contract.failure(404, "NOT_FOUND", f"VM {int(vmid)} not found")
        with self.requests, self._requests_of[vps.vmid]:
            return await self._ask(vps, call, request)

    async def _ask(self, vps: Vps, call: Call, request: Request) -> Reply:
        carry_out: Callable[[Strikes], Reply]
        match call:
            case Call.EXEC:
                command = self._command(request.body)
                if isinstance(command, Response):
                    return command
                carry_out = partial(self._exec, vps, command)
            case Call.POLL:
                pid = request.query["pid"]
                if not _INTEGER.fullmatch(pid):
                    return contract.bad_request("pid must be an integer")
                carry_out = partial(self._poll, vps, int(pid))
            case Call.PROBE:
                carry_out = _probe
        self._calls[vps.vmid, call] += 1
        strikes = self.seam.next_request(vps.vmid)
        if strikes.by(Fault.REBOOT):
            vps.reboot()
        if strikes.by(Fault.FORGET_PIDS):
            vps.restart_agent()
        is_slow = strikes.by(Fault.SLOW)
        reply = befall(call, strikes, partial(carry_out, strikes))
        self.blocked += Fault.BLOCKED in strikes.struck
        if is_slow:
            await anyio.sleep(self._settings.slow)
        return reply

    def _is_authorised(self, request: Request) -> bool:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        key = request.headers.get("x-api-key", bearer)
        return hmac.compare_digest(key.encode(), self._settings.key.encode())

    def _command(self, body: bytes) -> str | Response:
        """The command of a body `{"command": string}` and nothing else, or why it is refused."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            return contract.bad_request("The body must be JSON")
        match data:
            case {"command": str(command)} if len(data) == 1:
                pass
            case _:
                return contract.bad_request('The body must be {"command": string} and nothing else')
        if not command or len(command) > self._settings.max_command:
            return contract.bad_request(f"command must have 1 to {self._settings.max_command} characters")
        if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in command):
            return contract.bad_request("command must be text without NUL")
        if self._filter.refuses(command):
            self.blocked += 1
            return contract.bad_request(contract.BLOCKED)
        return command

    def _exec(self, vps: Vps, command: str, strikes: Strikes) -> Reply:
        if self._fleet.running.now >= self._fleet.max_running:
            why = f"the simulator runs {self._fleet.max_running} commands; raise `ulimit -n` for more"
            return contract.failure(503, "SERVICE_UNAVAILABLE", why)
        recycled = vps.recyclable_pid()
        if recycled is not None and not strikes.by(Fault.RECYCLE_PIDS):
            recycled = None
        try:
            pid = vps.start(command, tasks=self._tasks, pid=recycled)
        except OSError:
            return contract.internal_error(contract.NO_PID)
        self._starts[vps.vmid] += 1
        self.log.add(vmid=vps.vmid, command=command, at=time.time(), pid=pid, faults=strikes.struck)
        return contract.started(pid, command)

    def _poll(self, vps: Vps, pid: int, strikes: Strikes) -> Reply:
        found = vps.find(pid)
        if found is None:
            return contract.unknown_pid(pid)
        if not found.is_over:
            return contract.still_running()
        result = vps.collect(found)
        if strikes.by(Fault.CONSUME_RESULT):
            return Dropped()
        encoding = "latin-1" if strikes.by(Fault.LATIN1_OUTPUT) else "utf-8"
        return contract.exited(result, encoding=encoding)

    def stats_of(self, vps: Vps) -> VpsStats:
        """What one VPS has been asked and has done so far."""
        return VpsStats(
            starts=self._starts[vps.vmid],
            polls=self._calls[vps.vmid, Call.POLL],
            probes=self._calls[vps.vmid, Call.PROBE],
            in_flight_max=vps.running.most,
            requests_max=self._requests_of[vps.vmid].most,
            running=vps.running.now,
            reachable=not self.seam.is_certain(vps.vmid, Fault.AGENT_DOWN),
        )


def _probe(_: Strikes) -> Reply:
    return contract.availability(available=True)
