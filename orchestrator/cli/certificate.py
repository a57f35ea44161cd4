"""`orc certificate`: what a run took back, and whether a kept certificate still agrees with the journal."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.lookup import find_run
from orchestrator.cli.options import FormOption, RunArgument, VerboseOption, begin
from orchestrator.cli.output import Form
from orchestrator.core.certificate import Certificate, certificate_json, certify, differences, took_back
from orchestrator.core.run_state import fold
from orchestrator.errors import Held, InputError
from orchestrator.load import Settings
from orchestrator.report.certificates import table_lines
from orchestrator.report.words import short

CheckOption = Annotated[
    Path | None,
    typer.Option("--check", metavar="FILE", help="Whether the certificate in this file (JSON) is that of the run."),
]

DIFFERS = 3
"""The exit status where a kept certificate does not agree with the journal."""

LARGEST_FILE = 64 * 1024 * 1024


def command(
    run: RunArgument, *, check: CheckOption = None, form: FormOption = Form.TEXT, verbose: VerboseOption = False
) -> None:
    """Show what became of every step on every host of a run that took something back, hash-chained to its events.

    With --check FILE: compare a certificate that was kept with what the journal says now; exit status 3 where they
    differ.
    """
    made = anyio.run(partial(_read, run, begin(verbose=verbose)))
    if check is not None:
        if found := differences(_kept(check), made):
            output.stdout().lines([f"DIFFERS  {check} is not the certificate of run {made.run}", *found])
            raise typer.Exit(DIFFERS)
        output.stdout().line(f"OK  {check} is the certificate of run {made.run}, {made.last} events   {made.digest}")
    elif form is Form.JSON:
        output.stdout().line(json.dumps(certificate_json(made), indent=2))
    else:
        said = f"run {made.run}, plan {made.plan}", f"{made.last} events, {made.events}", f"sha256 {made.digest}"
        lines = table_lines(made.table, f"sha256 {short(made.digest)}", output.paper())
        output.stdout().lines([*lines, "", *said])


async def _read(typed: str, settings: Settings) -> Certificate:
    async with wiring.open_journal(settings) as journal:
        found = await find_run(journal, typed)
        record, events = await journal.record(found), await journal.events(found)
    state = fold(record.plan, events)
    if not state.finished:
        raise Held(f"run {found} has not ended: there is no certificate yet", next=(f"orc status {found}",))
    if not took_back(state):
        raise InputError.of(f"run {found} took nothing back: there is no certificate", fix=f"see: orc status {found}")
    return certify(found, state, events)


def _kept(file: Path) -> object:
    """The JSON in a file. Raises InputError."""
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise InputError.of(f"{file} is too large to be a certificate")
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError.of(f"{file} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError.of(f"{file} is no JSON ({error})") from error
