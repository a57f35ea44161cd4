"""A plain client of the simulator, and a look at the processes of this machine."""

import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx

from orchestrator.simulator import Simulator, SimulatorSettings, running_simulator

DEADLINE = 10.0


class FleetClient:
    """Speaks the contract as a test wants it, one VPS unless another is named."""

    def __init__(self, simulator: Simulator, http: httpx.AsyncClient) -> None:
        self.simulator = simulator
        self.http = http

    async def start(self, command: str, *, vmid: int = 10000) -> httpx.Response:
        return await self.http.post(path(vmid), json={"command": command})

    async def pid(self, command: str, *, vmid: int = 10000) -> int:
        """Starts a command that must start."""
        answer = await self.start(command, vmid=vmid)
        assert answer.status_code == 200, answer.text
        pid: int = answer.json()["data"]["pid"]
        return pid

    async def poll(self, pid: int | str, *, vmid: int = 10000) -> httpx.Response:
        return await self.http.get(path(vmid), params={"pid": pid})

    async def probe(self, *, vmid: int = 10000) -> httpx.Response:
        return await self.http.get(path(vmid))

    async def result(self, pid: int, *, vmid: int = 10000) -> dict[str, Any]:
        """Polls until the command has exited."""
        with anyio.fail_after(DEADLINE):
            while True:
                answer = await self.poll(pid, vmid=vmid)
                assert answer.status_code == 200, answer.text
                data: dict[str, Any] = answer.json()["data"]
                if data["exited"]:
                    return data
                await anyio.sleep(0.01)

    async def run(self, command: str, *, vmid: int = 10000) -> dict[str, Any]:
        """Starts a command and polls until it has exited."""
        return await self.result(await self.pid(command, vmid=vmid), vmid=vmid)

    async def set_faults(self, faults: object) -> None:
        answer = await self.http.post("/_simulator/faults", json=faults)
        assert answer.status_code == 200, answer.text

    async def over(self, vmid: int = 10000) -> None:
        """Waits until no command runs on the VPS, without collecting any."""
        await eventually(lambda: not self.simulator.stats().vmids[vmid].running)


def path(vmid: object) -> str:
    return f"/api/vm/{vmid}/agent/exec"


@asynccontextmanager
async def client_of(settings: SimulatorSettings) -> AsyncIterator[FleetClient]:
    """A running simulator and a client with its key."""
    async with (
        running_simulator(settings) as simulator,
        httpx.AsyncClient(
            base_url=simulator.url, headers={"X-API-Key": settings.key}, timeout=DEADLINE, verify=False
        ) as http,
    ):
        yield FleetClient(simulator, http)


async def eventually(holds: Callable[[], bool]) -> None:
    """Waits until it holds; fails when it does not in time."""
    with anyio.fail_after(DEADLINE):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in other processes
            await anyio.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether the process is there and has not ended."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return state.strip()[:1] not in ("", "Z", "X")
