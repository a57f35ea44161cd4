"""`orc runs`: the list of runs."""

import json
from collections.abc import Sequence
from typing import Annotated

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.options import FormOption, VerboseOption, begin
from orchestrator.cli.output import Form
from orchestrator.load import Settings
from orchestrator.model.event import RunFinished
from orchestrator.model.host import HostFence
from orchestrator.ports import RunSummary
from orchestrator.report.runs import runs_json, runs_table

LimitOption = Annotated[int, typer.Option("-n", min=1, max=10_000, metavar="N", help="The newest so many.")]


def command(limit: LimitOption = 20, form: FormOption = Form.TEXT, verbose: VerboseOption = False) -> None:
    """List the runs, newest first."""
    settings = begin(verbose=verbose)
    runs, fences = anyio.run(_read, limit, settings)
    owners = wiring.ownership(settings)
    unfinished = (run for run in runs if not (run.last and isinstance(run.last.event, RunFinished)))
    driven = {run.id for run in unfinished if owners.owner(run.id)}
    if form is Form.JSON:
        output.stdout().line(json.dumps(runs_json(runs, driven, fences), indent=2))
    else:
        output.stdout().lines(runs_table(runs, driven, output.paper(), fences))


async def _read(limit: int, settings: Settings) -> tuple[Sequence[RunSummary], Sequence[HostFence]]:
    async with wiring.open_journal(settings) as journal:
        return await journal.runs(limit=limit), await journal.fences()
