"""What the commands of a run printed."""

from collections.abc import Iterable, Sequence
from typing import TypedDict

from orchestrator.model.event import AttemptEnded, Recorded, UndoEnded
from orchestrator.model.ids import HostName, StepName
from orchestrator.ports import Output
from orchestrator.report.sections import join
from orchestrator.report.view import PAPER, Paper
from orchestrator.report.visible import output_lines, visible
from orchestrator.report.words import OUTCOMES, clock_time, iso, took

Ended = AttemptEnded | UndoEnded
Key = tuple[HostName, StepName, int, bool]


class OutputJson(TypedDict):
    """One attempt and what it printed. The sizes are true, in bytes: an output may have been cut in the guest."""

    host: str
    step: str
    undo: bool
    attempt: int
    at: str
    outcome: str
    exit_code: int | None
    detail: str
    stdout: str
    stderr: str
    stdout_size: int
    stderr_size: int


def endings(events: Iterable[Recorded]) -> dict[Key, Ended]:
    """How each attempt of a run ended."""
    return {
        (event.host, event.step, event.attempt, isinstance(event, UndoEnded)): event
        for recorded in events
        if isinstance(event := recorded.event, AttemptEnded | UndoEnded)
    }


def logs_json(outputs: Sequence[Output], ended: dict[Key, Ended]) -> list[OutputJson]:
    """The outputs as programs read them, in the order in which the attempts ended."""
    return [_output_json(output, ended[_key(output)]) for output in outputs]


def _key(output: Output) -> Key:
    return output.host, output.step, output.attempt, output.undo


def _output_json(output: Output, ended: Ended) -> OutputJson:
    return OutputJson(
        host=output.host,
        step=output.step,
        undo=output.undo,
        attempt=output.attempt,
        at=iso(output.at),
        outcome=ended.outcome.value,
        exit_code=ended.result.exit_code if ended.result else None,
        detail=ended.detail,
        stdout=output.stdout,
        stderr=output.stderr,
        stdout_size=output.stdout_size,
        stderr_size=output.stderr_size,
    )


def logs_text(outputs: Sequence[Output], ended: dict[Key, Ended], paper: Paper = PAPER) -> list[str]:
    """A line on each attempt, and below it what it printed; an attempt that printed nothing says so."""
    return join(*(_attempt(output, ended[_key(output)], paper) for output in outputs))


def _attempt(output: Output, ended: Ended, paper: Paper) -> list[str]:
    step = f"undo of {output.step}" if output.undo else output.step
    outcome = OUTCOMES[ended.outcome] + (f" ({ended.detail})" if ended.detail else "")
    said = f"== {output.host}  {step}, attempt {output.attempt}: {outcome}, {took(ended.duration)}"
    streams = (("stdout", output.stdout, output.stdout_size), ("stderr", output.stderr, output.stderr_size))
    printed = [
        line
        for name, text, size in streams
        if text or size
        for line in (f"-- {name}{_cut_in_guest(text, size)}", *output_lines(text))
    ]
    nothing = "" if printed else ", printed nothing"
    return [visible(f"{said}, at {clock_time(output.at, paper.zone)}{nothing}"), *printed]


def _cut_in_guest(text: str, size: int) -> str:
    """Says so where the guest kept only the head and the tail of an output."""
    kept = len(text.encode(errors="replace"))
    return f", {kept:,} of {size:,} bytes: the middle was left in the guest" if kept < size else ""
