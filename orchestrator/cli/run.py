"""`orc run`: a playbook against an inventory."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli import beside, output, plan
from orchestrator.cli.ask import can_ask, must_agree
from orchestrator.cli.drive import drive_new
from orchestrator.cli.known import find_out
from orchestrator.cli.limits import ask_number, must_confirm
from orchestrator.cli.options import (
    ExpectOption,
    ExtraVarsOption,
    ForksOption,
    InventoryOption,
    LimitOption,
    LockWaitOption,
    MaxFailuresOption,
    NoRollbackOption,
    OutputOption,
    PlaybookArgument,
    ProbeOption,
    QuietOption,
    ReallyOption,
    SkipTagsOption,
    TagsOption,
    VerboseOption,
    begin,
    read_lock_wait,
    whoami,
)
from orchestrator.cli.output import Form, Output
from orchestrator.cli.resume import go_on
from orchestrator.cli.wanted import Wanted
from orchestrator.core.blast_radius import Confirmed, Question, held, is_limited
from orchestrator.errors import InputError
from orchestrator.load import Settings
from orchestrator.model.plan import Plan
from orchestrator.report.plan_summary import plan_summary
from orchestrator.report.words import count

YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")]
CheckOption = Annotated[bool, typer.Option("--check", help="Only show what would be done, as `orc plan` does.")]


def command(
    playbook: PlaybookArgument,
    *,
    inventory: InventoryOption = None,
    limit: LimitOption = None,
    extra_vars: ExtraVarsOption = None,
    tags: TagsOption = None,
    skip_tags: SkipTagsOption = None,
    yes: YesOption = False,
    check: CheckOption = False,
    probe: ProbeOption = False,
    forks: ForksOption = None,
    max_failures: MaxFailuresOption = None,
    no_rollback: NoRollbackOption = False,
    really: ReallyOption = None,
    expected: ExpectOption = None,
    lock_wait: LockWaitOption = "0s",
    shown: OutputOption = Output.AUTO,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run a playbook against an inventory: show what will be done, ask, do it wave by wave, take back what fails.

    Exit status: 0 success; 2 wrong input, nothing was started; 3 hosts failed and are as the failure left them;
    4 hosts failed and all of them were rolled back; 5 a rollback failed; 6 hosts were unreachable or an outcome is
    unknown; 7 held, nothing was started; 130 interrupted.
    """
    settings, wait = begin(verbose=verbose), read_lock_wait(lock_wait)
    if probe and not check:
        raise InputError.of(
            "--probe goes with --check", fix="say both to see what a run would find; nothing was started"
        )
    wanted = Wanted(
        playbook=playbook,
        inventory=inventory,
        limit=limit,
        extra_vars=tuple(extra_vars or ()),
        tags=tuple(tags or ()),
        skip_tags=tuple(skip_tags or ()),
        forks=forks,
        max_failures=max_failures,
        no_rollback=no_rollback,
    ).with_lists(settings)
    planned = wanted.plan(settings)
    if check:
        form = Form.JSON if shown is Output.JSON else Form.TEXT
        plan.show(planned, wanted.argv(), form, find_out(planned, settings, probe=probe))
        return
    how = HowToRun(
        yes=yes, confirmed=Confirmed(expected=expected, really=really), lock_wait=wait, shown=shown, quiet=quiet
    )
    raise typer.Exit(start(planned, wanted.argv(), how, settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class HowToRun:
    """What was typed of how a plan is to be run. lock_wait: seconds."""

    yes: bool
    confirmed: Confirmed
    lock_wait: float
    shown: Output
    quiet: bool


def start(planned: Plan, argv: tuple[str, ...], how: HowToRun, settings: Settings) -> int:
    """Ask what is to be asked, and run the plan; the exit status. Raises Held and InputError.

    argv: the command line of `orc run` that the plan stands for.
    """
    question = must_confirm(planned, limited=is_limited(argv), confirmed=how.confirmed, settings=settings)
    asks = not how.yes and can_ask()
    if left := beside.choose(anyio.run(beside.open_runs, planned, settings), asks=asks):
        return anyio.run(partial(go_on, left, settings, how.shown, quiet=how.quiet))
    if how.yes and question:
        raise held(question)
    if not how.yes:
        confirm(planned, question)
    words = (*argv, *really_words(how.confirmed.really))
    begun = wiring.Start(plan=planned, by=whoami(), argv=words, lock_wait=how.lock_wait)
    return anyio.run(partial(drive_new, begun, settings, how.shown, quiet=how.quiet))


def really_words(really: int | None) -> tuple[str, ...]:
    """The words of the command line that let a run go over its playbook's limits."""
    return ("--yes-really", str(really)) if really is not None else ()


def confirm(planned: Plan, question: Question | None = None) -> None:
    """Show the plan in short and ask. Raises InputError where nobody can answer, Held where the answer is no.

    question: what has to be confirmed by typing the number of hosts, in place of a yes.
    """
    hosts = count(len(planned.hosts), "host")
    if not can_ask():
        if question:
            raise held(question)
        raise InputError.of(
            f"this would run on {hosts}, and there is no terminal to ask on; nothing was started",
            fix="say --yes to run it without a question",
        )
    output.stderr().lines([*plan_summary(planned, output.paper()), ""])
    if question:
        ask_number(question)
        return
    must_agree(f"Run this on {hosts}?")
