"""`orc retry`: another run for the hosts of a finished one that are not ok, which goes on where that one stopped."""

import sys
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli.ask import can_ask
from orchestrator.cli.drive import drive_new
from orchestrator.cli.limits import must_confirm
from orchestrator.cli.lookup import find_run
from orchestrator.cli.options import OutputOption, QuietOption, ReallyOption, RunArgument, VerboseOption, begin, whoami
from orchestrator.cli.output import Output
from orchestrator.cli.run import YesOption, confirm, really_words
from orchestrator.core.blast_radius import Confirmed
from orchestrator.core.pattern import fold_names
from orchestrator.core.retry import NOT_OK, carry_over, changed_steps, to_retry
from orchestrator.core.run_state import RunState
from orchestrator.engine.recorded import recorded_state
from orchestrator.errors import Held, InputError
from orchestrator.load import Settings
from orchestrator.model.ids import RunId
from orchestrator.model.plan import Plan
from orchestrator.model.state import Standing
from orchestrator.report.next_commands import limit_to, limit_to_lists

FAILED = (Standing.FAILED, Standing.UNKNOWN, Standing.ROLLED_BACK)

FailedOption = Annotated[bool, typer.Option("--failed", help="Those that failed, rolled back or not.")]
UnreachableOption = Annotated[bool, typer.Option("--unreachable", help="Those that could not be reached.")]
NeverStartedOption = Annotated[bool, typer.Option("--never-started", help="Those whose turn never came.")]
AllOption = Annotated[bool, typer.Option("--all", help="All that are not ok (as without any of these).")]


def command(
    run: RunArgument,
    *,
    failed: FailedOption = False,
    unreachable: UnreachableOption = False,
    never_started: NeverStartedOption = False,
    everything: AllOption = False,
    yes: YesOption = False,
    really: ReallyOption = None,
    shown: OutputOption = Output.AUTO,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run the playbook again on the hosts of a finished run that are not ok, from the step at which each stopped.

    Steps that were done and not undone are passed over, if they are still what they were; a host that was rolled back
    begins anew. Hosts whose rollback failed are left out: a person must look first. The exit statuses are those of
    `orc run`.
    """
    wanted = (*(FAILED if failed else ()), *((Standing.UNREACHABLE,) if unreachable else ()))
    wanted += (Standing.NEVER_STARTED, Standing.STOPPED) if never_started else ()
    settings = begin(verbose=verbose)
    before, argv, state = anyio.run(partial(_read, run, settings))
    hosts = to_retry(state, NOT_OK if everything or not wanted else wanted)
    if not hosts:
        raise InputError.of(f"no host of run {before} is to be tried again", fix=f"see: orc status {before}")
    planned, words = _plan(argv, state, before, hosts=fold_names(hosts), settings=settings, yes=yes)
    must_confirm(planned, limited=True, confirmed=Confirmed(really=really), settings=settings)
    if not yes:
        confirm(planned)
    start = wiring.Start(plan=planned, by=whoami(), argv=(*words, *really_words(really)))
    raise typer.Exit(anyio.run(partial(drive_new, start, settings, shown, quiet=quiet)))


async def _read(typed: str, settings: Settings) -> tuple[RunId, tuple[str, ...], RunState]:
    async with wiring.open_journal(settings) as journal:
        found = await find_run(journal, typed)
        record = await journal.record(found)
        state = await recorded_state(journal, record)
    if state.plan.takes_back:
        of = state.plan.takes_back
        raise InputError.of(f"run {found} takes run {of} back", fix=f"what is left of that: orc rollback {of}")
    if not state.finished:
        raise Held(f"run {found} has not ended", next=(f"orc resume {found}", f"orc abort {found}"))
    return found, record.argv, state


def _plan(
    argv: tuple[str, ...], state: RunState, before: RunId, *, hosts: str, settings: Settings, yes: bool
) -> tuple[Plan, tuple[str, ...]]:
    """The plan of the new run, and the command line that stands for it."""
    old = state.plan
    selection = wiring.Selection(
        playbook=Path(old.file),
        inventory=Path(old.inventory) if old.inventory != old.file else None,
        limit=hosts,
        extra_vars=[value for word, value in pairwise(argv) if word == "-e"],
        tags=old.tags,
    )
    new = wiring.with_policy(wiring.make_plan(selection, settings), old.policy)
    words = tuple(limit_to(argv, [host.host.name for host in new.hosts]) or limit_to_lists(argv, state, new, before))
    if changed := changed_steps(old, new):
        what = f"these steps are not what they were in run {before}: {', '.join(changed)}"
        if not (yes or can_ask()):
            raise Held(f"{what}; nothing was started. With --yes every host begins with the first step", next=())
        sys.stderr.write(f"orc: {what}; every host begins with the first step\n")
        return new, words
    return carry_over(new, before, state), words
