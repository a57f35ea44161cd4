"""Where each request goes: to the contract's routes, or to the simulator's own under `/_simulator/`."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict

from anyio.abc import TaskGroup

from orchestrator.errors import InputError
from orchestrator.simulator import contract
from orchestrator.simulator.agent_api import AgentApi
from orchestrator.simulator.faults import Faults, read_faults
from orchestrator.simulator.fleet import Fleet
from orchestrator.simulator.http_server import Dropped, Held, Reply, Request, Response
from orchestrator.simulator.mishaps import Call
from orchestrator.simulator.settings import SimulatorSettings
from orchestrator.simulator.stats import LogEntry, Stats, Tally

LOG_PAGE = 10_000
"""Entries of the log in one answer at most."""
_EXEC = re.compile(r"/api/vm/([^/]{1,64})/agent/exec")
_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


class Routes:
    """Every route of the simulator, and what it can say of itself."""

    def __init__(self, settings: SimulatorSettings, fleet: Fleet, tasks: TaskGroup) -> None:
        self._fleet = fleet
        self._agent = AgentApi(settings, fleet, tasks)
        self._tally = Tally()
        self._own: dict[tuple[str, str], Callable[[Request], Response]] = {
            ("GET", "/_simulator/stats"): self._get_stats,
            ("GET", "/_simulator/log"): self._get_log,
            ("POST", "/_simulator/faults"): self._post_faults,
        }

    async def answer(self, request: Request) -> Reply:
        """The reply to any request."""
        route, reply = await self._route(request)
        match reply:
            case Response(status=status):
                self._tally.add(route, str(status))
            case Dropped():
                self._tally.add(route, "dropped")
            case Held():
                self._tally.add(route, "held")
        return reply

    def stats(self) -> Stats:
        """The fleet so far."""
        return Stats(
            requests=self._tally.routes(),
            vmids={vmid: self._agent.stats_of(vps) for vmid, vps in self._fleet.vpses.items()},
            running=self._fleet.running.now,
            running_max=self._fleet.running.most,
            requests_max=self._agent.requests.most,
            blocked=self._agent.blocked,
            faults={fault.value: count for fault, count in self._agent.seam.struck.items() if count},
        )

    def log(self, *, after: int = 0, limit: int = LOG_PAGE) -> tuple[LogEntry, ...]:
        """The commands started, oldest first, from the one after `after` on."""
        return self._agent.log.after(after, limit=limit)

    def set_faults(self, faults: Faults) -> None:
        """Replaces the faults in force."""
        self._agent.set_faults(faults)

    async def _route(self, request: Request) -> tuple[str, Reply]:
        if not _is_local(request):
            return "refused", contract.failure(
                403, "FORBIDDEN", "Only programs on this machine, not web pages, may ask"
            )
        own = self._own.get((request.method, request.path))
        if own is not None:
            return request.path.rpartition("/")[2], own(request)
        exec_path = _EXEC.fullmatch(request.path)
        if exec_path is None:
            return "unknown", contract.failure(404, "NOT_FOUND", f"No route {request.method} {request.path}")
        match request.method:
            case "POST":
                call = Call.EXEC
            case "GET":
                call = Call.POLL if "pid" in request.query else Call.PROBE
            case _:
                return "unknown", contract.failure(405, "METHOD_NOT_ALLOWED", f"{request.method} is not allowed here")
        return call.value, await self._agent.answer(request, call, exec_path[1])

    def _get_stats(self, _: Request) -> Response:
        return contract.json_response(200, asdict(self.stats()))

    def _get_log(self, request: Request) -> Response:
        after = request.query.get("after", "0")
        if not re.fullmatch(r"[0-9]{1,18}", after):
            return contract.bad_request("after must be the seq of an entry")
        entries = self.log(after=int(after))
        last = entries[-1].seq if entries else int(after)
        return contract.json_response(200, {"entries": [asdict(entry) for entry in entries], "last": last})

    def _post_faults(self, request: Request) -> Response:
        try:
            faults = read_faults(json.loads(request.body))
        except InputError as error:
            return contract.bad_request("; ".join(f"{p.path}: {p.problem}, {p.fix}" for p in error.problems))
        except (ValueError, RecursionError):
            return contract.bad_request("The body must be JSON")
        self.set_faults(faults)
        return contract.json_response(200, {"success": True})


def _is_local(request: Request) -> bool:
    """Whether no web page can have sent this: it would start commands on the machine of whoever looks at that page.

    A page of another origin says so in `Origin`; one whose name was rebound to this address has another `Host`.
    """
    return "origin" not in request.headers and _LOOPBACK.fullmatch(request.headers.get("host", "")) is not None
