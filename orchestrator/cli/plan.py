"""`orc plan`: the dry run."""

import json
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.options import (
    ExtraVarsOption,
    ForksOption,
    FormOption,
    InventoryOption,
    LimitOption,
    MaxFailuresOption,
    NoRollbackOption,
    PlaybookArgument,
    SkipTagsOption,
    TagsOption,
    VerboseOption,
    Wanted,
    begin,
    read_time,
)
from orchestrator.cli.output import Form
from orchestrator.core.estimate import Durations
from orchestrator.engine.history import durations, last_good
from orchestrator.errors import InputError
from orchestrator.load import Settings
from orchestrator.model.plan import Plan
from orchestrator.report.plan_json import plan_json
from orchestrator.report.plan_text import plan_text
from orchestrator.report.planned import Planned
from orchestrator.report.since import Base, Since, since, since_json, since_text
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
    form: FormOption = Form.TEXT,
    verbose: VerboseOption = False,
) -> None:
    """Show exactly what a playbook would do on which hosts, and do nothing. No host is asked.

    With -o the plan is also written to a file: `orc show FILE` shows it again, `orc apply FILE` runs it, and nothing
    else: once an input has changed it refuses.
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
    known = anyio.run(partial(_known, planned, settings, good=diff))
    told = since(planned, known.good, sources.origin_of) if diff else None
    if out is not None:
        write_saved(out, SavedPlan(plan=planned, argv=wanted.argv(), valid_until=until))
    _show(planned, apply_words(out) if out is not None else wanted.argv(), form, known.durations, told)
    if detailed and Planned.of(planned).does_anything():
        raise typer.Exit(SOMETHING_TO_DO)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the journal knows of earlier runs of a plan's playbook."""

    durations: Durations = field(default_factory=dict)
    good: tuple[Base, ...] = ()


async def _known(plan: Plan, settings: Settings, *, good: bool) -> _Known:
    """What there is to know, where there is a journal: a dry run makes none. good: also the last good runs."""
    if not wiring.has_journal(settings):
        return _Known()
    async with wiring.open_journal(settings) as journal:
        bases = await last_good(journal, plan) if good else ()
        return _Known(
            durations=await durations(journal, plan),
            good=tuple(Base(run=base.id, plan=base.plan, hosts=base.hosts) for base in bases),
        )


def _until(valid_for: str | None, out: Path | None) -> float | None:
    """When a plan's file stops being valid, in seconds since the epoch. Raises InputError."""
    if valid_for is None:
        return None
    if out is None:
        raise InputError.of("--valid-for is about the file of a plan", fix="name one: -o FILE; nothing was written")
    return float(int(wiring.clock().now() + read_time("--valid-for", valid_for)))


def apply_words(file: Path) -> tuple[str, ...]:
    """The command line that runs the plan of a file."""
    return ("orc", "apply", str(file))


def show(plan: Plan, argv: tuple[str, ...], form: Form, settings: Settings) -> None:
    """Write a plan to stdout. argv: the command line that runs it."""
    _show(plan, argv, form, anyio.run(partial(_known, plan, settings, good=False)).durations, None)


def _show(plan: Plan, argv: tuple[str, ...], form: Form, took: Durations, told: Since | None) -> None:
    if form is Form.JSON:
        diff = since_json(told) if told else None
        output.stdout().line(json.dumps({**plan_json(plan, took), "diff": diff}, indent=2))
        return
    besides = since_text(told, output.paper()) if told else []
    output.stdout().lines(plan_text(plan, argv, output.paper(), durations=took, besides=besides))
