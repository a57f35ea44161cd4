"""Every error that a user can meet, as one tree; a branch has one exit status.

OrcError
├── InputError            2   what was written or typed is wrong; nothing was started
├── Held                  7   policy or the provider's refusal kept the run from starting
├── JournalError          1   the journal cannot be read or written
└── Bug                   1   an invariant of ours is broken
    └── IllegalTransition     an event that the state it meets does not allow
"""

from collections.abc import Sequence
from typing import ClassVar

from orchestrator.model.origin import Origin, Problem


class OrcError(Exception):
    """Something a user can act on: what is wrong, and the commands to type next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, next: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.next = tuple(next)


class InputError(OrcError):
    """What was written or typed is wrong, in one or more places; all of them are here."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem], *, next: Sequence[str] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{p.origin}: {p.problem}" for p in self.problems), next=next)

    @classmethod
    def of(cls, problem: str, *, fix: str = "", origin: Origin | None = None) -> "InputError":
        """A single problem, by default on the command line."""
        return cls([Problem(origin=origin or Origin(file="command line"), problem=problem, fix=fix)])


class Held(OrcError):
    """Policy, a lock, or the provider's refusal kept the run from starting."""

    exit_code = 7


class JournalError(OrcError):
    """The journal cannot be read or written."""


class Bug(OrcError):
    """An invariant of ours is broken."""


class IllegalTransition(Bug):
    """An event that the state it meets does not allow."""
