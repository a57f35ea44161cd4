"""Files as text: read once, within bounds, and every way that this can fail as one problem."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.load.problems import secret_lines, shortened, starred, without_secrets
from orchestrator.model.near import did_you_mean
from orchestrator.model.origin import Origin, Problem

MAX_BYTES = 5_000_000
"""The largest file that is read, in bytes: an inventory of 100,000 hosts fits."""

# YAML 1.2, 5.4: these break a line; str.splitlines would break at more.
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# YAML 1.2, 5.1: the characters that a YAML text may not hold.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, kw_only=True)
class Source:
    """The text of one file. file: its name as given, in POSIX form. sha256: of its bytes, in hex."""

    file: str
    text: str
    sha256: str

    @cached_property
    def lines(self) -> list[str]:
        return _LINE_BREAK.split(self.text)

    @cached_property
    def _secret(self) -> frozenset[int]:
        return secret_lines(self.lines)

    def line(self, number: int) -> str:
        """A line by its number, which counts from 1, with its secrets starred out; empty where there is none."""
        if not 0 < number <= len(self.lines):
            return ""
        if number in self._secret:
            return starred(self.lines[number - 1])
        return without_secrets(self.lines[number - 1], above=self.lines[number - 2] if number > 1 else "")

    def problem(self, problem: str, *, line: int = 0, column: int = 0, path: str = "", fix: str = "") -> Problem:
        """A problem at a place of this file; line 0 is the whole file."""
        origin = Origin(file=self.file, line=line, column=column)
        return Problem(
            origin=origin, path=shortened(path), problem=shortened(problem), fix=shortened(fix), line=self.line(line)
        )


def read_source(path: Path) -> Source:
    """The text of a file. Raises InputError when it is not there, not a file, too large, or not printable UTF-8."""
    file = path.as_posix()
    content = _read_bytes(path)
    if len(content) > MAX_BYTES:
        raise InputError.of(f"is larger than {MAX_BYTES // 1_000_000} MB", fix="split it", origin=Origin(file=file))
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError.of("is UTF-16", fix="save it as UTF-8", origin=Origin(file=file))
    try:
        text, broken = content.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        text, broken = content[: error.start].decode("utf-8-sig"), error
    source = Source(file=file, text=text, sha256=hashlib.sha256(content).hexdigest())
    if broken:
        line, column = len(source.lines), len(source.lines[-1]) + 1
        problem = source.problem("is not UTF-8 from here on", line=line, column=column, fix="save it as UTF-8")
        raise InputError([problem])
    if found := _UNPRINTABLE.search(text):
        before = _LINE_BREAK.split(text[: found.start()])
        problem = source.problem(
            f"holds the unprintable character U+{ord(found[0]):04X}",
            line=len(before),
            column=len(before[-1]) + 1,
            fix="remove it, or write it as an escape in double quotes",
        )
        raise InputError([problem])
    return source


def with_lines(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The same problems, those without the source line on which they stand with it, for the caret."""
    sources: dict[str, Source | None] = {}

    def shown(problem: Problem) -> Problem:
        origin = problem.origin
        if problem.line or not origin.line:
            return problem
        if origin.file not in sources:
            try:
                sources[origin.file] = read_source(Path(origin.file))
            except InputError:  # it was moved since it was read
                sources[origin.file] = None
        source = sources[origin.file]
        return replace(problem, line=source.line(origin.line)) if source else problem

    return tuple(map(shown, problems))


def _read_bytes(path: Path) -> bytes:
    origin = Origin(file=path.as_posix())
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError.of("there is no such file", fix=_near_files(path), origin=origin) from None
    except IsADirectoryError:
        raise InputError.of("is a folder", fix="name a file in it", origin=origin) from None
    except PermissionError:
        raise InputError.of("may not be read by this user", fix="check its permissions", origin=origin) from None
    except OSError as error:
        raise InputError.of(f"cannot be read: {error.strerror}", origin=origin) from None
    except ValueError:  # a NUL in the name
        raise InputError.of("is not the name of a file", origin=origin) from None


def _near_files(path: Path) -> str:
    try:
        return did_you_mean(path.name, [entry.name for entry in path.parent.iterdir()], within=3)
    except (OSError, ValueError):
        return ""
