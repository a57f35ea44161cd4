"""`orc abort`: ends a run before its time, and undoes nothing."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.drive import drive, report
from orchestrator.cli.lookup import find_run, read_view
from orchestrator.cli.options import OutputOption, RunArgument, WhyOption, begin, whoami
from orchestrator.cli.output import Output
from orchestrator.core.rollout import Course
from orchestrator.core.run_state import RunState
from orchestrator.engine.live_run import LiveRun, Observer
from orchestrator.load import Settings
from orchestrator.model.ids import RunId
from orchestrator.model.request import Act
from orchestrator.report.final import exit_status
from orchestrator.report.view import RunView

NowOption = Annotated[bool, typer.Option("--now", help="Also end in the guests what is under way there.")]

LOOK_EVERY = 0.5
"""Seconds between two looks at the run that another process was asked to end."""


def command(
    run: RunArgument, *, now: NowOption = False, why: WhyOption = "", shown: OutputOption = Output.AUTO
) -> None:
    """End a run: start nothing more, undo nothing; what is under way ends by itself, or, with --now, is ended.

    The steps under `finally` are run on touched hosts, unless --now. Exit status 130, when the run has ended.
    """
    raise typer.Exit(anyio.run(partial(_abort, run, begin(), shown, now=now, why=why)))


async def _abort(typed: str, settings: Settings, shown: Output, *, now: bool, why: str) -> int:
    by, course = whoami(), Course.ABORTING_NOW if now else Course.ABORTING
    cause = f"orc abort{' --now' if now else ''}{f': {why}' if why else ''}"
    async with wiring.open_journal(settings) as journal:
        found = await find_run(journal, typed)
        if owner := wiring.ownership(settings).owner(found):
            await wiring.ask(journal, found, Act.ABORT_NOW if now else Act.ABORT, by=by, why=why)
            output.stderr().line(f"{owner} was asked to end run {found}; waiting for that")
    if owner and (view := await _let_go(found, settings)).state.finished:
        report(view, shown)
        return exit_status(view)

    async def take_up(observers: Sequence[Observer], on_live: Callable[[LiveRun], None]) -> RunState:
        return await wiring.resume(
            found, settings, by=by, observers=observers, on_live=on_live, course=course, cause=cause
        )

    return await drive(take_up, settings, shown, quiet=True, by=by)


async def _let_go(run: RunId, settings: Settings) -> RunView:
    """How the run stands once the process that drives it has let go of it.

    It may have done so, or died, without having seen that it was to end the run.
    """
    while wiring.ownership(settings).owner(run):
        await wiring.pause_for(LOOK_EVERY)
    async with wiring.open_journal(settings) as journal:
        return await read_view(journal, run, settings)
