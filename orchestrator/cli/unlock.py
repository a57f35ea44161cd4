"""`orc unlock`: takes a host from the run that has it."""

from functools import partial
from typing import Annotated

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.options import begin, whoami
from orchestrator.errors import Held, InputError
from orchestrator.load import Settings
from orchestrator.model.ids import HostName
from orchestrator.model.request import Act
from orchestrator.ports import HostLock

HostArgument = Annotated[str, typer.Argument(metavar="HOST", help="The host's name or vmid.")]
ReasonOption = Annotated[str, typer.Option("-m", "--message", metavar="WHY", help="Why: it is kept for good.")]


def command(host: HostArgument, *, why: ReasonOption) -> None:
    """Take a host from the run that has it, so that another run may have it. Kept with who did it, when and why.

    The run that had it goes on from where it is if it is resumed, and takes the host again if it can.
    """
    anyio.run(partial(_unlock, host, begin(), why))


async def _unlock(host: str, settings: Settings, why: str) -> None:
    if not why.strip():
        raise InputError.of("the reason is empty", fix="say why with -m, for those who will wonder")
    async with wiring.open_journal(settings) as journal:
        lock = _find(host, await journal.locks())
        if owner := wiring.ownership(settings).owner(lock.run):
            raise Held(
                f"{lock.host} belongs to run {lock.run}, which {owner} drives at this moment",
                next=(f"orc status {lock.run}", f"orc abort {lock.run}"),
            )
        await wiring.ask(journal, lock.run, Act.UNLOCK, by=whoami(), why=why, host=lock.host)
    output.stdout().line(f"{lock.host} was taken from run {lock.run}. How it was left: orc status {lock.run}")


def _find(host: str, locks: tuple[HostLock, ...]) -> HostLock:
    """The lock that is meant. Raises InputError where no run has the host."""
    for lock in locks:
        if lock.host == HostName(host) or lock.key.rpartition(" ")[2] == host:
            return lock
    held = ", ".join(lock.host for lock in locks[:10]) or "no host at all"
    raise InputError.of(f"no run has the host {host}", fix=f"runs have: {held}")
