"""The shells of this machine, and running many scripts in one process of each."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PRINTF_OF_MKSH = r"""
printf() {
  case $1 in
    '%s\000') print -nr -- "$2"; print -n '\0' ;;
    '\000') print -n '\0' ;;
    '%s\n') print -r -- "$2" ;;
    *) print -nr -- "$2" ;;
  esac
}
"""
"""mksh has no printf of its own, and no other program is to be run."""

_KNOWN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("dash", ("dash",)),
    ("bash", ("bash",)),
    ("bash --posix", ("bash", "--posix")),
    ("busybox ash", ("busybox", "sh")),
    ("mksh", ("mksh",)),
    ("zsh --emulate sh", ("zsh", "--emulate", "sh")),
    ("yash", ("yash", "--posixly-correct")),
)
_FOUND = tuple("[ echo false printf pwd test true".split())
"""What yash, as sh, has built in, and only where PATH has a program of that name; it is not run."""
NAMES = tuple(name for name, _ in _KNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """output: what was printed. ended: whether it ended by itself."""

    output: bytes
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A shell. argv: how it is started, to be followed by a script's path."""

    name: str
    argv: tuple[str, ...]

    @property
    def prelude(self) -> str:
        """What a script for it begins with."""
        return _PRINTF_OF_MKSH if self.name == "mksh" else ""

    def run(self, script: Path, folder: Path, timeout: float) -> Ran:
        """What the script prints; it is killed where it takes longer than this, in seconds."""
        (folder / "found").mkdir(exist_ok=True)
        for name in _FOUND:
            (folder / "found" / name).touch(0o755)
        env = {
            "PATH": str(folder / "found") if self.name == "yash" else "/nonexistent",
            "LC_ALL": "C.UTF-8",
            "V": "v v",
            "HOME": "/nonexistent",
            "ZDOTDIR": "/nonexistent",
        }
        with (folder / "printed").open("w+b") as printed:  # no pipe, which a co-process could hold open
            process = subprocess.Popen(
                [*self.argv, str(script)],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                process.wait(timeout)
                ended = True
            except subprocess.TimeoutExpired:
                ended = False
            finally:  # whoever interrupts the fuzzer does not reach a session of its own
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            printed.seek(0)
            return Ran(output=printed.read(), ended=ended)


def installed(only: Sequence[str] = ()) -> tuple[Shell, ...]:
    """The shells of this machine; only: their names, those of `NAMES`, for all that there are."""
    found = ((name, argv, shutil.which(argv[0])) for name, argv in _KNOWN if not only or name in only)
    return tuple(Shell(name=name, argv=(path, *argv[1:])) for name, argv, path in found if path)
