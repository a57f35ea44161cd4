"""Files beside a playbook: found only within the project, read once while planning, and part of the plan's inputs."""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.load.document import Document
from orchestrator.load.problems import Finding, Loc
from orchestrator.model.near import did_you_mean
from orchestrator.model.origin import Problem
from orchestrator.model.playbook import File
from orchestrator.steps.kind import FileUse, NeededFile

MOST_TEXT = 64 * 1024
MOST_BINARY = 24 * 1024
"""Bytes of a file of a step. It goes to every VPS in requests of some 4,000 characters: text as it is, each byte of
anything else as up to four."""

NO_FILE = File(name="", text="")
"""What stands for a file that is wrong, until all problems are told."""


class Astray(ValueError):
    """A name that may not be, or is not, that of a file. fix: what to do."""

    def __init__(self, problem: str, fix: str = "") -> None:
        self.fix = fix
        super().__init__(problem)


def roots_of(book: Path) -> tuple[Path, ...]:
    """The folders out of which no file of a playbook may lead: the project's (the current one), and the playbook's."""
    return Path.cwd().resolve(), book.parent.resolve()


def find(written: str, folder: Path, roots: tuple[Path, ...]) -> tuple[Path, Path]:
    """The file of this name, relative to the folder: as it is shown, and with all symbolic links followed.

    Raises Astray where it would be outside all of the roots.
    """
    path = Path(os.path.normpath(folder / written))
    try:
        target = (folder / written).resolve()
        path = path if path.resolve() == target else target
    except (OSError, ValueError, RuntimeError):  # a NUL in the name; symbolic links in a circle
        raise Astray(f"{written!r} is not the name of a file") from None
    if not any(target.is_relative_to(root) for root in roots):
        fix = "name a file in the project's folder, or beside the playbook"
        raise Astray(f"{written} leads out of the project", fix)
    return path, target


@dataclass(slots=True, kw_only=True)
class Beside:
    """The files that the steps of a playbook name, each read once; what is wrong with them is kept until all are."""

    roots: tuple[Path, ...]
    problems: list[Problem] = field(default_factory=list)
    _read: dict[Path, tuple[Path, bytes]] = field(default_factory=dict)

    @property
    def inputs(self) -> Mapping[str, str]:
        """The sha256 of each file, by its path."""
        return {path.as_posix(): hashlib.sha256(content).hexdigest() for path, content in self._read.values()}

    def read(self, needed: NeededFile, document: Document, loc: Loc) -> tuple[Path, File]:
        """The file that is named at this place of a document."""
        try:
            if "{{" in needed.name or "{%" in needed.name:
                raise Astray("a file is read before anything of a host is known", "write its name; choose by `when`")
            path, target = find(needed.name, Path(document.source.file).parent, self.roots)
            if target not in self._read:
                self._read[target] = path, _bytes(needed.name, path, target)
            path, content = self._read[target]
            return path, _file(needed, content)
        except Astray as astray:
            finding = Finding(loc=(*loc, *needed.at), problem=str(astray), fix=astray.fix)
            self.problems.append(document.problem(finding))
        return Path(needed.name), NO_FILE

    def raise_any(self) -> None:
        """Raises InputError with all problems there are."""
        if self.problems:
            raise InputError(list(dict.fromkeys(self.problems)))


def _bytes(name: str, path: Path, target: Path) -> bytes:
    try:
        # A pipe would have nobody at its other end.
        descriptor = os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Astray(f"{name} is not a file", "name a file")
        with os.fdopen(descriptor, "rb") as file:
            return file.read(MOST_TEXT + 1)
    except FileNotFoundError:
        raise Astray(
            f"there is no file {path.as_posix()}", _near(path) or "names begin in the playbook's folder"
        ) from None
    except OSError as error:
        raise Astray(f"{name} cannot be read: {error.strerror}", "check what it is, and its permissions") from None


def _near(path: Path) -> str:
    try:
        return did_you_mean(path.name, [entry.name for entry in path.parent.iterdir()], within=3)
    except OSError:
        return ""


def _file(needed: NeededFile, content: bytes) -> File:
    """The file as it is kept in a plan. Raises Astray."""
    fetch = "let a step fetch what is larger, with curl or as a package"
    if len(content) > MOST_TEXT:
        raise Astray(f"{needed.name} is larger than {MOST_TEXT // 1024} KiB", fetch)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" not in text:
        if needed.use is FileUse.SCRIPT and text.startswith("#!") and text.split("\n")[0].endswith("\r"):
            problem = f"{needed.name} has lines that end in a carriage return, and no system finds such an interpreter"
            raise Astray(problem, "save it with Unix line ends")
        return File(name=needed.name, text=text)
    if needed.use is not FileUse.BYTES:
        fix = "save it as UTF-8; a program is put there by copy, and run"
        raise Astray(f"{needed.name} is no UTF-8 text without a NUL, which a {needed.use.value} must be", fix)
    if len(content) > MOST_BINARY:
        raise Astray(f"{needed.name} is no text, and larger than {MOST_BINARY // 1024} KiB", fetch)
    return File(name=needed.name, text=content.decode("latin-1"), binary=True)
