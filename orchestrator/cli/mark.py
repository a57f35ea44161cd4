"""`orc mark`: says that a host is well again, which a run has left half taken back."""

from functools import partial
from typing import Annotated, Literal

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.options import begin, whoami
from orchestrator.errors import InputError
from orchestrator.load import Settings
from orchestrator.model.host import HostFence
from orchestrator.model.request import Act

HostArgument = Annotated[str, typer.Argument(metavar="HOST", help="The host's name or vmid.")]
WordArgument = Annotated[Literal["recovered"], typer.Argument(metavar="recovered", help="That it is well again.")]
ReasonOption = Annotated[str, typer.Option("-m", "--message", metavar="WHY", help="Why: it is kept for good.")]


def command(host: HostArgument, word: WordArgument, *, why: ReasonOption) -> None:
    """Say that a host is well again whose rollback had failed: runs may have it again.

    Kept with who said it, when and why.
    """
    anyio.run(partial(_mark, host, begin(), why))


async def _mark(host: str, settings: Settings, why: str) -> None:
    if not why.strip():
        raise InputError.of("the reason is empty", fix="say why with -m, for those who will wonder")
    async with wiring.open_journal(settings) as journal:
        fence = _find(host, await journal.fences())
        await wiring.ask(journal, fence.run, Act.RECOVERED, by=whoami(), why=why, host=fence.host)
    output.stdout().line(f"{fence.host} is marked as recovered: runs may have it again")


def _find(host: str, fences: tuple[HostFence, ...]) -> HostFence:
    """The fence that is meant. Raises InputError where there is none, and where several hosts are called so."""
    found = [fence for fence in fences if host in (fence.host, fence.key.rpartition(" ")[2])]
    if len(found) == 1:
        return found[0]
    if found:
        vmids = ", ".join(fence.key.rpartition(" ")[2] for fence in found)
        raise InputError.of(f"{len(found)} fenced hosts are called {host}", fix=f"say which by its vmid: {vmids}")
    fenced = ", ".join(fence.host for fence in fences[:10]) or "no host at all"
    raise InputError.of(f"the host {host} is not fenced", fix=f"fenced are: {fenced}")
