"""`# orc: ignore[rule-id] reason`: a finding that is meant so, with the reason beside it.

At the end of a line it is for that line. On a line of its own it is for the next one; where that begins an entry of a
list (a step), for the whole entry.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from orchestrator.lint.finding import Edit, Found, Rule, Severity, Warning, warning
from orchestrator.model.near import did_you_mean
from orchestrator.model.origin import Origin

BAD = Rule(
    id="bad-ignore",
    severity=Severity.WARNING,
    summary="An ignore comment has no rule, an unknown one, or no reason.",
    why="It hides nothing, or nobody can say later whether it still holds.",
    fix="Write `# orc: ignore[rule-id] reason`; several rules have commas between them.",
)
UNUSED = Rule(
    id="unused-ignore",
    severity=Severity.WARNING,
    summary="An ignore comment hides nothing.",
    why="What it was for is mended, or stands elsewhere; it would hide the next finding there.",
    fix="Remove it. (`--fix` does.)",
)

_COMMENT = re.compile(r"(?:^|(?<=\s))#\s*orc:\s*ignore\b(?:\[([^\]]*)\])?\s*(.*?)\s*$")
_RULE = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """One comment. first, last: the lines that it is for. edit: what removes it."""

    rules: tuple[str, ...]
    reason: str
    origin: Origin
    first: int
    last: int
    edit: Edit


def read_ignores(file: str, lines: Sequence[str]) -> list[Ignore]:
    """The ignore comments of a file."""
    found = []
    for number, line in enumerate(lines, start=1):
        if comment := _COMMENT.search(line):
            alone = not line[: comment.start()].strip()
            first, last = _covered(lines, number) if alone else (number, number)
            before = len(line[: comment.start()].rstrip())
            start = 0 if alone else before
            origin = Origin(file=file, line=number, column=comment.start() + 1)
            edit = Edit(origin=Origin(file=file, line=number, column=start + 1), old=line[start:], new="")
            rules = tuple(_RULE.findall(comment[1] or ""))
            found.append(Ignore(rules=rules, reason=comment[2], origin=origin, first=first, last=last, edit=edit))
    return found


def _covered(lines: Sequence[str], number: int) -> tuple[int, int]:
    """The lines that a comment on a line of its own is for."""
    at = number
    while at < len(lines) and (not lines[at].strip() or lines[at].lstrip().startswith("#")):
        at += 1
    if at >= len(lines):
        return number, number
    first = last = at + 1
    if not lines[at].lstrip().startswith("- "):
        return first, last
    indent = _indent(lines[at])
    while last < len(lines) and (not lines[last].strip() or _indent(lines[last]) > indent):
        last += 1
    return first, last


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def heed(found: Sequence[Warning], ignores: Sequence[Ignore], known: Collection[str]) -> Iterator[Warning]:
    """What is left of the findings of one file, and what is wrong with its comments. An error cannot be ignored."""
    used: set[tuple[Ignore, str]] = set()
    for each in found:
        hiding = [
            ignore
            for ignore in ignores
            if each.rule in ignore.rules and ignore.reason and ignore.first <= each.origin.line <= ignore.last
        ]
        if each.severity is Severity.ERROR or not hiding:
            yield each
        used |= {(ignore, each.rule) for ignore in hiding}
    unread = any(each.severity is Severity.ERROR for each in found)  # then nobody knows what else there is
    for ignore in ignores if not unread else ():
        yield from _wrong(ignore, {rule for of, rule in used if of is ignore}, known)


def _wrong(ignore: Ignore, used: Collection[str], known: Collection[str]) -> Iterator[Warning]:
    if not ignore.rules:
        problem, fix = "it does not say what is ignored", "write `# orc: ignore[rule-id] reason`"
        yield warning(BAD, Found(origin=ignore.origin, problem=problem, fix=fix))
    elif not ignore.reason:
        problem, fix = "it does not say why", f"write `# orc: ignore[{', '.join(ignore.rules)}] reason`"
        yield warning(BAD, Found(origin=ignore.origin, problem=problem, fix=fix))
    for rule in ignore.rules:
        if rule not in known and not re.fullmatch(r"SC\d+", rule):
            fix = did_you_mean(rule, known) or "see docs/lint.md"
            yield warning(BAD, Found(origin=ignore.origin, problem=f"there is no rule {rule}", fix=fix))
    # Of ShellCheck's numbers nobody can say so: its program may not be there.
    hidden = [] if any(rule.startswith("SC") for rule in ignore.rules) else [r for r in ignore.rules if r in known]
    if ignore.reason and hidden and not used:
        edits = (ignore.edit,)
        problem = f"there is nothing of {', '.join(hidden)} to ignore here"
        yield warning(UNUSED, Found(origin=ignore.origin, problem=problem, fix="remove the comment", edits=edits))
