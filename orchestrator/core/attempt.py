"""What to do next for one attempt: send its program, poll, wait, or end it; from the provider's replies.

Every send is the same text, and the guest runs it once (`guest.program`): so whatever was lost, sending again is right.
"""

from dataclasses import dataclass, replace
from enum import Enum

from orchestrator.core.ending import End, end_of
from orchestrator.core.secret import VEIL
from orchestrator.guest import reply as guest_reply
from orchestrator.guest.program import GRACE
from orchestrator.guest.reply import Ending, GuestReply
from orchestrator.model.playbook import Outcome
from orchestrator.ports import (
    Exited,
    NotStarted,
    PidGone,
    PollReply,
    PollUnanswered,
    Refusal,
    Started,
    StartReply,
    StartUnknown,
    StillRunning,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long to wait for what, in seconds.

    poll_floor, poll_ceiling: the shortest and longest time between polls.
    first_retry: after an answer of no use; doubled each time, up to poll_ceiling.
    patience: for a VPS that is down before anything was started there.
    slack: for the result of a command whose time-out has passed in the guest.
    """

    poll_floor: float = 0.2
    poll_ceiling: float = 2.0
    first_retry: float = 0.25
    patience: float = 30.0
    slack: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What is known of one attempt. Times in seconds since the epoch.

    sent_at: when it was first sent, or first tried to be. may_have_started: an answer said so, or was lost.
    running_seen: the latest usable answer said that it runs. pid: what to poll with; None: send (again).
    sends, troubles: programs sent; answers of no use since the last useful one. trouble: the latest of those, in words.
    down_since: since when every answer says that the VPS is down (not the API, which is given until the deadline).
    late: answers since the deadline; MOST_LATE once one of them was of no use, or said that the command still runs.
    parts, kept: of a command too long for one request, how many there are and how many the guest is known to have.
    library_missing: the guest said that it has no library. preparations: how often it asked for something of the kind.
    stopping: we asked for its end. secret: nothing of what a provider or a guest says may be told.
    """

    nonce: str
    timeout: float
    sent_at: float
    deadline: float
    next_at: float
    pid: int | None = None
    polled_since: float = 0.0
    sends: int = 0
    may_have_started: bool = False
    running_seen: bool = False
    troubles: int = 0
    trouble: str = ""
    down_since: float | None = None
    late: int = 0
    parts: int = 0
    kept: int = 0
    library_missing: bool = False
    preparations: int = 0
    stopping: bool = False
    secret: bool = False
    end: End | None = None


class What(Enum):
    """What can be sent for an attempt."""

    PROGRAM = "program"
    """The program that runs it, or attaches to it."""
    LIBRARY = "library"
    """The library that the program needs in the guest."""
    PART = "part"
    """A part of a command that is too long for one request."""
    STOP = "stop"
    """The program that ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send this; part: which part, from 0."""

    what: What = What.PROGRAM
    part: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """Ask about this pid."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitUntil:
    """Nothing before `at`, in seconds since the epoch."""

    at: float


AttemptDecision = Send | Poll | WaitUntil | End


MOST_LATE = 4
"""Answers after an attempt's deadline with which it is given up."""
MOST_PREPARATIONS = 10
"""How often a guest may ask for the library or for parts before it is given up."""


def begin(nonce: str, timeout: float, now: float, pace: Pace, *, parts: int = 0, secret: bool = False) -> Attempt:
    """An attempt of which nothing was sent yet (or, after a crash of ours, of which it is not known whether it was)."""
    deadline = _deadline(now, timeout, pace)
    return Attempt(
        nonce=nonce, timeout=timeout, sent_at=now, deadline=deadline, next_at=now, parts=parts, secret=secret
    )


def take_up(attempt: Attempt) -> Attempt:
    """The attempt as a process has to see it that did not begin it: it may have started."""
    return replace(attempt, may_have_started=True)


def stop(attempt: Attempt, now: float, pace: Pace) -> Attempt:
    """The attempt, to be ended in the guest: TERM, the grace, KILL, and then we ask what came of it."""
    if attempt.stopping or attempt.end:
        return attempt
    if not attempt.may_have_started:
        detail = "stopped before anything was started"
        return replace(attempt, end=End(outcome=Outcome.FAILED, detail=detail, stopped=True))
    deadline = now + 2 * GRACE + pace.slack
    return replace(attempt, stopping=True, pid=None, next_at=now, deadline=deadline, may_have_started=True)


def excuse(attempt: Attempt, seconds: float) -> Attempt:
    """The attempt with so much more time: for so long the API was ill, which is not the host's fault.

    The command's own time-out runs on in the guest: that is the guest's own matter.
    """
    return replace(attempt, sent_at=attempt.sent_at + seconds, deadline=attempt.deadline + seconds)


def _deadline(now: float, timeout: float, pace: Pace) -> float:
    """When we give up on an attempt begun at `now`: its time-out, the guest's grace before KILL, and our slack."""
    return now + timeout + GRACE + pace.slack


def decide(attempt: Attempt, now: float, pace: Pace) -> AttemptDecision:
    """What to do next for this attempt."""
    if attempt.end:
        return attempt.end
    if _out_of_patience(attempt, now, pace) or (now >= attempt.deadline and attempt.late >= MOST_LATE):
        return _give_up(attempt)
    if now < min(attempt.next_at, attempt.deadline):
        return WaitUntil(at=min(attempt.next_at, attempt.deadline))
    return _next_send(attempt) if attempt.pid is None else Poll(pid=attempt.pid)


def _next_send(attempt: Attempt) -> Send:
    if attempt.library_missing:
        return Send(what=What.LIBRARY)
    if attempt.stopping:
        return Send(what=What.STOP)
    if attempt.kept < attempt.parts:
        return Send(what=What.PART, part=attempt.kept)
    return Send()


def _out_of_patience(attempt: Attempt, now: float, pace: Pace) -> bool:
    if attempt.down_since is None or attempt.may_have_started:
        return False
    return now >= attempt.down_since + pace.patience


def _answered(attempt: Attempt, now: float, *, of_use: bool) -> Attempt:
    """The attempt with one more answer, which counts where it came after the deadline.

    A process that stood still (a laptop's lid, Ctrl-Z) asks once more before it gives up: the guest may long have the
    result.
    """
    if now < attempt.deadline:
        return attempt
    return replace(attempt, late=attempt.late + 1 if of_use else MOST_LATE)


def _give_up(attempt: Attempt) -> End:
    """The outcome where the guest did not tell one in time."""
    if not attempt.may_have_started:
        return End(outcome=Outcome.UNREACHABLE, detail=attempt.trouble)
    if attempt.running_seen:
        detail = f"over its time-out of {attempt.timeout:g} s and could not be killed; pid {attempt.pid} still runs"
        return End(outcome=Outcome.TIMED_OUT, detail=detail, may_be_running=True)
    why = attempt.trouble or "no answer"
    detail = f"may have run: no usable answer within its time-out of {attempt.timeout:g} s ({why})"
    return End(outcome=Outcome.UNKNOWN, detail=detail, may_be_running=True)


def observe_start(attempt: Attempt, reply: StartReply, now: float, pace: Pace) -> Attempt:
    """The attempt after the answer to a send."""
    sent = replace(attempt, sends=attempt.sends + 1)
    sent = _answered(sent, now, of_use=isinstance(reply, Started))
    runs_it = _next_send(attempt).what is What.PROGRAM
    match reply:
        case Started():
            began = _may_have_begun(sent, now, pace) if runs_it else sent
            return replace(began, pid=reply.pid, polled_since=now, next_at=now + pace.poll_floor, troubles=0)
        case StartUnknown():
            began = _may_have_begun(sent, now, pace) if runs_it else sent
            return _troubled(began, reply.message, None, now, pace)
        case NotStarted(refusal=Refusal.BLOCKED | Refusal.INVALID) if not attempt.may_have_started:
            return replace(sent, end=End(outcome=Outcome.FAILED, detail=reply.message))
        case NotStarted(refusal=Refusal.NO_SUCH_HOST) if not attempt.may_have_started:
            return replace(sent, end=End(outcome=Outcome.UNREACHABLE, detail=reply.message))
        case NotStarted():
            down_since = sent.down_since if sent.down_since is not None else now
            down = replace(sent, down_since=down_since if reply.refusal is Refusal.HOST_DOWN else None)
            return _troubled(down, reply.message, reply.retry_after, now, pace)


def _may_have_begun(attempt: Attempt, now: float, pace: Pace) -> Attempt:
    """The command may run from now on: its time-out in the guest counts from here."""
    if attempt.may_have_started:
        return attempt
    return replace(attempt, may_have_started=True, deadline=_deadline(now, attempt.timeout, pace))


def observe_poll(attempt: Attempt, reply: PollReply, now: float, pace: Pace) -> Attempt:
    """The attempt after the answer to a poll. A result that is not proved to be ours is fetched by sending again."""
    attempt = _answered(attempt, now, of_use=isinstance(reply, Exited | PidGone))
    match reply:
        case StillRunning():
            gap = poll_gap(now - attempt.polled_since, pace)
            return replace(attempt, next_at=now + gap, running_seen=True, troubles=0, trouble="")
        case Exited():
            told = guest_reply.read(reply.stdout, reply.stderr, attempt.nonce)
            if told is None:
                said = VEIL if attempt.secret else repr((reply.stderr.strip() or reply.stdout.strip())[-200:])
                return _troubled(
                    replace(attempt, pid=None), f"the result was not this attempt's: {said}", None, now, pace
                )
            return _told(attempt, told, now, pace)
        case PidGone():
            return _troubled(replace(attempt, pid=None), reply.message, None, now, pace)
        case PollUnanswered():
            return _troubled(attempt, reply.message, reply.retry_after, now, pace)


def _troubled(attempt: Attempt, message: str, retry_after: float | None, now: float, pace: Pace) -> Attempt:
    """An answer of no use: try again later, and later each time, unless the API says when."""
    pause = pace.first_retry * 2.0 ** min(attempt.troubles, 16)
    pause = retry_after if retry_after is not None else min(pause, pace.poll_ceiling)
    return replace(attempt, troubles=attempt.troubles + 1, trouble=message, running_seen=False, next_at=now + pause)


def poll_gap(age: float, pace: Pace) -> float:
    """Seconds until the next poll of a command that has run for `age` seconds and whose duration is not known.

    A third of its age: the result is then seen at most that much late, after about log(age) polls.
    """
    return min(max(pace.poll_floor, age / 3), pace.poll_ceiling)


def _told(attempt: Attempt, told: GuestReply, now: float, pace: Pace) -> Attempt:
    """The attempt after the guest's own word: it asks for something that it lacks, or tells the end."""
    free = replace(attempt, pid=None, next_at=now, troubles=0)
    match told.ending:
        case Ending.KEPT if attempt.library_missing:
            return replace(free, library_missing=False)
        case Ending.KEPT if attempt.kept < attempt.parts:
            kept = replace(free, kept=attempt.kept + 1)
            # As many parts as there are may take longer than the command: the time for it begins after them.
            return kept if attempt.may_have_started else replace(kept, deadline=_deadline(now, attempt.timeout, pace))
        case Ending.KEPT | Ending.NO_LIBRARY | Ending.NO_PARTS:
            if attempt.preparations >= MOST_PREPARATIONS:
                detail = f"the guest does not keep what it is sent ({told.ending.value})"
                return replace(attempt, end=End(outcome=Outcome.UNKNOWN, detail=detail, may_be_running=True))
            asked = replace(free, preparations=attempt.preparations + 1)
            if told.ending is Ending.KEPT:
                return _troubled(asked, "the guest kept what it was not sent", None, now, pace)
            return replace(asked, library_missing=True) if told.ending is Ending.NO_LIBRARY else replace(asked, kept=0)
        case _:
            return replace(attempt, end=end_of(told))
