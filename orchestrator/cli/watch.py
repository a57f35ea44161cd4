"""`orc watch`: follows a run from its journal, wherever it is driven."""

from dataclasses import dataclass
from functools import partial

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli.drive import make_screen, report
from orchestrator.cli.lookup import find_run, read_view
from orchestrator.cli.options import OutputOption, QuietOption, RunArgument, begin
from orchestrator.cli.output import Output
from orchestrator.cli.screens import Screen
from orchestrator.core.run_state import RunState
from orchestrator.load import Settings
from orchestrator.model.ids import RunId
from orchestrator.model.plan import Plan
from orchestrator.ports import Clock, Journal
from orchestrator.report.final import exit_status

LOOK_EVERY = 0.3
"""Seconds between two looks into the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A run as its journal has it so far."""

    id: RunId
    plan: Plan
    state: RunState
    clock: Clock


def command(run: RunArgument, *, shown: OutputOption = Output.AUTO, quiet: QuietOption = False) -> None:
    """Follow a run until it ends, or until no process drives it. Ctrl-C ends only the watching.

    The exit status is the run's own, as of `orc run`.
    """
    raise typer.Exit(anyio.run(partial(_watch, run, begin(), shown, quiet=quiet)))


async def _watch(typed: str, settings: Settings, shown: Output, *, quiet: bool) -> int:
    screen = make_screen(shown, quiet=quiet)
    async with wiring.open_journal(settings) as journal:
        found = await find_run(journal, typed)
        record = await journal.record(found)
        followed = Followed(id=found, plan=record.plan, state=RunState(record.plan), clock=wiring.clock())
        screen.attach(followed)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(screen.draw)
            await _follow(followed, journal, settings, screen)
            tasks.cancel_scope.cancel()
        view = await read_view(journal, found, settings)
    report(view, shown)
    return exit_status(view)


async def _follow(run: Followed, journal: Journal, settings: Settings, screen: Screen) -> None:
    """Show every event as it comes, until there will be no more."""
    while True:
        # Asked before the events are read: what the process wrote until its end is then read too.
        driven = wiring.ownership(settings).owner(run.id) is not None
        for recorded in await journal.events(run.id, after=run.state.seq, outputs=False):
            run.state.apply(recorded)
            screen.observe(recorded)
        if run.state.finished or not driven:
            return
        await wiring.pause_for(LOOK_EVERY)
