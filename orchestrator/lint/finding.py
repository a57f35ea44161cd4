"""What a rule is, and what it finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from orchestrator.model.origin import Origin

S = TypeVar("S")


class Severity(Enum):
    """How much it matters. Errors and warnings are exit status 2, notes are not."""

    ERROR = "error"
    """The file cannot be used as it is."""
    WARNING = "warning"
    """It can be used, and will not do what its author thinks, sooner or later."""
    NOTE = "note"
    """It may be meant so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A stretch of a file, within one line, and what is to stand there instead. Made only where `old` is there."""

    origin: Origin
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a rule sees at one place. fix: what to write instead, in words; edits: the same, where that is safe."""

    origin: Origin
    path: str = ""
    problem: str
    fix: str = ""
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. id: never changes, since people write it in comments. summary: what it sees, in one line.

    why: what comes of it. fix: what to write instead, in general.
    """

    id: str
    severity: Severity
    summary: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning(Found):
    """What a rule has found. step: the name of the step that it is about; empty for none."""

    rule: str
    severity: Severity
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[S]):
    """A rule and the function that looks for what breaks it."""

    rule: Rule
    look: Callable[[S], Iterable[Found]] = field(repr=False)


def warning(rule: Rule, found: Found, *, step: str = "") -> Warning:
    """What a rule has found, with the rule's name and severity."""
    return Warning(
        rule=rule.id,
        severity=rule.severity,
        step=step,
        origin=found.origin,
        path=found.path,
        problem=found.problem,
        fix=found.fix,
        edits=found.edits,
    )
