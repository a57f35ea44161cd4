"""`orc apply`: runs the plan of a file, if it still is what its inputs make."""

import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.options import (
    ExpectOption,
    LockWaitOption,
    OutputOption,
    QuietOption,
    ReallyOption,
    VerboseOption,
    begin,
    read_lock_wait,
)
from orchestrator.cli.output import Output
from orchestrator.cli.run import HowToRun, YesOption, start
from orchestrator.cli.show import SavedArgument
from orchestrator.cli.wanted import path_word, typed
from orchestrator.core.blast_radius import Confirmed
from orchestrator.engine.history import LOOKED_AT
from orchestrator.errors import Held, InputError
from orchestrator.load import Settings
from orchestrator.model.event import RunFinished
from orchestrator.model.plan import Plan
from orchestrator.report.diff_text import plan_diff_text
from orchestrator.report.plan_differences import plan_differences
from orchestrator.report.sections import join
from orchestrator.report.words import date_time
from orchestrator.saved_plan import SavedPlan, read_saved


def command(
    file: SavedArgument,
    *,
    yes: YesOption = False,
    really: ReallyOption = None,
    expected: ExpectOption = None,
    lock_wait: LockWaitOption = "0s",
    shown: OutputOption = Output.AUTO,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run the plan of a file, command for command, if its playbook and inventory still make the same one.

    The plan is made once more; where its digest is another, nothing is started, and what has moved is shown. The exit
    statuses are those of `orc run`; 7 where the plan has moved or its time is over.
    """
    settings, wait = begin(verbose=verbose), read_lock_wait(lock_wait)
    saved = read_saved(file)
    again = shlex.join(["orc", "plan", *saved.argv[2:], "-o", path_word(file)])
    if saved.valid_until is not None and wiring.clock().now() > saved.valid_until:
        until = date_time(saved.valid_until, output.paper().zone)
        raise Held(f"{file} could be applied until {until}; nothing was started", next=(again,))
    plan = _make_again(file, saved, settings, again)
    for said in anyio.run(partial(_run_before, plan, settings)):
        output.stderr().line(f"orc: {said}")
    how = HowToRun(
        yes=yes, confirmed=Confirmed(expected=expected, really=really), lock_wait=wait, shown=shown, quiet=quiet
    )
    raise typer.Exit(start(plan, saved.argv, how, settings))


async def _run_before(plan: Plan, settings: Settings) -> list[str]:
    """The runs that this very plan has had, each a sentence; newest first."""
    if not settings.has_journal:
        return []
    async with wiring.open_journal(settings) as journal:
        return [
            f"run {run.id} has run this plan already: {last.status.value.replace('_', ' ')}"
            for run in await journal.runs(limit=LOOKED_AT)
            if run.digest == plan.digest and run.last and isinstance(last := run.last.event, RunFinished)
        ]


def _make_again(file: Path, saved: SavedPlan, settings: Settings, again: str) -> Plan:
    """The plan of a file, whole. Raises Held where its inputs make another now, and shows in what. Raises InputError.

    The one that is run is the new one, which the digest tells to be the file's: that has no secret commands.
    """
    wanted = typed(saved.argv)
    if not wanted.playbook.exists():
        raise InputError.of(
            f"there is no {wanted.playbook} here, from which the plan in {file} was made",
            fix="apply it in the folder in which it was made; nothing was started",
        )
    wanted = wanted.with_lists(settings)
    sources = wanted.sources(settings)
    now = wanted.plan_of(sources)
    if now.digest == saved.plan.digest:
        return now
    found = plan_differences(saved.plan, now, sources.origin_of)
    output.stderr().lines([*join(*plan_diff_text(found, output.paper())), ""])
    if any(slot.secret for slot in now.slots) and not replace(found, commands=()).any:
        output.stderr().line(
            "orc: secret commands are compared by a key that each state folder has of its own: was the plan made with "
            f"another than {settings.state_dir}? Then it can be applied only there"
        )
    raise Held(
        f"the plan in {file} is not what its inputs make any more (above: from the file's to now's); "
        "nothing was started",
        next=(again, shlex.join(["orc", "show", path_word(file)])),
    )
