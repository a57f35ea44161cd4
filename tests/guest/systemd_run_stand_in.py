"""A stand-in for systemd-run(1), of systemd 252, faithful in all that the guest's program meets of it.

Called as a program: FOLDER of what units there are, then systemd-run's own words. What it does not know, it refuses.
`test_systemd_run.py` holds it against the real one.
"""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROPERTIES = {"KillMode": ("control-group", "process"), "IgnoreSIGPIPE": ("yes", "no")}
"""The properties that are acted upon, and their values: the first is what a unit has without being told."""

_NAME = re.compile(r"[A-Za-z0-9:_.-]{1,247}")
"""Unit names that are taken as they are: in others, systemd-run writes characters as \\xNN."""
_VARIABLE = re.compile(r"\$\$|\$\{[^}:]*(?:[}:]|\Z)")


def expand(words: Sequence[str], environment: Mapping[str, str]) -> Iterator[str]:
    """The command line as a service gets it (systemd.service(5), COMMAND LINES, and `replace_env_argv` in its source).

    A word that begins with `$` is a variable's name as a whole, whose value is split; within a word, `${NAME}` and `$$`
    are expanded, and `${NAME:...}` is not. Specifiers (`%n`), quotes and backslashes mean nothing to systemd-run.
    """

    def value(match: re.Match[str]) -> str:
        found = match[0]
        if found == "$$":
            return "$"
        return environment.get(found[2:-1], "") if found.endswith("}") else found

    for word in words:
        if word.startswith("$") and word[1:2] not in ("{", "$"):
            yield from environment.get(word[1:], "").split()
        else:
            yield _VARIABLE.sub(value, word)


class Refused(Exception):
    """What systemd-run says when it starts nothing."""


def read(words: Sequence[str]) -> tuple[str, dict[str, str], list[str]]:
    """The unit's name, its properties, the command. Raises Refused for what is not known here."""
    unit, properties, rest = "", {name: values[0] for name, values in PROPERTIES.items()}, list(words)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in ("-q", "--quiet", "-G", "--collect"):
            continue
        if option == "-p" and rest:
            name, _, setting = rest.pop(0).partition("=")
            if setting not in PROPERTIES.get(name, ()):
                raise Refused(f"Unknown assignment: {name}={setting}")
            properties[name] = setting
        elif option.startswith("--unit="):
            unit = option.removeprefix("--unit=")
        else:
            raise Refused(f"{option} is not known to this stand-in")
    if not _NAME.fullmatch(unit):
        raise Refused(f"{unit!r} is no name that a unit can have as it is")
    if not rest:
        raise Refused("Command line to execute required.")
    if shutil.which(rest[0]) is None:
        raise Refused(f"Failed to find executable {rest[0]}: No such file or directory")
    return unit, properties, rest


def members(invocation: str) -> set[int]:
    """The processes of a unit: what its control group holds, as far as they have not dropped the variable."""
    mark, found = f"INVOCATION_ID={invocation}\0".encode(), set()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in environ.read_bytes():
                found.add(int(environ.parent.name))
        except OSError:
            continue
    return found


def start(units: Path, unit: str, properties: Mapping[str, str], command: Sequence[str]) -> None:
    """Start the unit, and return once its process is there. Raises Refused where one of its name is loaded."""
    units.mkdir(exist_ok=True)
    with (units / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file, invocation = units / unit, uuid.uuid4().hex
        # As with --collect: a unit is unloaded once it has ended, well or not, and none of its processes is left.
        if file.exists() and members(file.read_text()):
            message = f"Unit {unit}.service was already loaded or has a fragment file."
            raise Refused(f"Failed to start transient service unit: {message}")
        file.write_text(invocation)
        told, tell = os.pipe()
        what = json.dumps([invocation, tell, dict(properties), list(command)])
        subprocess.Popen(
            [sys.executable, "-ISB", __file__, "--manager", what],
            env={"PATH": PATH},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[tell],
            start_new_session=True,
        )
        os.close(tell)
        os.read(told, 1)


def manage_unit(invocation: str, tell: int, properties: Mapping[str, str], command: Sequence[str]) -> None:
    """What the service manager does for one unit: a clean environment and session, and what is left at its end."""
    environment = {"PATH": PATH, "LANG": "C.UTF-8", "INVOCATION_ID": invocation}
    os.umask(0o022)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it, and SIGPIPE, and passes that on
    child = subprocess.Popen(
        list(expand(command, environment)),
        env=environment,
        cwd="/",
        restore_signals=properties["IgnoreSIGPIPE"] == "no",
        start_new_session=True,
    )
    os.close(tell)
    child.wait()
    while properties["KillMode"] == "control-group" and (left := members(invocation)):
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def main(words: Sequence[str]) -> None:
    if words[0] == "--manager":
        manage_unit(*json.loads(words[1]))
        return
    try:
        start(Path(words[0]), *read(words[1:]))
    except Refused as refused:
        sys.exit(str(refused))


if __name__ == "__main__":
    main(sys.argv[1:])
