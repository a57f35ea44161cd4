"""`orc plan`: the dry run."""

import json
from pathlib import Path
from typing import Annotated

import typer

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.known import find_out
from orchestrator.cli.options import (
    ExtraVarsOption,
    ForksOption,
    FormOption,
    InventoryOption,
    LimitOption,
    MaxFailuresOption,
    NoRollbackOption,
    PlaybookArgument,
    ProbeOption,
    SkipTagsOption,
    TagsOption,
    VerboseOption,
    begin,
    read_time,
)
from orchestrator.cli.output import Form
from orchestrator.cli.wanted import Wanted, path_word
from orchestrator.errors import InputError
from orchestrator.model.plan import Plan
from orchestrator.report.known import Known
from orchestrator.report.plan_json import plan_json
from orchestrator.report.plan_text import plan_text
from orchestrator.report.planned import Planned
from orchestrator.saved_plan import SavedPlan, write_saved

OutOption = Annotated[
    Path | None, typer.Option("-o", "--out", metavar="FILE", help="Keep the plan in a file, for `orc apply`.")
]
ValidOption = Annotated[
    str | None, typer.Option("--valid-for", metavar="TIME", help="How long the file can be applied: 4h.")
]
DiffOption = Annotated[bool, typer.Option("--diff", help="Also what is another than in the last good run.")]
DetailedOption = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit with 8 where there is something to do, with 0 where not.")
]

SOMETHING_TO_DO = 8


def command(
    playbook: PlaybookArgument,
    *,
    inventory: InventoryOption = None,
    limit: LimitOption = None,
    extra_vars: ExtraVarsOption = None,
    tags: TagsOption = None,
    skip_tags: SkipTagsOption = None,
    forks: ForksOption = None,
    max_failures: MaxFailuresOption = None,
    no_rollback: NoRollbackOption = False,
    out: OutOption = None,
    valid_for: ValidOption = None,
    detailed: DetailedOption = False,
    diff: DiffOption = False,
    probe: ProbeOption = False,
    form: FormOption = Form.TEXT,
    verbose: VerboseOption = False,
) -> None:
    """Show exactly what a playbook would do on which hosts, and do nothing. No host is asked, unless with --probe.

    With -o the plan is also written to a file: `orc show FILE` shows it again, `orc apply FILE` runs it, and nothing
    else: once an input has changed it refuses.
    Exit status: 0; with --probe 0 where a run would start on every host; 2 wrong input, also a vmid that the provider
    does not know; 6 hosts cannot be reached; 7 a run would be held: hosts are taken, or the provider refuses commands;
    8 with --detailed-exitcode where there is something to do.
    """
    settings = begin(verbose=verbose)
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
    until = _until(valid_for, out)
    sources = wanted.sources(settings)
    planned = wanted.plan_of(sources)
    known = find_out(planned, settings, diff=sources.origin_of if diff else None, probe=probe)
    if out is not None:
        write_saved(out, SavedPlan(plan=planned, argv=wanted.argv(), valid_until=until))
    show(planned, apply_words(out) if out is not None else wanted.argv(), form, known)
    if detailed and Planned.of(planned).does_anything():
        raise typer.Exit(SOMETHING_TO_DO)


def _until(valid_for: str | None, out: Path | None) -> float | None:
    """When a plan's file stops being valid, in seconds since the epoch. Raises InputError."""
    if valid_for is None:
        return None
    if out is None:
        raise InputError.of("--valid-for is about the file of a plan", fix="name one: -o FILE; nothing was written")
    return float(int(wiring.clock().now() + read_time("--valid-for", valid_for)))


def apply_words(file: Path) -> tuple[str, ...]:
    """The command line that runs the plan of a file."""
    return ("orc", "apply", path_word(file))


def show(plan: Plan, argv: tuple[str, ...], form: Form, known: Known) -> None:
    """Write a plan to stdout, and exit by what its guests said, where they were asked.

    argv: the command line that runs it.
    """
    if form is Form.JSON:
        output.stdout().line(json.dumps(plan_json(plan, known), indent=2))
    else:
        output.stdout().lines(plan_text(plan, argv, output.paper(), known))
    if known.probed and known.probed.probe.exit:
        raise typer.Exit(known.probed.probe.exit)
