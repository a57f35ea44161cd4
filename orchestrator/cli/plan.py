"""`orc plan`: the dry run."""

import json

import typer

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
    ProbeOption,
    SkipTagsOption,
    TagsOption,
    VerboseOption,
    Wanted,
    begin,
)
from orchestrator.cli.output import Form
from orchestrator.cli.probing import probe_guests
from orchestrator.load import Settings
from orchestrator.model.plan import Plan
from orchestrator.report.plan_json import plan_json
from orchestrator.report.plan_text import plan_text


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
    probe: ProbeOption = False,
    form: FormOption = Form.TEXT,
    verbose: VerboseOption = False,
) -> None:
    """Show exactly what a playbook would do on which hosts, and do nothing. No host is asked, unless with --probe.

    Exit status: 0; with --probe 0 where a run would start on every host; 2 wrong input, also a vmid that the provider
    does not know; 6 hosts cannot be reached; 7 a run would be held: hosts are taken, or the provider refuses commands.
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
    show(wanted.plan(settings), wanted.argv(), form, ask=settings if probe else None)


def show(plan: Plan, argv: tuple[str, ...], form: Form, *, ask: Settings | None = None) -> None:
    """Write a plan to stdout; ask: probe its guests before, by these settings, and exit by what they say."""
    probed = probe_guests(plan, ask) if ask else None
    if form is Form.JSON:
        output.stdout().line(json.dumps(plan_json(plan, probed), indent=2))
    else:
        output.stdout().lines(plan_text(plan, argv, output.paper(), probed))
    if probed and probed.probe.exit:
        raise typer.Exit(probed.probe.exit)
