"""The programs that are sent to a VPS: run an attempt (or attach to it), stop it, keep the library or a part.

Sent again after a lost reply or a consumed result, the same text attaches to the attempt instead of running it twice.
What they do is written in `guest.library`.
"""

import hashlib
import re
import shlex
from dataclasses import dataclass
from string import ascii_letters

from orchestrator.guest import library
from orchestrator.model.plan import Command
from orchestrator.model.playbook import Guard

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
    Raises ValueError where the command, or a guard of it, holds a NUL, or the nonce; where there is no nonce; or where
    what comes before the command is too long.
    """
    command = assignment.command
    if not assignment.nonce:
        raise ValueError("an attempt without a nonce was never meant to be sent")
    for text in (command.text, *(text for _, text in command.guards)):
        if "\0" in text or assignment.nonce in text:
            raise ValueError("the command holds a NUL byte or this attempt's nonce")
    whole = _run(assignment, command.text)
    if not limit or len(whole) <= limit:
        return whole
    checksum = hashlib.sha256(command.text.encode()).hexdigest()
    rest = _run(assignment, None, f'o_whole {assignment.key} {assignment.nonce} {checksum};cat "$q"/*|')
    if len(rest) > limit:
        problem = f"with its env and guards a command has {len(rest)} characters of the {limit} that a request may have"
        raise ValueError(problem)
    return rest


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
    """What is done before the command, in its own process: its variables, its directory (relative to HOME), its guards.

    Whatever fails there ends the attempt, and the command is not run.
    """
    lines = before(command)
    if command.guards:
        lines.append(_LOOK)
    for guard, text in command.guards:
        words = f'{guard.value} {int(guard is Guard.ONLY_IF)} "$1" "${{2%cmd}}"'
        lines.append(f"look {words} {_heredoc(looked(guard, text))}{_body(looked(guard, text))}")
    return "\n".join([*lines, ":"])


def before(command: Command, *, otherwise: str = "exit") -> list[str]:
    """The lines that set a command's variables and enter its directory; otherwise: what is done where that fails."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in command.env]
    return [*lines, f"cd {_word(command.cwd)}||{otherwise}"] if command.cwd else lines


def looked(guard: Guard, text: str) -> str:
    """The shell text that a guard is: that of `creates` looks whether a path is there."""
    return f"[ -e {_word(text)} ]||[ -L {_word(text)} ]" if guard is Guard.CREATES else text


_LOOK = """look(){
mkdir "$4$1"&&cat>"$4$1/cmd"||exit
(o_become "$3" "$4$1/cmd" "$(cat "$4$1/cmd")")>/dev/null 2>&1 </dev/null;set -- "$@" $?
if [ $5 -gt 128 ];then echo "nothing was run: the guard $1 was killed">&2;set -- guard-killed "$4"
elif [ $(($5>0)) = $2 ];then set -- skipped-$1 "$4"
else return;fi
echo $1>"${2}as"&&exit
exit 1
}"""
"""NAME 0|1 USER DIRECTORY/: run a guard (stdin: its text) as the command's user, where the command would run.

Where it succeeds (1: where it fails), the command is passed over; where it was killed nobody can say, and the command
has failed. All in positional parameters, since the command's own variables are set by now.
"""


def _word(path: str) -> str:
    """The word for a path: a leading ~ is the guest's HOME, all else is literal."""
    if path == "~" or path.startswith("~/"):
        return '"$HOME"' + (shlex.quote(path[1:]) if len(path) > 1 else "")
    return shlex.quote(path if not path.startswith("-") else f"./{path}")


def _delimiter(text: str) -> str:
    """A word that is no line of the text, and does not begin as a line does in which dash would lose a byte.

    dash 0.5.12 loses the byte after what a line has in common with the delimiter where that byte is not ASCII.
    """
    lines = set(text.split("\n"))
    lossy = {line[0] for line in lines if not line.isascii()}
    first = next((letter for letter in "E" + ascii_letters if letter not in lossy), "E")
    return next(word for word in (first, *(f"{first}{i}" for i in range(len(lines) + 1))) if word not in lines)


def _heredoc(text: str) -> str:
    return f"<<'{_delimiter(text)}'"


def _body(text: str) -> str:
    return f"\n{text}\n{_delimiter(text)}"
