"""`orc diff`: what differs between two runs."""

import json
from typing import Annotated

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.lookup import find_run, read_view
from orchestrator.cli.options import FormOption, VerboseOption, begin
from orchestrator.cli.output import Form
from orchestrator.load import Settings
from orchestrator.report.diff_text import diff_json, diff_text
from orchestrator.report.differences import differences
from orchestrator.report.view import RunView

BeforeArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="The earlier run: its id, the beginning of it, or `last`.")
]
AfterArgument = Annotated[str, typer.Argument(metavar="RUN", help="The later run.")]


def command(
    before: BeforeArgument, after: AfterArgument, *, form: FormOption = Form.TEXT, verbose: VerboseOption = False
) -> None:
    """Show what differs between two runs: files, parameters, hosts, steps, commands, what became of them, durations."""
    one, other = anyio.run(_read, before, after, begin(verbose=verbose))
    found = differences(one, other)
    if form is Form.JSON:
        output.stdout().line(json.dumps(diff_json(one, other, found), indent=2))
    else:
        output.stdout().lines(diff_text(one, other, found, output.paper()))


async def _read(before: str, after: str, settings: Settings) -> tuple[RunView, RunView]:
    async with wiring.open_journal(settings) as journal:
        one = await read_view(journal, await find_run(journal, before), settings)
        return one, await read_view(journal, await find_run(journal, after), settings)
