"""The reading of what the guest's program printed: a result that is proved to be this attempt's, or nothing."""

import re
from dataclasses import dataclass
from enum import Enum

from orchestrator.guest.library import OUTPUT_CAP
from orchestrator.model.event import StepResult
from orchestrator.model.playbook import Guard


class Ending(Enum):
    """How the guest says an attempt, or another program, ended; the values stand in the trailer."""

    EXITED = "exited"
    """The command ended by itself, or was killed by somebody else."""
    LATE = "late"
    """The command was killed in the guest, because its time was up."""
    STOPPED = "stopped"
    """The command was killed in the guest, because we asked for it; or it was kept from ever beginning."""
    STUCK = "stuck"
    """The command was to be killed and lives on."""
    LEFT = "left"
    """A service, left running on purpose."""
    SKIPPED_CREATES = "skipped-creates"
    """The command was not run: the file of its guard is there."""
    SKIPPED_UNLESS = "skipped-unless"
    """The command was not run: the command of its guard succeeded."""
    SKIPPED_ONLY_IF = "skipped-only_if"
    """The command was not run: the command of its guard failed."""
    GUARD_KILLED = "guard-killed"
    """The command was not run: its guard was killed before it could say anything."""
    LOST = "lost"
    """The runner is gone and left no exit status: it was killed, or the machine was restarted."""
    NO_STATE = "no-state"
    """The attempt's directory or files could not be written, so nothing was run."""
    WRONG_HOST = "wrong-host"
    """The machine does not have the declared hostname, so nothing was run."""
    FENCED = "fenced"
    """A later controller has taken this run over, so nothing was run for this one."""
    NO_LIBRARY = "no-library"
    """The library is not in this guest yet, so nothing was run."""
    NO_PARTS = "no-parts"
    """The parts of the command are not all there, so nothing was run."""
    KEPT = "kept"
    """The library, or a part of a command, is kept in the guest now."""

    @property
    def of_attempt(self) -> bool:
        """Whether this tells of an attempt that was claimed."""
        return self in _OF_ATTEMPT

    @property
    def skipped_by(self) -> Guard | None:
        """The guard because of which the command was not run."""
        return _SKIPPED_BY.get(self)


_SKIPPED_BY = {
    Ending.SKIPPED_CREATES: Guard.CREATES,
    Ending.SKIPPED_UNLESS: Guard.UNLESS,
    Ending.SKIPPED_ONLY_IF: Guard.ONLY_IF,
}
_ENDED = frozenset({Ending.EXITED, Ending.LATE, Ending.STOPPED, Ending.GUARD_KILLED, *_SKIPPED_BY})
"""The endings that come with an exit status."""
_OF_ATTEMPT = _ENDED | {Ending.STUCK, Ending.LEFT, Ending.LOST}


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestReply:
    """What the guest said of an attempt. attached: this program found the attempt already claimed and waited for it.

    started, pid: when the runner began (seconds since the epoch, by the guest's clock), and its pid; None: not told.
    note: for WRONG_HOST, the hostname that the guest has.
    """

    ending: Ending
    result: StepResult
    attached: bool
    boot_id: str = ""
    started: int | None = None
    pid: int | None = None
    note: str = ""


_NUMBER = re.compile(r"[0-9]{1,15}\Z")


def read(stdout: str, stderr: str, nonce: str) -> GuestReply | None:
    """The guest's reply, or None where the text does not end in a trailer of this attempt.
    That is another process's output, or a reply cut short or garbled.

    The trailer is the last line: NONCE ATTACHED(0|1) ENDING STATUS STDOUT_SIZE STDERR_SIZE STARTED ENDED BOOT_ID PID.
    Nothing in it is trusted beyond its form.
    """
    body, newline, trailer = stdout.removesuffix("\n").rpartition("\n")
    words = trailer.split(" ")
    if not newline or len(words) < 3 or words[0] != nonce or words[1] not in ("0", "1"):
        return None
    try:
        ending = Ending(words[2])
    except ValueError:
        return None
    attached = words[1] == "1"
    if not ending.of_attempt:
        note = " ".join(words[3:])[:256]
        return GuestReply(ending=ending, result=StepResult(exit_code=None), attached=attached, note=note)
    if len(words) != 10:
        return None
    status, stdout_size, stderr_size = map(_number, words[3:6])
    if (ending in _ENDED and status is None) or (status is not None and status > 255):
        return None
    result = StepResult(
        exit_code=status,
        stdout=_join(body, nonce, stdout_size),
        stderr=_join(stderr, nonce, stderr_size),
        stdout_size=stdout_size or 0,
        stderr_size=stderr_size or 0,
    )
    return GuestReply(
        ending=ending,
        result=result,
        attached=attached,
        boot_id=words[8][:64],
        started=_number(words[6]),
        pid=_number(words[9]),
    )


def _number(word: str) -> int | None:
    return int(word) if _NUMBER.match(word) else None


def _join(text: str, nonce: str, size: int | None) -> str:
    """The output, with a line in place of what the guest left out between its head and its tail."""
    head, mark, tail = text.partition(f"\n{nonce}~\n")
    if not mark or size is None or size <= OUTPUT_CAP:
        return text
    return f"{head}\n[... {size - OUTPUT_CAP} bytes left out ...]\n{tail}"
