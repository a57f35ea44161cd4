"""`orc logs -f`: prints the outputs of a run as its attempts end, wherever it is driven."""

import json

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.logs_which import Which, find_which
from orchestrator.cli.output import Form, Sink
from orchestrator.load import Settings
from orchestrator.model.event import Recorded, RunFinished
from orchestrator.ports import Output
from orchestrator.report.logs import endings, logs_json, logs_text

LOOK_EVERY = 0.3
"""Seconds between two looks into the journal."""


async def follow(typed: str, host: str | None, step: str | None, form: Form, settings: Settings) -> None:
    """Print what has ended and what ends, until the run does, or until no process drives it. Raises InputError.

    As JSON: one object a line, of the form that `orc logs --output json` has in its list.
    """
    async with wiring.open_journal(settings) as journal:
        which = await find_which(journal, typed, host, step)
        sink, seq, printed, finished = output.stdout(), 0, False, False
        while True:
            # Asked before the events are read: what the process wrote until its end is then read too.
            driven = wiring.ownership(settings).owner(which.run) is not None
            for recorded in await journal.events(which.run, after=seq):
                seq, finished = recorded.seq, isinstance(recorded.event, RunFinished)
                if (found := _output_of(recorded, which)) is not None:
                    _print(found, recorded, form, sink, first=not printed)
                    printed = True
            if finished or not driven:
                break
            await wiring.pause_for(LOOK_EVERY)
    if not finished:
        run = which.run
        output.stderr().line(f"orc: run {run} has not ended, and no process drives it. Go on with it: orc resume {run}")


def _output_of(recorded: Recorded, which: Which) -> Output | None:
    """The output in an event that has one and is meant."""
    found = Output.of(recorded)
    if found is None or which.host not in (None, found.host) or which.step not in (None, found.step):
        return None
    return found


def _print(found: Output, recorded: Recorded, form: Form, sink: Sink, *, first: bool) -> None:
    ended = endings([recorded])
    if form is Form.JSON:
        sink.line(json.dumps(logs_json([found], ended)[0]))
    else:
        sink.lines(([] if first else [""]) + logs_text([found], ended, output.paper()))
