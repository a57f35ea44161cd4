"""`orc pause`: asks the process that drives a run to start nothing more."""

from functools import partial

import anyio

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.lookup import find_run, read_view
from orchestrator.cli.options import RunArgument, WhyOption, begin, whoami
from orchestrator.errors import InputError
from orchestrator.load import Settings
from orchestrator.model.request import Act


def command(run: RunArgument, *, why: WhyOption = "") -> None:
    """Start nothing more in a run, from another terminal; what is under way ends. `orc resume` goes on with it."""
    anyio.run(partial(_pause, run, begin(), why))


async def _pause(typed: str, settings: Settings, why: str) -> None:
    async with wiring.open_journal(settings) as journal:
        found = await find_run(journal, typed)
        owner = wiring.ownership(settings).owner(found)
        if owner is None:
            state = (await read_view(journal, found, settings)).state
            if state.finished:
                raise InputError.of(
                    f"the run {found} is finished ({state.status().value})", fix=f"see: orc status {found}"
                )
            output.stdout().line(f"no process drives run {found}: nothing is started in it. Go on: orc resume {found}")
            return
        await wiring.ask(journal, found, Act.PAUSE, by=whoami(), why=why)
    output.stdout().line(f"{owner} was asked to start nothing more in run {found}. See: orc status {found}")
