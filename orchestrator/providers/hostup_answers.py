"""Reads HostUp's answers to start, poll and probe: what is certain, what is not, and why. Pure.

A start is three-valued: started, not started (where `_refusal` is certain), or unknown (everything else).
`key`: what must not be shown, should an answer quote it.
"""

import re
from collections.abc import Mapping
from typing import TypeGuard, assert_never

from orchestrator.http import Answer, Lost, NotSent, Reply
from orchestrator.ports import (
    Exited,
    NotReachable,
    NotStarted,
    PidGone,
    PollReply,
    PollUnanswered,
    ProbeReply,
    Reachable,
    Refusal,
    Started,
    StartReply,
    StartUnknown,
    StillRunning,
)
from orchestrator.providers.envelope import Envelope, opened

MAX_PID = 2**31 - 1
MAX_OUTPUT = 16 * 1024 * 1024
"""Characters of one stream: the agent's own cap is 16 MiB."""

_BLOCKED = "blocked for safety"
# The agent's own words, which say that it did not run it; whatever status the provider puts them under. An agent in the
# frozen state says the same of every command, until the thaw.
_EXEC_OFF = re.compile(r"\bguest-exec has been disabled\b(?!: the agent is in frozen state)")
_HOST_DOWN = re.compile(
    r"(?<![a-z])not[ _]ready|\bguest-exec\b.{0,40}\bdisabled\b"
    r"|\b(vm|vps|agent|machine|server)\b.{0,40}\b(not (running|available|responding)|frozen|stopped)\b"
)
_NO_HOST = re.compile(
    r"\bvps_not_found\b|\b(no such|unknown) (vm|vps|server|virtual machine)\b"
    r"|\b(vm|vps|server|machine)( with id)?[ #:'\"]*[\w-]*['\"]? (was |could )?not (be )?found\b"
)
_NO_PID = re.compile(r"(?<![a-z])pid(?![a-z])|\bno such process\b|\bprocess\b.{0,40}\bnot found\b")
_NO_PID_RETURNED = "no pid returned"
_REFUSALS = {
    401: Refusal.UNAUTHORISED,
    403: Refusal.UNAUTHORISED,
    404: Refusal.NO_SUCH_HOST,
    429: Refusal.RATE_LIMITED,
    **dict.fromkeys((400, 405, 413, 414, 415, 422, 431), Refusal.INVALID),
}
_SPEAKING_OF_A_PID = frozenset({200, 400, 404, 410, 422, 500})
"""The statuses with which an unknown pid is told; a gateway's 502, 503 and 504 say nothing of it."""


def read_start(reply: Reply, *, key: str = "") -> StartReply:
    """What the reply to a start means."""
    match reply:
        case NotSent(message=message):
            return NotStarted(refusal=Refusal.API_DOWN, message=message)
        case Lost(message=message):
            return StartUnknown(message=message)
        case Answer():
            return _start(opened(reply, key=key))
        case _:
            assert_never(reply)


def read_poll(reply: Reply, *, key: str = "") -> PollReply:
    """What the reply to a poll means."""
    match reply:
        case NotSent(message=message) | Lost(message=message):
            return PollUnanswered(message=message)
        case Answer():
            return _poll(opened(reply, key=key))
        case _:
            assert_never(reply)


def read_probe(reply: Reply, *, key: str = "") -> ProbeReply:
    """What the reply to a probe means."""
    match reply:
        case NotSent(message=message) | Lost(message=message):
            return NotReachable(refusal=Refusal.API_DOWN, message=message)
        case Answer():
            return _probe(opened(reply, key=key))
        case _:
            assert_never(reply)


def _start(answer: Envelope) -> StartReply:
    refusal = _refusal(answer)
    if refusal is not None:
        return NotStarted(refusal=refusal, message=_why(refusal, answer), retry_after=answer.retry_after)
    pid = answer.data.get("pid")
    if answer.succeeded and _is_integer(pid) and 1 <= pid <= MAX_PID:
        return Started(pid=pid)
    return StartUnknown(message=f"{answer} (no usable pid)" if answer.succeeded else str(answer))


