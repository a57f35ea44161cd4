"""Sets up `.venv` in the project's folder with `orc` in it, and runs the project's commands there.

Standard library only. Any Python since 3.8 can read this file, so that an older one can say what is needed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

try:
    import fcntl
except ImportError:
    sys.exit("set-up: Linux or macOS is needed; on Windows, WSL.")

NEEDED = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "tools" / "requirements" / "dev.txt"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "set-up"
"""Two lines, written when all else is done: which environment this is, and what it was filled from."""

BASE = getattr(sys, "_base_executable", "") or sys.executable
"""The Python under any environment that this runs in: `.venv` may have to be removed while it is the active one."""

SHARED_OUT = ("-n", "auto", "--dist", "worksteal")
"""Each worker gets a stretch of the tests, so that a module's fixtures are made once, and who is done helps others."""

COMMANDS: dict[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "help": ("list these commands", ()),
    "setup": ("make .venv in this folder, with orc in it", ()),
    "demo": ("roll a release out over the embedded fleet, one VPS failing", (("-m", "tools.demo"),)),
    "test": ("run the tests", (("-m", "pytest", *SHARED_OUT, "-m", "not slow"),)),
    "test-all": ("run the tests, the slow ones too", (("-m", "pytest", *SHARED_OUT),)),
    "check": (
        "lint, formatting and types",
        (("-m", "ruff", "check"), ("-m", "ruff", "format", "--check"), ("-m", "mypy")),
    ),
    "bench": ("measure what a start and the engine itself cost", (("-m", "tools.bench"),)),
    "chaos": ("storm simulated fleets, and prove that no step ran twice or was lost", (("-m", "tools.chaos"),)),
    "fuzz": ("put hostile values into random commands, and run them in real shells", (("-m", "tools.fuzz"),)),
    "clean": ("remove .venv and the caches; the journals of runs stay", ()),
}
"""What each command is for, and what it runs with `.venv`'s Python."""

ALONE = ("help", "setup", "clean")
"""The commands that take no further arguments."""


class SetupFailed(Exception):
    """`.venv` could not be made or filled. output: what the tool that failed had to say."""

    def __init__(self, advice: str, output: str = "") -> None:
        super().__init__(advice)
        self.output = output


class Way(NamedTuple):
    """A way to make an environment, and to install into it."""

    name: str
    create: list[str]
    install: list[str]


def ways() -> Iterator[Way]:
    """Every way to make `.venv`, best first; which of them work here is for `prepare` to find out."""
    python, venv = str(PYTHON), str(VENV)
    uv = shutil.which("uv")
    if uv:
        yield Way("uv", [uv, "venv", "--python", BASE, venv], [uv, "pip", "install", "--python", python])
    yield Way("venv and pip", [BASE, "-m", "venv", venv], [python, "-m", "pip", "install"])
    # Debian and Ubuntu keep ensurepip in a package of its own; without it venv makes environments without pip only.
    for pip in ([BASE, "-m", "pip"], ["pip3"], ["pip"]):
        yield Way(
            "venv and another pip",
            [BASE, "-m", "venv", "--without-pip", venv],
            [*pip, "--python", python, "install"],
        )


def prepare(*, keep: bool) -> Way:
    """The first way that works, its environment made (or, with keep, the one that is there). Raises SetupFailed."""
    trouble = ""
    for way in ways():
        if not keep:
            remove(VENV)
            trouble = failure(way.create)
            if trouble:
                continue
        if not failure([*way.install, "--help"]):
            return way
    package = "python{}.{}-venv".format(*sys.version_info)
    raise SetupFailed(
        f"{BASE} cannot make an environment with pip in it: on Debian and Ubuntu `apt install {package}`, "
        "elsewhere install uv, then run this again.",
        trouble,
    )


def set_up() -> None:
    """Make or mend `.venv` unless it is as the requirements say. Raises SetupFailed."""
    wanted = stamp()
    if is_current(wanted):
        return
    with one_at_a_time():
        if is_current(wanted):
            return
        began = time.monotonic()
        # Without a stamp an earlier set-up was interrupted, and what pip left half done it would take for done.
        keep = PYTHON.exists() and read_stamp()[:1] == wanted[:1]
        if keep:
            STAMP.unlink()
        say("{} .venv with Python {}.{}.{}".format("updating" if keep else "making", *sys.version_info))
        way = prepare(keep=keep)
        say(f"installing packages, checked by hash, with {way.name}")
        settings = "UV_INDEX_URL, SSL_CERT_FILE" if way.name == "uv" else "`pip config list`, PIP_INDEX_URL, PIP_CERT"
        advice = f"If that is the network or the package index, mend it ({settings}); then run this again."
        install(way, "--require-hashes", "--requirement", str(REQUIREMENTS), advice=advice)
        say("installing orc from this folder")
        advice = "Nothing was fetched for this: look at pyproject.toml, then run this again."
        install(way, "--no-deps", "--no-build-isolation", "--editable", str(ROOT), advice=advice)
        new = STAMP.with_suffix(".new")
        new.write_text("\n".join(wanted) + "\n")
        new.replace(STAMP)
        say(f"done in {time.monotonic() - began:.0f} s: .venv/bin/orc")


