"""`orc retry`: another run for the hosts of a finished one that are not ok, which goes on where that one stopped."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
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
from orchestrator.cli.wanted import typed, wanted_of
from orchestrator.core.blast_radius import Confirmed
from orchestrator.core.pattern import fold_names
from orchestrator.core.retry import NOT_OK, carry_over, changed_steps, to_retry
from orchestrator.core.run_state import RunState
from orchestrator.core.taking_back import left_to_undo
from orchestrator.engine.going_back import Back, backs_of, made_now, refuse_beside
from orchestrator.engine.recorded import recorded_state
from orchestrator.errors import Held, InputError
from orchestrator.load import Settings
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.plan import Plan
from orchestrator.model.state import Standing
from orchestrator.report.next_commands import LONGEST_LIMIT

FAILED = (Standing.FAILED, Standing.UNKNOWN, Standing.ROLLED_BACK, Standing.ROLLBACK_FAILED)

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
    begins anew. A host whose rollback failed is left out until `orc mark HOST recovered`: a person must look first.
    The exit statuses are those of `orc run`.
    """
    wanted = (*(FAILED if failed else ()), *((Standing.UNREACHABLE,) if unreachable else ()))
    wanted += (Standing.NEVER_STARTED, Standing.STOPPED) if never_started else ()
    settings = begin(verbose=verbose)
    before = anyio.run(partial(_read, run, settings))
    standings = NOT_OK if everything or not wanted else wanted
    hosts = to_retry(before.state, standings, before.back_states, before.fenced)
    if not hosts:
        raise InputError.of(f"no host of run {before.id} is to be tried again", fix=f"see: orc status {before.id}")
    refuse_beside(before.id, before.backs, hosts)
    planned, words = _plan(before, hosts, settings, yes=yes)
    must_confirm(planned, limited=True, confirmed=Confirmed(really=really), settings=settings)
    if not yes:
        confirm(planned)
    start = wiring.Start(plan=planned, by=whoami(), argv=(*words, *really_words(really)))
    raise typer.Exit(anyio.run(partial(drive_new, start, settings, shown, quiet=quiet)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """The run whose hosts are tried again, the runs that take it back, or did, and the keys of all fenced hosts.

    made_now: its plan, as it would be made now.
    """

    id: RunId
    argv: tuple[str, ...]
    state: RunState
    made_now: Plan
    backs: tuple[Back, ...]
    fenced: frozenset[str]

    @property
    def back_states(self) -> tuple[RunState, ...]:
        return tuple(back.state for back in self.backs)


async def _read(run: str, settings: Settings) -> _Before:
    async with wiring.open_journal(settings) as journal:
        found = await find_run(journal, run)
        record = await journal.record(found)
        state = await recorded_state(journal, record)
        backs = await backs_of(journal, found)
        plan = await made_now(journal, state.plan)
        fenced = frozenset(fence.key for fence in await journal.fences())
    if state.plan.takes_back:
        of = state.plan.takes_back
        raise InputError.of(f"run {found} takes run {of} back", fix=f"what is left of that: orc rollback {of}")
    if not state.finished:
        raise Held(f"run {found} has not ended", next=(f"orc resume {found}", f"orc abort {found}"))
    return _Before(id=found, argv=record.argv, state=state, made_now=plan, backs=backs, fenced=fenced)


def _plan(before: _Before, hosts: Sequence[HostName], settings: Settings, *, yes: bool) -> tuple[Plan, tuple[str, ...]]:
    """The plan of the new run, and the command line that stands for it."""
    old = before.state.plan
    wanted = replace(
        typed(before.argv) if before.argv else wanted_of(old),
        playbook=Path(old.file),
        inventory=Path(old.inventory) if old.inventory != old.file else None,
        limit=fold_names(hosts),
    )
    new = wanted.plan(settings)
    words = replace(wanted, limit=limit_of([host.host.name for host in new.hosts], before.state, before.id)).argv()
    if changed := changed_steps(old, new):
        what = f"these steps are not what they were in run {before.id}: {', '.join(changed)}"
        if not (yes or can_ask()):
            raise Held(f"{what}; nothing was started. With --yes every host begins with the first step", next=())
        sys.stderr.write(f"orc: {what}; every host begins with the first step\n")
        return new, words
    left = left_to_undo(before.state, before.back_states)
    return carry_over(new, before.id, before.state, left, made_now=before.made_now), words


def limit_of(hosts: Sequence[HostName], state: RunState, run: RunId) -> str:
    """These hosts as the limit of a command line; where they are too many to name, the run's lists that hold them."""
    folded = fold_names(hosts)
    if len(folded) <= LONGEST_LIMIT:
        return folded
    mine = set(hosts)
    held = (standing.value for standing, names in state.lists().items() if not mine.isdisjoint(names))
    return ",".join(f"@{run}.{name}" for name in held)
