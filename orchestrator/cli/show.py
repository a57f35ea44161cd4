"""`orc show`: a plan that was kept in a file."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import output, plan
from orchestrator.cli.known import find_out
from orchestrator.cli.options import FormOption, VerboseOption, begin
from orchestrator.cli.output import Form
from orchestrator.report.words import date_time
from orchestrator.saved_plan import read_saved

SavedArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A file that `orc plan -o FILE` has written.")]


def command(file: SavedArgument, *, form: FormOption = Form.TEXT, verbose: VerboseOption = False) -> None:
    """Show a plan that `orc plan -o FILE` has written, as `orc plan` showed it."""
    settings = begin(verbose=verbose)
    saved = read_saved(file)
    plan.show(saved.plan, plan.apply_words(file), form, find_out(saved.plan, settings))
    if form is Form.TEXT and saved.valid_until is not None:
        until = date_time(saved.valid_until, output.paper().zone)
        output.stdout().line(f"It can be applied until {until}, as long as its inputs stay as they are.")