def install(way: Way, *what: str, advice: str) -> None:
    """Run the installer. Raises SetupFailed with what it said."""
    output = failure([*way.install, "--quiet", *what])
    if output:
        raise SetupFailed(f"{way.name} failed, see above. {advice}", output)


def failure(command: list[str]) -> str:
    """Run a command and return what it printed if it failed, and '' if it did not."""
    # A user's settings for their own packages must not reach into .venv: `user = true` makes pip refuse it.
    env = dict(os.environ, PIP_USER="0", PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    try:
        done = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        return str(error)
    return (done.stdout.strip() or f"exit status {done.returncode}") if done.returncode else ""


def stamp() -> list[str]:
    """What the stamp has to be: the Python and the folder (an environment cannot be moved); the inputs' hash."""
    inputs = hashlib.sha256()
    for file in (REQUIREMENTS, ROOT / "pyproject.toml"):
        inputs.update(hashlib.sha256(file.read_bytes()).digest())
    return [f"{sys.implementation.cache_tag}{sys.abiflags} {ROOT}", inputs.hexdigest()]


def read_stamp() -> list[str]:
    try:
        return STAMP.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def is_current(wanted: list[str]) -> bool:
    """Whether `.venv` is whole and made from the requirements as they are; its Python may have been uninstalled."""
    return PYTHON.exists() and read_stamp() == wanted


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold the right to change `.venv`: `make -j2 check test` starts two set-ups at once."""
    with open(__file__) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another set-up in this folder")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove(path: Path) -> None:
    """Remove a file, a link (not what it points to) or a whole folder, if it is there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def clean() -> None:
    for name in (".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "dist"):
        remove(ROOT / name)
    for folder in ("orchestrator", "tests", "tools"):
        for cache in sorted((ROOT / folder).rglob("__pycache__")):
            remove(cache)


def newer_python() -> str | None:
    """A Python of the needed version on PATH: macOS and long-term releases have it beside an older `python3`."""
    for minor in (14, 13, 12, 11):
        found = shutil.which(f"python3.{minor}")
        # pyenv puts names on PATH that only say that they are not installed.
        if found and not failure([found, "-c", ""]):
            return found
    return None


def run(commands: tuple[tuple[str, ...], ...], extra: list[str]) -> int:
    """Run every one of them with `.venv`'s Python, also after one has failed; 1 if any has."""
    if len(commands) == 1:  # in this process's place, so that signals and the exit status are the command's own
        os.execv(PYTHON, [str(PYTHON), *commands[0], *extra])
    statuses = [subprocess.call([str(PYTHON), *command, *extra]) for command in commands]
    return int(any(statuses))


def say(text: str) -> None:
    print(f"set-up: {text}", file=sys.stderr, flush=True)


def usage() -> str:
    lines = [f"  {name:<10}{about}" for name, (about, _) in COMMANDS.items()]
    head = "make COMMAND [ARGS='...']   or   python3 tools/bootstrap.py COMMAND [...]"
    return "\n".join([head, "", *lines, "", "What follows the command is passed on: make test ARGS='-k rollback'"])


def carry_out(name: str, extra: list[str]) -> int:
    """Put `.venv` in order, then run the command there. Raises SetupFailed."""
    if sys.version_info < NEEDED:
        newer = newer_python()
        if newer:
            os.execv(newer, [newer, __file__, name, *extra])
        have = "{} is {}.{}.{}".format(sys.executable, *sys.version_info)
        raise SetupFailed(f"Python 3.11 or newer is needed; {have}.")
    os.chdir(ROOT)
    set_up()
    return run(COMMANDS[name][1], extra)


def main(argv: list[str]) -> int:
    name, extra = (argv[0], argv[1:]) if argv else ("help", [])
    if name not in COMMANDS or (name in ALONE and extra):
        print(f"unknown: {' '.join(argv)}\n\n{usage()}", file=sys.stderr)
        return 2
    try:
        if name == "help":
            print(usage())
        elif name == "clean":
            clean()
        else:
            return carry_out(name, extra)
    except SetupFailed as failed:
        print("\n".join(failed.output.splitlines()[-60:]), end="\n" if failed.output else "", file=sys.stderr)
        say(str(failed))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
