"""`orc resume`: goes on with a run that no process drives."""

from collections.abc import Callable, Sequence
from functools import partial

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli.drive import drive
from orchestrator.cli.lookup import find_run
from orchestrator.cli.options import OutputOption, QuietOption, RunArgument, VerboseOption, begin, whoami
from orchestrator.cli.output import Output
from orchestrator.core.run_state import RunState
from orchestrator.engine.live_run import LiveRun, Observer
from orchestrator.load import Settings


def command(
    run: RunArgument, *, shown: OutputOption = Output.AUTO, quiet: QuietOption = False, verbose: VerboseOption = False
) -> None:
    """Go on with a run that was paused, or whose process has ended, from what its journal says.

    Attempts that were under way are attached to, never started twice. The exit statuses are those of `orc run`.
    """
    raise typer.Exit(anyio.run(partial(_drive, run, begin(verbose=verbose), shown, quiet=quiet)))


async def _drive(typed: str, settings: Settings, shown: Output, *, quiet: bool) -> int:
    by = whoami()
    async with wiring.open_journal(settings) as journal:
        found = await find_run(journal, typed)

    async def begin_run(observers: Sequence[Observer], on_live: Callable[[LiveRun], None]) -> RunState:
        return await wiring.resume(found, settings, by=by, observers=observers, on_live=on_live)

    return await drive(begin_run, settings, shown, quiet=quiet, by=by)
