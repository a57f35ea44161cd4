"""Drives a run in this process: shows it, minds the signals, and reports what came of it."""

import os
import sys
from collections.abc import Awaitable, Callable, Sequence

import anyio

from orchestrator import cli, log, wiring
from orchestrator.cli import github, output
from orchestrator.cli.github import GithubScreen
from orchestrator.cli.interrupts import Interrupts
from orchestrator.cli.lookup import read_view
from orchestrator.cli.output import Output
from orchestrator.cli.screens import JsonScreen, PlainScreen, QuietScreen, Screen
from orchestrator.core.run_state import RunState
from orchestrator.engine.live_run import LiveRun, Observer
from orchestrator.load import Settings
from orchestrator.report.final import INTERRUPTED, exit_status, final_report
from orchestrator.report.verdict import verdict_line
from orchestrator.report.view import RunView
from orchestrator.report.words import count

Begin = Callable[[Sequence[Observer], Callable[[LiveRun], None]], Awaitable[RunState]]
"""Begins a run, or takes one up: with its observers, and what to call once it exists; returns when it is over."""


def make_screen(wanted: Output, *, quiet: bool) -> Screen:
    """How the run is shown while it goes on."""
    progress = output.stderr()
    shown = output.choose(wanted, os.environ, terminal=sys.stderr.isatty())
    if shown is Output.JSON:
        return JsonScreen(progress, output.stdout())
    if shown is Output.GITHUB:
        return GithubScreen(progress, output.stdout(), output.paper())
    if quiet:
        return QuietScreen(progress)
    if shown is Output.LIVE:
        return cli.live_screen(progress)
    return PlainScreen(progress, output.paper())


async def drive(begin: Begin, settings: Settings, wanted: Output, *, quiet: bool, by: str, first: str = "") -> int:
    """Drive a run to its end, or until a signal ends that, and report; the exit status.

    first: what is done before there is a run to show.
    Raises what kept the run from starting, and what ended it before its time.
    """
    screen = make_screen(wanted, quiet=quiet)
    interrupts = Interrupts(screen, by)
    if first and not quiet and wanted is not Output.JSON:
        screen.say(first)
    try:
        await _see_through(begin, screen, interrupts)
    except Exception:  # whatever it is goes on its way; said first, since the run is still open
        if interrupts.live is not None and not interrupts.live.state.finished:
            id = interrupts.live.id
            screen.say(f"run {id} has not ended; once what is said below is mended: orc resume {id}")
        raise
    if interrupts.live is None:
        screen.say("interrupted: nothing was started")
        return INTERRUPTED
    if interrupts.detached:
        screen.say("left: attempts under way go on in the guests, and their results can be recovered")
    async with wiring.open_journal(settings) as journal:
        view = await read_view(journal, interrupts.live.id, settings)
    report(view, wanted)
    return exit_status(view)


async def drive_new(start: wiring.Start, settings: Settings, wanted: Output, *, quiet: bool) -> int:
    """Begin a run and drive it as `drive` does; the exit status."""

    async def begin(observers: Sequence[Observer], on_live: Callable[[LiveRun], None]) -> RunState:
        return await wiring.run(start, settings, observers=observers, on_live=on_live)

    first = f"asking the provider about {count(len(start.plan.hosts), 'host')}"
    return await drive(begin, settings, wanted, quiet=quiet, by=start.by, first=first)


async def _see_through(begin: Begin, screen: Screen, interrupts: Interrupts) -> None:
    """Until the run is over here, or was left."""
    async with anyio.create_task_group() as tasks:

        def on_live(live: LiveRun) -> None:
            interrupts.live = live
            screen.attach(live)
            tasks.start_soon(screen.draw, name="screen")

        await tasks.start(interrupts.watch, tasks, name="signals")
        with log.about(command="run"):
            await begin([screen.observe], on_live)
        await interrupts.settled()
        tasks.cancel_scope.cancel()


def report(view: RunView, wanted: Output) -> None:
    """The report; where stdout carries events, only the verdict, on stderr."""
    if wanted is Output.JSON:
        output.stderr().line(verdict_line(view, exit=exit_status(view)))
    elif wanted is Output.GITHUB:
        github.report(view)
    else:
        output.stdout().lines(final_report(view, output.paper()))
