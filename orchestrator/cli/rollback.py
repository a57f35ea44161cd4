"""`orc rollback`: takes a finished run back, later."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.ask import can_ask, must_agree
from orchestrator.cli.drive import drive_new
from orchestrator.cli.lookup import find_run
from orchestrator.cli.options import (
    LockWaitOption,
    OutputOption,
    QuietOption,
    RunArgument,
    VerboseOption,
    begin,
    read_lock_wait,
    whoami,
)
from orchestrator.cli.output import Output
from orchestrator.cli.run import YesOption
from orchestrator.core.pattern import fold_names, select_planned
from orchestrator.core.run_state import RunState
from orchestrator.core.taking_back import TakeBack, left_to_undo, take_back
from orchestrator.engine.going_back import Back, backs_of, refuse_beside
from orchestrator.engine.recorded import recorded_state
from orchestrator.errors import Held, InputError
from orchestrator.load import Settings
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.origin import COMMAND_LINE, Text
from orchestrator.model.plan import Plan
from orchestrator.report.back_plan import back_plan, kept, lacks
from orchestrator.report.words import count

HostsOption = Annotated[
    str | None, typer.Option("--hosts", metavar="PATTERN", help="Of the run's hosts, only those that match.")
]

GatesOption = Annotated[
    bool,
    typer.Option("--with-gates", help="The run's waves in reverse, with the bakes and gates that stood between them."),
]


def command(
    run: RunArgument,
    *,
    hosts: HostsOption = None,
    with_gates: GatesOption = False,
    yes: YesOption = False,
    lock_wait: LockWaitOption = "0s",
    shown: OutputOption = Output.AUTO,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Take a finished run back: on each host the rollbacks of its steps, newest first, with the values it had there.

    Shows what will be done, and asks. It is a new run; without --with-gates no gate of it is asked and no wave waited
    for. Exit status: 0 all that the rules ask for was undone; 3 a gate did not pass; 5 an undo failed; 7 held: it is
    taken back already, something is lacking, or a person has to answer a gate; the others are those of `orc run`.
    """
    settings, wait = begin(verbose=verbose), read_lock_wait(lock_wait)
    old, state, backs = anyio.run(partial(_read, run, settings))
    planned, found = _plan(old, state, backs, hosts, with_gates=with_gates)
    if not quiet or not yes:
        output.stderr().lines([*back_plan(planned, found, output.paper()), ""])
    if not yes:
        _confirm(planned)
    words = ("orc", "rollback", old, *(("--hosts", hosts) if hosts is not None else ()))
    words += ("--with-gates",) if with_gates else ()
    start = wiring.Start(plan=planned, by=whoami(), argv=words, lock_wait=wait)
    raise typer.Exit(anyio.run(partial(drive_new, start, settings, shown, quiet=quiet)))


async def _read(typed: str, settings: Settings) -> tuple[RunId, RunState, tuple[Back, ...]]:
    async with wiring.open_journal(settings) as journal:
        found = await find_run(journal, typed)
        record = await journal.record(found)
        return found, await recorded_state(journal, record), await backs_of(journal, found)


def _plan(
    old: RunId, state: RunState, backs: Sequence[Back], pattern: str | None, *, with_gates: bool
) -> tuple[Plan, TakeBack]:
    """The plan, and what was found besides. Raises Held and InputError."""
    if state.plan.takes_back:
        raise InputError.of(
            f"run {old} took run {state.plan.takes_back} back itself", fix="run the playbook again to go forward"
        )
    if not state.finished:
        raise Held(f"run {old} has not ended", next=(f"orc status {old}", f"orc resume {old}", f"orc abort {old}"))
    hosts = tuple(state.hosts)
    if pattern is not None:
        hosts = select_planned(Text(source=pattern, origin=COMMAND_LINE), state.plan)
    refuse_beside(old, backs, hosts)
    found = take_back(state, old, hosts, [back.state for back in backs], with_gates=with_gates)
    if found.lacks:
        raise Held(
            "\n".join([f"run {old} cannot be taken back so; nothing was started", *lacks(found)]),
            next=(f"orc rollback {old} --hosts PATTERN", f"orc status {old}"),
        )
    if found.plan is None:
        told = [*_already(state, backs, hosts), *(f"stays done: {said}" for said in kept(state.layout, found))]
        told = told or [f"run {old} has left nothing to take back on {count(len(hosts), 'host')}"]
        raise Held("; ".join([*told, "nothing was started"]), next=(f"orc status {old}",))
    return found.plan, found


def _already(state: RunState, backs: Sequence[Back], hosts: Sequence[HostName]) -> Iterator[str]:
    """By which runs these hosts were taken back, each a sentence."""
    before = left_to_undo(state, ())
    for back in backs:
        after = left_to_undo(state, [back.state])
        if taken := [host for host in hosts if before[host] != after[host]]:
            yield f"{fold_names(taken)}: already taken back by run {back.id}"


def _confirm(planned: Plan) -> None:
    """Ask. Raises InputError where nobody can answer, Held where the answer is no."""
    hosts = count(len(planned.hosts), "host")
    if not can_ask():
        raise InputError.of(
            f"this would take {hosts} back, and there is no terminal to ask on; nothing was started",
            fix="say --yes to do it without a question",
        )
    must_agree(f"Take this back on {hosts}?")
