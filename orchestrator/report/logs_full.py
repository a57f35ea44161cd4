"""What is said around the whole output of an attempt, which is fetched from its guest."""

from dataclasses import dataclass

from orchestrator.model.event import AttemptEnded, UndoEnded
from orchestrator.model.ids import HostName, StepName
from orchestrator.ports import Output
from orchestrator.report.view import Paper
from orchestrator.report.visible import visible
from orchestrator.report.words import OUTCOMES, clock_time, took


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An attempt that was begun. at: when it ended, or began. ended: None while the journal does not say how.

    index: of its slot in the plan. output: what the journal has of its outputs.
    """

    host: HostName
    step: StepName
    index: int
    undo: bool
    attempt: int
    at: float
    ended: AttemptEnded | UndoEnded | None = None
    output: Output | None = None


def title(begun: Begun, paper: Paper) -> str:
    """The line above the outputs of an attempt."""
    step = f"undo of {begun.step}" if begun.undo else begun.step
    how = f"has not ended, begun at {clock_time(begun.at, paper.zone)}"
    if ended := begun.ended:
        detail = f" ({ended.detail})" if ended.detail else ""
        how = f"{OUTCOMES[ended.outcome]}{detail}, {took(ended.duration)}, at {clock_time(begun.at, paper.zone)}"
    return visible(f"{begun.host}  {step}, attempt {begun.attempt}: {how}")


def is_whole(output: Output | None) -> bool:
    """Whether the journal has every byte that was printed: none left out, and none that is no UTF-8."""
    if output is None:
        return False
    texts = ((output.stdout, output.stdout_size), (output.stderr, output.stderr_size))
    return all(len(text.encode()) == size and "\ufffd" not in text for text, size in texts)


def from_journal(output: Output | None) -> str:
    """How much of an attempt's outputs the journal has, in words."""
    if output is None:
        return "the journal has nothing of it"
    if is_whole(output):
        return "this is from the journal, which has all of it"
    sizes = (("stdout", output.stdout, output.stdout_size), ("stderr", output.stderr, output.stderr_size))
    cut = [
        f"{min(len(text.encode()), size):,} of {size:,} bytes of {name}"
        for name, text, size in sizes
        if len(text.encode()) != size
    ]
    return "this is from the journal, " + (f"which has {' and '.join(cut)}" if cut else "in which bytes are replaced")
