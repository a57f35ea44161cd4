"""`orc logs`: what the commands of a run printed."""

import json
from collections.abc import Collection
from difflib import get_close_matches
from itertools import islice
from typing import Annotated

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.lookup import find_run
from orchestrator.cli.options import FormOption, RunArgument, VerboseOption, begin
from orchestrator.cli.output import Form
from orchestrator.errors import InputError
from orchestrator.load import Settings
from orchestrator.model.ids import HostName, StepName
from orchestrator.report.logs import endings, logs_json, logs_text

HostArgument = Annotated[str | None, typer.Argument(metavar="[HOST]", help="Only of this host.")]
StepArgument = Annotated[str | None, typer.Argument(metavar="[STEP]", help="Only of this step, and its rollback.")]

_MOST_NEAR = 2_000


def command(
    run: RunArgument,
    host: HostArgument = None,
    step: StepArgument = None,
    form: FormOption = Form.TEXT,
    verbose: VerboseOption = False,
) -> None:
    """Show what the commands of a run printed, in the order in which they ended, with a line on each attempt."""
    output.stdout().lines(anyio.run(_lines, run, host, step, form, begin(verbose=verbose)))


async def _lines(typed: str, host: str | None, step: str | None, form: Form, settings: Settings) -> list[str]:
    async with wiring.open_journal(settings) as journal:
        run = await find_run(journal, typed)
        plan = (await journal.record(run)).plan
        hosts = {each.host.name for each in plan.hosts}
        one_host = None if host is None else HostName(_known(host, hosts, "host"))
        one_step = None if step is None else StepName(_known(step, {slot.name for slot in plan.slots}, "step"))
        outputs = await journal.outputs(run, host=one_host, step=one_step)
        ended = endings(await journal.events(run, outputs=False))
    if form is Form.JSON:
        return [json.dumps(logs_json(outputs, ended), indent=2)]
    return logs_text(outputs, ended, output.paper()) or ["nothing has ended there that could have printed anything"]


def _known(name: str, known: Collection[str], what: str) -> str:
    if name in known:
        return name
    near = get_close_matches(name, list(islice(known, _MOST_NEAR)), n=1)
    fix = f"did you mean {near[0]}?" if near else f"the {what}s of the run: {', '.join(sorted(known)[:10])}"
    raise InputError.of(f"the run has no {what} {name!r}", fix=fix)
