"""The programs that are sent to a VPS: run an attempt (or attach to it), stop it, keep the library or a part.

Sent again after a lost reply or a consumed result, the same text attaches to the attempt instead of running it twice.
What they do is written in `guest.library`.
"""

import hashlib
import re
import shlex
from dataclasses import dataclass

from orchestrator.guest import library
from orchestrator.model.plan import Command

DEFAULT_STATE = "/var/lib/orchestrator"
GRACE = 10
"""Seconds between TERM and KILL for a command that is over its time-out."""
NEVER = 999_999_999
"""A time-out, in seconds, that no service lives to see."""

_LONGEST_DELIMITERS = 16
"""Characters by which the two delimiters of a part can be longer than those of an empty one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One attempt for the guest.

    timeout: seconds. fence: how often the run has been taken up; a program with a lower number is refused.
    hostname: what the guest must call itself, None for anything. user: who runs the command, '' for the agent's user.
    background: a service that is left running once it has lived for a second.
    """

    run: str
    slot: str
    attempt: int
    nonce: str
    command: Command
    timeout: float
    fence: int = 1
    hostname: str | None = None
    user: str = ""
    background: bool = False

    @property
    def key(self) -> str:
        """The attempt's directory in the guest, below STATE."""
        return f"{self.run}/{self.slot}.{self.attempt}"


def slot_key(index: int, name: str, *, undo: bool) -> str:
    """The name of a slot's directories in the guest: safe in a path and a shell word, telling to a person.

    `slot_key(3, "Restart nginx", undo=True)` is `03-restart-nginx-undo`.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:24].strip("-")
    return f"{index:02d}-{slug or 'step'}{'-undo' if undo else ''}"


def write(assignment: Assignment, *, limit: int = 0) -> str:
    """The program that runs this attempt, or attaches to it.

    The command's text stands in it as its author wrote it: the provider's safety filter sees what will be run.
    limit: characters that the provider takes; a longer program has its command sent in parts before (0: no limit).
    Raises ValueError where the command holds a NUL, or the nonce, and where there is no nonce.
    """
    command = assignment.command
    if not assignment.nonce:
        raise ValueError("an attempt without a nonce was never meant to be sent")
    if "\0" in command.text or assignment.nonce in command.text:
        raise ValueError("the command holds a NUL byte or this attempt's nonce")
    whole = _run(assignment, command.text)
    if not limit or len(whole) <= limit:
        return whole
    checksum = hashlib.sha256(command.text.encode()).hexdigest()
    return _run(assignment, None, f'o_whole {assignment.key} {assignment.nonce} {checksum};cat "$q"/*|')


def write_parts(assignment: Assignment, *, limit: int) -> tuple[str, ...]:
    """The programs that keep the parts of a command that is too long for one request; none where it is not.

    Each part is plain text with its checksum. Raises ValueError where not even a part would fit.
    """
    text = assignment.command.text
    if len(_run(assignment, text)) <= limit:
        return ()
    room = limit - len(_part(assignment, 0, "")) - _LONGEST_DELIMITERS
    if room < 1:
        raise ValueError(f"a request of {limit} characters has no room for a part of a command")
    return tuple(_part(assignment, i, text[at : at + room]) for i, at in enumerate(range(0, len(text), room)))


def write_library(nonce: str) -> str:
    """The program that keeps the library in the guest: whole, or not at all."""
    text = library.text()
    return (
        f's=${{ORC_STATE:-{DEFAULT_STATE}}};l=$s/{library.name()};mkdir -pm 700 "$s" 2>/dev/null\n'
        f'cat>"$l.$$"{_heredoc(text)}&&mv "$l.$$" "$l"{_body(text)}\n'
        f"[ -f \"$l\" ]&&r=kept||r=no-state;printf '\\n%s 1 %s\\n' {nonce} $r"
    )


def write_stop(assignment: Assignment) -> str:
    """The program that ends this attempt, or keeps it from ever beginning."""
    return f"{_source(assignment)}o_stop {assignment.key} {assignment.nonce} {assignment.fence} {GRACE}"


def _source(assignment: Assignment) -> str:
    """Source the library, or say that it is not there; declare the hostname that is wanted."""
    wanted = f"H={shlex.quote(assignment.hostname)};" if assignment.hostname else ""
    return (
        f"l=${{ORC_STATE:-{DEFAULT_STATE}}}/{library.name()}\n"
        f"[ -f \"$l\" ]||{{ printf '\\n%s 1 no-library\\n' {assignment.nonce};exit;}}\n"
        f'{wanted}. "$l"\n'
    )


def _run(assignment: Assignment, text: str | None, before: str = "") -> str:
    """The program around a command's text; None: `before` writes it into a pipe."""
    timeout = NEVER if assignment.background else max(1, round(assignment.timeout))
    words = [assignment.key, assignment.nonce, str(assignment.fence), str(timeout), str(GRACE)]
    words += [shlex.quote(assignment.user), "leave" if assignment.background else "''"]
    head, body = ("", "") if text is None else (_heredoc(text), _body(text))
    pre = _prelude(assignment.command)
    return f"{_source(assignment)}{before}o_run {' '.join(words)}{head} 3{_heredoc(pre)}{body}{_body(pre)}"


def _part(assignment: Assignment, index: int, text: str) -> str:
    checksum = hashlib.sha256(text.encode()).hexdigest()
    words = f"{assignment.key} {assignment.nonce} {index:04d} {checksum}"
    return f"{_source(assignment)}o_keep {words}{_heredoc(text)}{_body(text)}"


def _prelude(command: Command) -> str:
    """What is done before the command, in its own shell: its variables, then its directory, relative to HOME."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in command.env]
    return "\n".join([*lines, f"cd {_directory(command.cwd)}" if command.cwd else ":"])


def _directory(cwd: str) -> str:
    """The word for `cd`: a leading ~ is the guest's HOME, all else is literal."""
    if cwd == "~" or cwd.startswith("~/"):
        return '"$HOME"' + (shlex.quote(cwd[1:]) if len(cwd) > 1 else "")
    return shlex.quote(cwd if not cwd.startswith("-") else f"./{cwd}")


def _delimiter(text: str) -> str:
    """A word that is no line of the text."""
    lines = set(text.split("\n"))
    return next(word for word in ("E", *(f"E{i}" for i in range(len(lines) + 1))) if word not in lines)


def _heredoc(text: str) -> str:
    return f"<<'{_delimiter(text)}'"


def _body(text: str) -> str:
    return f"\n{text}\n{_delimiter(text)}"