def _poll(answer: Envelope) -> PollReply:
    exited = answer.data.get("exited")
    if answer.succeeded and isinstance(exited, int) and exited in (0, 1):  # Proxmox, beneath, says 0 and 1
        return _exited(answer.data) if exited else StillRunning()
    if _is_pid_unknown(answer):
        return PidGone(message=str(answer))
    refusal = _fault(answer)
    message = f"{answer} (it does not say whether it has exited)" if answer.succeeded else _why(refusal, answer)
    return PollUnanswered(message=message, refusal=refusal, retry_after=answer.retry_after)


def _probe(answer: Envelope) -> ProbeReply:
    available = answer.data.get("available")
    if answer.succeeded and available is True:
        return Reachable()
    if answer.succeeded and available is False:
        return NotReachable(refusal=Refusal.HOST_DOWN, message=answer.said[0] if answer.said else "the agent is down")
    refusal = _fault(answer)
    message = f"{answer} (it does not say whether it is available)" if answer.succeeded else _why(refusal, answer)
    return NotReachable(refusal=refusal, message=message, retry_after=answer.retry_after)


def _refusal(answer: Envelope) -> Refusal | None:
    """Why what was asked was certainly not done; None where that is not certain."""
    refusal = _REFUSALS.get(answer.status)
    if (answer.denied or answer.status in (400, 403, 422)) and _BLOCKED in answer.text:
        return Refusal.BLOCKED
    if answer.code.startswith("upstream"):  # what lies behind the API failed, at a moment that nobody knows
        return None
    if _EXEC_OFF.search(answer.text):
        return Refusal.HOST_DOWN
    if answer.status in (400, 404, 409, 422) and _HOST_DOWN.search(answer.text):
        return Refusal.HOST_DOWN
    if answer.status == 404 and not answer.is_json:  # whatever stands at this address, it is not the API
        return Refusal.API_DOWN
    return refusal


def _fault(answer: Envelope) -> Refusal:
    """Why a question, which may be asked again, got no usable answer."""
    refusal = _refusal(answer)
    if refusal is not None:
        return refusal
    is_host = _HOST_DOWN.search(answer.text) or (answer.status == 409 and not answer.code.startswith("upstream"))
    return Refusal.HOST_DOWN if is_host else Refusal.API_DOWN


def _why(refusal: Refusal, answer: Envelope) -> str:
    if refusal is Refusal.UNAUTHORISED:
        return f"the key was refused ({answer}): it is wrong, lacks a right, or is not allowed from this source address"
    return str(answer)


def _is_pid_unknown(answer: Envelope) -> bool:
    """Whether it speaks of the pid, as the agent's "Invalid parameter 'pid'" does, and not of the VPS."""
    return (
        answer.status in _SPEAKING_OF_A_PID
        and not answer.succeeded
        and _NO_PID.search(answer.text) is not None
        and _NO_PID_RETURNED not in answer.text
        and not _NO_HOST.search(answer.text)
        and not _HOST_DOWN.search(answer.text)
    )


def _exited(data: Mapping[str, object]) -> Exited:
    codes = (data.get("exitcode"), data.get("exitCode"))  # v1 and v2
    stdout, stderr = _output(data.get("stdout")), _output(data.get("stderr"))
    return Exited(
        exit_code=next((code for code in codes if _is_integer(code) and 0 <= code <= 255), None),
        stdout=stdout[:MAX_OUTPUT],
        stderr=stderr[:MAX_OUTPUT],
        truncated=len(stdout) > MAX_OUTPUT or len(stderr) > MAX_OUTPUT,
    )


def _is_integer(value: object) -> TypeGuard[int]:
    """JSON's true is an int to Python, and no number."""
    return isinstance(value, int) and not isinstance(value, bool)


def _output(value: object) -> str:
    """A stream's text; empty for what is no text.

    UTF-8 that was taken for latin-1 on the way is put right, but only where the whole text allows it.
    """
    if not isinstance(value, str) or value.isascii():
        return value if isinstance(value, str) else ""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        # A lone surrogate, which JSON can say, is no character and could not be written down.
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
