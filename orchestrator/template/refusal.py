"""Why a value cannot stand where it does, and what to write instead."""

from dataclasses import dataclass
from enum import Enum


class Unless(Enum):
    """What can stand there all the same."""

    NUMBER = "a whole number"
    """It holds nothing that a shell could take for a command, however often it is read."""
    QUOTED = "what `| quote` gives"
    """It is read once more by a shell, bare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a value cannot stand there, what to write instead, and what can stand there all the same."""

    problem: str
    fix: str
    unless: Unless | None = None

    def outweighs(self, other: "Refusal | None") -> bool:
        """Whether it leaves less than the other."""
        weights = {Unless.QUOTED: 1, Unless.NUMBER: 2, None: 3}
        return other is None or weights[self.unless] > weights[other.unless]
