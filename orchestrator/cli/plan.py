"""`orc plan`: the dry run."""

import json

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
)
from orchestrator.cli.output import Form
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
    form: FormOption = Form.TEXT,
    verbose: VerboseOption = False,
) -> None:
    """Show exactly what a playbook would do on which hosts, and do nothing. No host is asked."""
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
    show(wanted.plan(settings), wanted.argv(), form)


def show(plan: Plan, argv: tuple[str, ...], form: Form) -> None:
    """Write a plan to stdout."""
    if form is Form.JSON:
        output.stdout().line(json.dumps(plan_json(plan), indent=2))
    else:
        output.stdout().lines(plan_text(plan, argv, output.paper()))
