"""`orc status`: how a run stands."""

import json
from dataclasses import replace
from functools import partial

import anyio

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.lookup import find_run, read_certificate, read_view
from orchestrator.cli.options import FormOption, RunArgument, VerboseOption, begin
from orchestrator.cli.output import Form
from orchestrator.load import Settings
from orchestrator.report.status import status_json, status_report
from orchestrator.report.view import RunView


def command(run: RunArgument, form: FormOption = Form.TEXT, verbose: VerboseOption = False) -> None:
    """Show how a run stands, where its hosts are, and what to type next."""
    view = anyio.run(partial(_view, run, begin(verbose=verbose), certified=form is Form.JSON))
    if form is Form.JSON:
        output.stdout().line(json.dumps(status_json(view), indent=2))
    else:
        output.stdout().lines(status_report(view, output.paper()))


async def _view(typed: str, settings: Settings, *, certified: bool) -> RunView:
    """certified: with the certificate, for which all that the run's commands printed is read once."""
    async with wiring.open_journal(settings) as journal:
        view = await read_view(journal, await find_run(journal, typed), settings)
        return replace(view, certificate=await read_certificate(journal, view)) if certified else view
