"""What the provider's replies mean for a plain attempt: nothing in the guest proves or keeps its result.

Its command is sent once. Whatever is lost after that is lost: sending again could run it twice, so what came of it is
unknown. When to send, poll, wait and give up is `core.attempt.decide`'s to say, as for every attempt.
"""

from dataclasses import replace

from orchestrator.core import attempt as core
from orchestrator.core.attempt import Attempt, Pace
from orchestrator.core.ending import End
from orchestrator.guest.library import OUTPUT_CAP
from orchestrator.model.event import StepResult
from orchestrator.model.playbook import Outcome
from orchestrator.ports import Exited, NotStarted, PidGone, PollReply, Started, StartReply, StartUnknown, StillRunning


def take_up(attempt: Attempt) -> Attempt:
    """The attempt as a process has to see it that did not begin it: it may have been sent, and its pid is lost."""
    return _unknown(attempt, "the process that started it has ended")


def stop(attempt: Attempt, now: float, pace: Pace) -> Attempt:
    """The attempt, which nothing can end in the guest once it was started."""
    if attempt.may_have_started and not attempt.end:
        return _unknown(attempt, f"it was given up while it ran as pid {attempt.pid}, and cannot be killed from here")
    return core.stop(attempt, now, pace)


def observe_start(attempt: Attempt, reply: StartReply, now: float, pace: Pace) -> Attempt:
    """The attempt after the answer to its send."""
    match reply:
        case StartUnknown():
            sent = replace(attempt, sends=attempt.sends + 1)
            return _unknown(sent, f"the answer to its start is lost: {reply.message}")
        case Started():
            started = core.observe_start(attempt, reply, now, pace)
            return replace(started, deadline=now + attempt.timeout + pace.slack)
        case NotStarted():
            return core.observe_start(attempt, reply, now, pace)


def observe_poll(attempt: Attempt, reply: PollReply, now: float, pace: Pace) -> Attempt:
    """The attempt after the answer to a poll: what has exited is taken at its word, since there is no other."""
    match reply:
        case Exited():
            return replace(attempt, end=End(outcome=None, result=_result(reply)))
        case PidGone():
            return _unknown(attempt, f"its result is gone: {reply.message}")
        case StillRunning() if now >= attempt.deadline - pace.slack:
            detail = f"over its time-out of {attempt.timeout:g} s; plain, so not killed: pid {attempt.pid} still runs"
            return replace(attempt, end=End(outcome=Outcome.TIMED_OUT, detail=detail, may_be_running=True))
        case _:
            return core.observe_poll(attempt, reply, now, pace)


def _unknown(attempt: Attempt, why: str) -> Attempt:
    detail = f"may have run, and a plain command is not sent again: {why}"
    return replace(attempt, end=End(outcome=Outcome.UNKNOWN, detail=detail, may_be_running=True))


def _result(reply: Exited) -> StepResult:
    """The provider's own status and outputs; the sizes are those of what it gave."""
    dropped = "\n[... the provider left some of the output out ...]\n" if reply.truncated else ""
    return StepResult(
        exit_code=reply.exit_code,
        stdout=_capped(reply.stdout) + dropped,
        stderr=_capped(reply.stderr),
        stdout_size=len(reply.stdout.encode(errors="replace")),
        stderr_size=len(reply.stderr.encode(errors="replace")),
    )


def _capped(text: str) -> str:
    """The text, or the first and the last half of what the journal keeps of one."""
    if len(text) <= OUTPUT_CAP:
        return text
    half = OUTPUT_CAP // 2
    return f"{text[:half]}\n[... {len(text) - OUTPUT_CAP} characters left out ...]\n{text[-half:]}"
