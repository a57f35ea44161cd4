"""Which run a person means by what they typed."""

import difflib
from collections.abc import Sequence

from orchestrator.errors import InputError
from orchestrator.model.ids import RunId
from orchestrator.model.origin import COMMAND_LINE, Problem

SHORTEST = 4
"""Characters of an id that are enough, where only one run begins with them."""

NEAR = 1_000
"""How many of the newest ids are compared with one that was not found."""


def unknown(wanted: str, newest: Sequence[RunId]) -> InputError:
    """The error for an id that no run has, with the nearest of the `newest`."""
    near = difflib.get_close_matches(wanted, newest, n=3)
    fix = f"did you mean {' or '.join(near)}?" if near else "`orc runs` lists the runs"
    return _error(f"there is no run {wanted!r}", fix)


def choose(typed: str, matching: Sequence[RunId], newest: Sequence[RunId]) -> RunId:
    """The one run among those `matching` (whose ids begin with what was `typed`).

    A whole id always means itself. Raises InputError where there is none, more than one, or too little was typed.
    """
    if typed in matching:
        return RunId(typed)
    if len(typed) < SHORTEST:
        fix = f"give at least {SHORTEST} characters of the id"
        raise _error(f"{typed!r} is too short to name a run", fix)
    match matching:
        case []:
            raise unknown(typed, newest)
        case [run]:
            return run
        case _:
            fix = f"give more of the id: {', '.join(matching[:5])}{' ...' if len(matching) > 5 else ''}"
            raise _error(f"more than one run begins with {typed!r}", fix)


def _error(problem: str, fix: str) -> InputError:
    return InputError([Problem(origin=COMMAND_LINE, problem=problem, fix=fix)], next=("orc runs",))
