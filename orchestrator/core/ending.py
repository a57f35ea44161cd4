"""What the guest's word on an attempt means for its outcome."""

from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.errors import Bug
from orchestrator.guest.reply import Ending, GuestReply
from orchestrator.model.event import StepResult
from orchestrator.model.plan import Command
from orchestrator.model.playbook import Guard, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The attempt is over. outcome None: the command exited by itself, and its step's rules judge the result.

    interrupted: the machine or its agent was restarted under the command, which left no exit status.
    stopped: we asked for its end, and it has ended by that.
    fenced: another process has taken the run over, and it is for that one to say what came of the attempt.
    skipped_by: the guard because of which the command was not run.
    """

    outcome: Outcome | None
    detail: str = ""
    attached: bool = False
    may_be_running: bool = False
    interrupted: bool = False
    stopped: bool = False
    fenced: bool = False
    skipped_by: Guard | None = None
    result: StepResult | None = None


def end_of(told: GuestReply) -> End:
    """The end that the guest's word means."""
    match told.ending:
        case Ending.EXITED:
            return End(outcome=None, attached=told.attached, result=told.result)
        case Ending.LATE:
            detail = "over its time-out; killed in the guest"
            return End(outcome=Outcome.TIMED_OUT, detail=detail, attached=told.attached, result=told.result)
        case Ending.STOPPED | Ending.NO_STATE | Ending.GUARD_KILLED:
            detail, stopped = _FAILURES[told.ending], told.ending is Ending.STOPPED
            return End(
                outcome=Outcome.FAILED, detail=detail, attached=told.attached, stopped=stopped, result=told.result
            )
        case Ending.STUCK:
            detail = f"could not be killed: still running as pid {told.pid} since {_clock_time(told.started)}"
            return End(outcome=Outcome.TIMED_OUT, detail=detail, may_be_running=True, result=told.result)
        case Ending.LEFT:
            detail = f"left running as pid {told.pid}"
            return End(outcome=Outcome.OK, detail=detail, attached=told.attached, result=told.result)
        case Ending.FENCED:
            detail = "another process has taken this run over"
            return End(outcome=Outcome.UNKNOWN, detail=detail, may_be_running=True, fenced=True)
        case Ending.SKIPPED_CREATES | Ending.SKIPPED_UNLESS | Ending.SKIPPED_ONLY_IF:
            by = told.ending.skipped_by
            return End(outcome=Outcome.OK, attached=told.attached, skipped_by=by, result=told.result)
        case Ending.LOST:
            detail = "interrupted: the machine or its agent was restarted while it ran, and it left no exit status"
            return End(
                outcome=Outcome.FAILED, detail=detail, attached=told.attached, interrupted=True, result=told.result
            )
        case Ending.WRONG_HOST:
            detail = f"nothing was run: this machine calls itself {told.note!r}, not what the inventory declares"
            return End(outcome=Outcome.UNREACHABLE, detail=detail, result=told.result)
        case Ending.KEPT | Ending.NO_LIBRARY | Ending.NO_PARTS:
            raise Bug(f"{told.ending} does not end an attempt")


_FAILURES = {
    Ending.STOPPED: "stopped: it was killed in the guest, or kept from beginning",
    Ending.NO_STATE: "nothing was run: the guest could not create the attempt's directory (disk full or read-only?)",
    Ending.GUARD_KILLED: "nothing was run: a guard was killed before it could say whether to",
}


def why_skipped(guard: Guard, command: Command) -> str:
    """What a guard found, in a few words; command: as it was rendered."""
    text = dict(command.guards)[guard].strip()
    first, *more = text.splitlines()
    text = first[:_LONGEST_GUARD] + ("..." if more or len(first) > _LONGEST_GUARD else "")
    match guard:
        case Guard.CREATES:
            return f"{text} is there"
        case Guard.UNLESS:
            return f"unless {text}: it succeeded"
        case Guard.ONLY_IF:
            return f"only if {text}: it failed"


_LONGEST_GUARD = 120
"""Characters of a guard that are told."""


def _clock_time(at: int | None) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if at else "an unknown time"
