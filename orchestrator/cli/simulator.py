"""`orc simulator`: a fleet of VPSes on this machine, to try playbooks out on."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import anyio
import typer
from anyio.abc import TaskStatus

from orchestrator.cli import output
from orchestrator.cli.options import VerboseOption, begin
from orchestrator.load import read_yaml
from orchestrator.simulator import Simulator, SimulatorSettings, read_faults, serve

KEY = "demo-key"
VARIABLE = "ORC_SIMULATOR_KEY"
"""Where the inventory looks for the key."""

PortOption = Annotated[int, typer.Option("--port", metavar="P", help="0: any that is free.")]
HostsOption = Annotated[int, typer.Option("--hosts", metavar="N", help="How many VPSes.")]
FirstVmidOption = Annotated[int, typer.Option("--first-vmid", metavar="VMID", help="Their vmids count from here.")]
KeyOption = Annotated[str, typer.Option("--key", help="The API key that clients must send.")]
DirOption = Annotated[
    Path | None, typer.Option("--dir", help="Where the VPSes' directories are kept; else they are thrown away.")
]
SeedOption = Annotated[int, typer.Option("--seed", metavar="S", help="Makes faults repeatable.")]
FaultsOption = Annotated[Path | None, typer.Option("--faults", metavar="FILE", help="What goes wrong, as YAML.")]


def command(
    *,
    port: PortOption = 8765,
    hosts: HostsOption = 12,
    first_vmid: FirstVmidOption = 10000,
    key: KeyOption = KEY,
    dir: DirOption = None,
    seed: SeedOption = 0,
    faults: FaultsOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Simulate a fleet of VPSes on loopback that speaks HostUp's API: each is a directory, with real processes.

    It is no sandbox: commands run on this machine, as you. Ctrl-C ends it, and every process that it started.
    """
    begin(verbose=verbose)
    read = read_faults(read_yaml(faults), file=str(faults)) if faults else None
    with _folder(dir) as folder:
        settings = SimulatorSettings(
            hosts=hosts, dir=folder, first_vmid=first_vmid, key=key, port=port, seed=seed, faults=read
        )
        anyio.run(_serve, settings)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """The folder that was given, or one that is gone afterwards."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="orc-simulator-", ignore_cleanup_errors=True) as made:
        yield Path(made)


async def _serve(settings: SimulatorSettings) -> None:
    async with anyio.create_task_group() as tasks:
        await tasks.start(_until_signal, tasks.cancel_scope)
        await serve(settings, ready=lambda simulator: output.stdout().lines(greeting(settings, simulator)))


async def _until_signal(scope: anyio.CancelScope, *, task_status: TaskStatus[None]) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel()
            return


def greeting(settings: SimulatorSettings, simulator: Simulator) -> Iterator[str]:
    """What a person needs to use the fleet: where it is, its key, and an inventory to paste."""
    first, last = settings.vmids[0], settings.vmids[-1]
    digits = len(str(settings.hosts))
    key = KEY if settings.key == KEY else "...    # the one that you gave with --key"
    yield f"simulating {settings.hosts} VPSes, vmids {first} to {last}, at {simulator.url}"
    yield f"their files: {settings.dir}"
    yield ""
    yield f"export {VARIABLE}={key}"
    yield ""
    yield "# an inventory of them"
    yield f"provider: {{kind: simulator, url: {simulator.url}, api_key: env:{VARIABLE}}}"
    yield "hosts:"
    yield f"  vps-[{1:0{digits}}:{settings.hosts}]: {{vmid: '[{first}:{last}]'}}"
    yield ""
    yield "Ctrl-C ends it"
