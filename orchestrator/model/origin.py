"""Where a value was written, and what is wrong with it there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A place in a file, or on the command line (line 0). Lines and columns count from 1, in characters."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


COMMAND_LINE = Origin(file="command line")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A template as its author wrote it, and where."""

    source: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with what was written.

    path: the keys that lead to it, `steps[2].timeout`; empty for the whole file.
    problem: what is wrong. fix: what to write instead, or empty.
    line: the source line it stands on, for the caret; empty where there is none.
    """

    origin: Origin
    path: str = ""
    problem: str
    fix: str = ""
    line: str = ""
