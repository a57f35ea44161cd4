"""The providers under contract, each with a small fleet whose commands are run by a real sh."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from orchestrator.model.host import Host, ProviderSpec
from orchestrator.model.ids import HostName, Vmid
from orchestrator.ports import Exited, Provider
from orchestrator.providers import PROVIDERS
from orchestrator.providers.memory import MemoryProvider
from orchestrator.simulator import SimulatorSettings, running_simulator

HOSTS = 12
FIRST_VMID = 10000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A provider and its hosts; stranger: a host that it does not know.

    at_once: how many requests about a VPS were served at the same time, at most.
    """

    provider: Provider
    hosts: tuple[Host, ...]
    stranger: Host
    at_once: Callable[[Host], int]


OpenFleet = Callable[[Path], AbstractAsyncContextManager[Fleet]]


def host(vmid: int) -> Host:
    return Host(name=HostName(f"vps-{vmid}"), vmid=Vmid(str(vmid)))


KNOWN = tuple(host(FIRST_VMID + number) for number in range(HOSTS))
STRANGER = host(99999)


@asynccontextmanager
async def hostup_over_http(folder: Path) -> AsyncIterator[Fleet]:
    settings = SimulatorSettings(hosts=HOSTS, first_vmid=FIRST_VMID, dir=folder)
    async with running_simulator(settings) as simulator:
        spec = ProviderSpec(kind="simulator", url=simulator.url, api_key="env:KEY")
        async with PROVIDERS["simulator"](spec, settings.key) as provider:
            yield Fleet(
                provider=provider,
                hosts=KNOWN,
                stranger=STRANGER,
                at_once=lambda host: simulator.stats().vmids[int(host.vmid)].requests_max,
            )


@asynccontextmanager
async def memory(folder: Path) -> AsyncIterator[Fleet]:
    async def run(_: Host, command: str) -> Exited:
        ended = await anyio.run_process(["sh", "-c", command], check=False, cwd=folder)
        return Exited(
            exit_code=ended.returncode if ended.returncode >= 0 else None,
            stdout=ended.stdout.decode(errors="replace"),
            stderr=ended.stderr.decode(errors="replace"),
        )

    provider = MemoryProvider(run, vmids=[host.vmid for host in KNOWN])
    async with provider:
        yield Fleet(
            provider=provider, hosts=KNOWN, stranger=STRANGER, at_once=lambda host: provider.max_served[host.vmid]
        )


FLEETS: dict[str, OpenFleet] = {"hostup": hostup_over_http, "memory": memory}


@pytest.fixture(params=FLEETS)
def open_fleet(request: pytest.FixtureRequest) -> OpenFleet:
    return FLEETS[request.param]
