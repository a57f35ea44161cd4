"""What is wrong with what was written: gathered by path, placed in its file, and rendered with the source line."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from orchestrator.model.near import did_you_mean
from orchestrator.model.origin import Problem

Loc = tuple[str | int, ...]
"""The keys and indices that lead to a value, from the top of its file."""

MAX_PROBLEMS = 100
"""The most problems of one file that are reported; a last one says how many more there are."""

_SHOWN = 160
_LONGEST = 300
# The literal after a key that names a secret; a reference (`env:NAME`) may be shown.
_SECRET = re.compile(
    r"((?:api[-_]?key|token|secret|passw(?:or)?d)\w*[\"']?\s*[:=]\s*[\"']?)(?!(?:env|file|cmd|age):|true\b|false\b)([^\s,}\"'][^,}\"']*)",
    re.IGNORECASE,
)
_SECRET_BELOW = re.compile(
    r".*(?:api[-_]?key|token|secret|passw(?:or)?d)\w*[\"']?\s*[:=]\s*[|>]?[-+0-9]*\s*", re.IGNORECASE
)
_SAYS_SECRET = re.compile(r"^(?P<before>.*?)[\"']?\bsecret[\"']?\s*:\s*[Tt]rue\b")
_OPTION = re.compile(
    r"(--[\w-]{0,40}(?:api[-_]?key|token|secret|passw(?:or)?d|passphrase)[\w-]{0,40}[ =][\"']?)"
    r"(?!\{\{|\$|-)([^\s,}\"']+)",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"(\bBearer |\b(?=(?:AKIA|ASIA)[0-9A-Z]{16}\b))([A-Za-z0-9._~+/-]{12,})")
_PASSWORD = re.compile(r"(://[^:/@\s]*:)([^/@\s]+)(?=@)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A problem known by its path, not yet placed in a file.

    on_key: it is the key at the end of `loc` that is wrong, not its value. offset: characters into the value's text.
    mark: line and column, where the path does not lead there.
    near: a name that is not known, and those that are, for a "did you mean" that is worked out only when shown.
    """

    loc: Loc = ()
    problem: str
    fix: str = ""
    on_key: bool = False
    offset: int = 0
    mark: tuple[int, int] | None = None
    near: tuple[str, Collection[str]] | None = None

    def words_of_fix(self) -> str:
        """The fix, with the nearest known name where there is one."""
        return (did_you_mean(*self.near, within=3) if self.near else "") or self.fix


def dotted(loc: Loc) -> str:
    """A path as people read it: `steps[2].timeout`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return text.removeprefix(".")


def render_problems(problems: Sequence[Problem]) -> str:
    """Every problem as `file:line:column: error: path: problem, fix`, its source line and a caret below."""
    return "\n".join(map(render_problem, problems))


def render_problem(problem: Problem, word: str = "error", tag: str = "") -> str:
    """The same of one. word: how bad it is. tag: what the sentence ends with."""
    said = ", ".join(filter(None, (problem.problem, problem.fix))) + tag
    head = ": ".join(filter(None, (str(problem.origin), word, problem.path, said)))
    head = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in head)
    if not problem.line:
        return head
    shown, at = _window(problem.line, problem.origin.column - 1)
    return f"{head}\n   | {shown}\n   | {' ' * at}^"


def _window(line: str, at: int) -> tuple[str, int]:
    """The part of a line around a column that fits a terminal, and the column within it."""
    start = max(0, at - _SHOWN // 2) if len(line) > _SHOWN else 0
    # A terminal obeys control characters and gives a tab many columns; one character each keeps the caret in place.
    return "".join(c if c.isprintable() else " " for c in line[start : start + _SHOWN]), at - start


def without_secrets(line: str, *, above: str = "") -> str:
    """A source line with the literals that follow keys such as `api_key`, and passwords in addresses, starred out.

    above: the line before it, where the key may stand.
    """
    if _SECRET_BELOW.fullmatch(above):
        return starred(line)
    for secret in (_SECRET, _OPTION, _TOKEN, _PASSWORD):
        line = secret.sub(lambda found: found[1] + "*" * len(found[2]), line)
    return line


def starred(line: str) -> str:
    """The line with nothing in it but stars, each at its place."""
    return re.sub(r"\S", "*", line)


def secret_lines(lines: Sequence[str]) -> frozenset[int]:
    """The lines, from 1, of the mappings of which one says `secret: true`: what stands in it is shown to nobody.

    By their indents, since it is asked of files that cannot be read as YAML, too.
    """
    found: set[int] = set()
    for at, line in enumerate(lines):
        if not (said := _SAYS_SECRET.search(line)):
            continue
        found.add(at + 1)
        if said["before"].strip(" -"):
            continue  # all of the mapping stands on this line
        indent = len(said["before"])
        above = at
        while above and not lines[above][:indent].strip():
            above -= 1
            found.add(above + 1)
        below = at + 1
        while below < len(lines) and not lines[below][:indent].strip():
            found.add(below + 1)
            below += 1
    return frozenset(found)


def shortened(text: str, length: int = _LONGEST) -> str:
    """The text, its end cut off where it is too long for a message."""
    return text if len(text) <= length else f"{text[:length]}..."
