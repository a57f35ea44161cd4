"""What people ask of runs and of the journal."""

from dataclasses import dataclass
from enum import Enum

from orchestrator.model.ids import HostName, RunId


class Act(Enum):
    """What a person asks of a run or of the journal."""

    PAUSE = "pause"
    """Start nothing more; what is under way ends."""
    ABORT = "abort"
    """Start nothing more, undo nothing, and end the run once what is under way has ended."""
    ABORT_NOW = "abort_now"
    """The same, and end in the guests what is under way."""
    RETRY = "retry"
    """Of a host that waits for a person: try the step once more."""
    SKIP = "skip"
    """Go on there with the next step."""
    FAIL = "fail"
    """Count the step as failed there, with what follows from that."""
    APPROVE = "approve"
    """Of a gate that waits for a person: let the run go on."""
    DENY = "deny"
    """Let it go no further."""
    UNLOCK = "unlock"
    """Take a host's lock from the run that has it."""
    RECOVERED = "recovered"
    """A host that a run has left half taken back is well again: its fence goes."""
    ROLL_BACK = "roll_back"
    """Take a finished run back; `why` names the run that does it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An act that was asked for, and by whom; kept for good. id: counts from 1 within the journal.

    host, gate: what it is about, where it is about one.
    """

    id: int = 0
    run: RunId
    act: Act
    by: str
    at: float
    why: str = ""
    host: HostName | None = None
    gate: str | None = None
