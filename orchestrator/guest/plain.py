"""The text of a plain command: as its author wrote it, with nothing before it but what its step asks for.

For guests in which the guest program cannot work. So all here is what any POSIX sh does, and nothing is kept there.
"""

import shlex
from collections.abc import Iterator

from orchestrator.model.plan import Command

WRONG_HOST = 97
"""The exit status where the machine does not have the declared hostname, so that nothing was run."""


def write(command: Command, *, hostname: str | None = None) -> str:
    """The shell text of a plain command.

    Its variables, user and folder come before it, a line each; the folder is relative to HOME, which the agent may
    leave unset. A folder that is not there ends it. Raises ValueError where the command holds a NUL.
    """
    if "\0" in command.text:
        raise ValueError("the command holds a NUL byte")
    return "\n".join([*_before(command, hostname), *_body(command)])


def _before(command: Command, hostname: str | None) -> Iterator[str]:
    if hostname:
        name = shlex.quote(hostname)
        yield f'case " $(hostname) $(hostname -f 2>/dev/null) " in *" "{name}" "*);;'
        yield f'*)echo "nothing was run: this machine calls itself $(hostname)" >&2;exit {WRONG_HOST};;esac'
    if command.user:
        user = command.user
        yield f"HOME=~{user} USER={user} LOGNAME={user};export HOME USER LOGNAME"
    for name, value in command.env:
        yield f"export {name}={shlex.quote(value)}"
    if command.cwd and not command.cwd.startswith("/"):
        yield 'export HOME="${HOME:-/root}"'
    if command.cwd:
        yield f"cd {_folder(command.cwd)}||exit"


def _folder(cwd: str) -> str:
    """The word for `cd`: relative to HOME, a leading ~ is HOME, all else is literal."""
    if cwd.startswith("/"):
        return shlex.quote(cwd)
    below = cwd.removeprefix("~").lstrip("/") if cwd == "~" or cwd.startswith("~/") else cwd
    return f'"$HOME"/{shlex.quote(below)}' if below else '"$HOME"'


def _body(command: Command) -> Iterator[str]:
    if not command.user:
        yield command.text
        return
    user = command.user
    yield f"c={shlex.quote(command.text)}"
    yield f'[ "$(id -un)" != {user} ]||exec sh -c "$c"'
    yield f'! command -v runuser >/dev/null||exec runuser -u {user} -- sh -c "$c"'
    yield f'! command -v sudo >/dev/null||exec sudo -nEu {user} -- sh -c "$c"'
    yield f'exec su -s /bin/sh {user} -c "$c"'
