"""`orc report`: a run as a document, for those who did not follow it."""

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.lookup import find_run, read_view
from orchestrator.cli.options import RunArgument, VerboseOption, begin
from orchestrator.errors import InputError
from orchestrator.load import Settings
from orchestrator.ports import Output
from orchestrator.report.final import final_report
from orchestrator.report.junit import junit_xml
from orchestrator.report.markdown import markdown
from orchestrator.report.status import status_report
from orchestrator.report.view import RunView, Which

MOST_CASES = 20_000
"""Steps times hosts of which all outputs are read; of more, only those of the failures."""


class Form(StrEnum):
    """What kind of document."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JUNIT = "junit"


FormatOption = Annotated[Form, typer.Option("--format", help="What kind of document.")]
FileOption = Annotated[
    Path | None, typer.Option("-o", "--out", metavar="FILE", help="Where to write it, instead of stdout.")
]


def command(
    run: RunArgument, *, form: FormatOption = Form.TEXT, file: FileOption = None, verbose: VerboseOption = False
) -> None:
    """Write a report of a run: as text, as Markdown for a pull request, or as JUnit XML for a CI server."""
    view, outputs = anyio.run(_read, run, begin(verbose=verbose), form)
    text = _text(view, outputs, form)
    if file is None:
        output.stdout().lines(text.removesuffix("\n").split("\n"))
        return
    try:
        file.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError.of(f"{file} cannot be written: {error.strerror}", fix="name another with -o") from error
    sys.stderr.write(f"orc: written to {file}\n")


async def _read(typed: str, settings: Settings, form: Form) -> tuple[RunView, Mapping[Which, Output]]:
    async with wiring.open_journal(settings) as journal:
        view = await read_view(journal, await find_run(journal, typed), settings)
        plan = view.state.plan
        if form is not Form.JUNIT or len(plan.hosts) * len(plan.slots) > MOST_CASES:
            return view, view.outputs
        every = await journal.outputs(view.id)  # in the order in which they ended: the latest of each slot is kept
    return view, {(each.host, each.step, each.undo): each for each in every}


def _text(view: RunView, outputs: Mapping[Which, Output], form: Form) -> str:
    match form:
        case Form.JUNIT:
            return junit_xml(view, outputs)
        case Form.MARKDOWN:
            return "\n".join([*markdown(view, output.paper()), ""])
        case Form.TEXT:
            lines = (status_report if view.open else final_report)(view, output.paper())
            return "\n".join([*lines, ""])
