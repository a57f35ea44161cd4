"""`orc logs`: what the commands of a run printed."""

import json
from typing import Annotated

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.logs_follow import follow
from orchestrator.cli.logs_full import print_full
from orchestrator.cli.logs_which import find_which
from orchestrator.cli.options import FormOption, RunArgument, VerboseOption, begin
from orchestrator.cli.output import Form
from orchestrator.errors import InputError
from orchestrator.load import Settings
from orchestrator.report.logs import endings, logs_json, logs_text

HostArgument = Annotated[str | None, typer.Argument(metavar="[HOST]", help="Only of this host.")]
StepArgument = Annotated[str | None, typer.Argument(metavar="[STEP]", help="Only of this step, and its rollback.")]
FollowOption = Annotated[
    bool, typer.Option("-f", "--follow", help="Go on printing as attempts end, until the run does.")
]
FullOption = Annotated[
    bool, typer.Option("--full", help="All that a step printed on a host, fetched from the VPS, unchanged.")
]


def command(
    run: RunArgument,
    host: HostArgument = None,
    step: StepArgument = None,
    *,
    following: FollowOption = False,
    full: FullOption = False,
    form: FormOption = Form.TEXT,
    verbose: VerboseOption = False,
) -> None:
    """Show what the commands of a run printed, in the order in which they ended, with a line on each attempt.

    That is what the journal has: the first and last 32 KiB of each output. The VPS keeps the whole for 30 days or
    more, and --full fetches it: stdout to stdout, stderr to stderr.

    Exit statuses of --full: 0 it was all of it; 6 the VPS could not give it, or not all of it (then the journal's part
    is printed); 7 a run is at work on the VPS, or the key is refused.
    """
    if full and (following or form is Form.JSON):
        other = "-f" if following else "--output json"
        raise InputError.of(f"--full prints bytes as they are kept, and {other} does not", fix="leave one of them out")
    settings = begin(verbose=verbose)
    if full:
        raise typer.Exit(anyio.run(print_full, run, host, step, settings))
    if following:
        anyio.run(follow, run, host, step, form, settings)
        return
    output.stdout().lines(anyio.run(_lines, run, host, step, form, settings))


async def _lines(typed: str, host: str | None, step: str | None, form: Form, settings: Settings) -> list[str]:
    async with wiring.open_journal(settings) as journal:
        which = await find_which(journal, typed, host, step)
        outputs = await journal.outputs(which.run, host=which.host, step=which.step)
        ended = endings(await journal.events(which.run, outputs=False))
    if form is Form.JSON:
        return [json.dumps(logs_json(outputs, ended), indent=2)]
    return logs_text(outputs, ended, output.paper()) or ["nothing has ended there that could have printed anything"]
