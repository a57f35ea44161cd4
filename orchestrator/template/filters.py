"""The filters that templates may use: few, pure, and none that turns a value into a program."""

import json
import posixpath
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2.filters import FILTERS as JINJA

from orchestrator.template.error import Fault
from orchestrator.template.words import kind_of, word_of


def _basename(path: str) -> str:
    return posixpath.basename(word_of(path))


def _dirname(path: str) -> str:
    return posixpath.dirname(word_of(path))


def _int(value: object, default: int | None = None) -> int:
    """Unlike Jinja's own, which turns what is no number into 0: a silent 0 in a command is a trap."""
    if isinstance(value, int | float | str):
        try:
            return int(value)
        except (ValueError, OverflowError):
            pass
    if default is not None:
        return default
    raise Fault(f"{kind_of(value)} that is no whole number", "write `| int(0)` to have 0 in its place")


def _join(values: Iterable[object], separator: str = "") -> str:
    if isinstance(values, str | Mapping):
        raise Fault(f"`join` needs a list, and this is {kind_of(values)}")
    return separator.join(map(word_of, values))


def _tojson(value: object) -> str:
    """Unlike Jinja's own, which escapes for HTML."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=dict)


FILTERS: Mapping[str, Callable[..., Any]] = {
    **{
        name: JINJA[name]
        for name in ("default", "d", "first", "last", "length", "count", "lower", "upper", "trim", "replace")
    },
    "basename": _basename,
    "dirname": _dirname,
    "int": _int,
    "join": _join,
    "tojson": _tojson,
}

REFUSED: Mapping[str, str] = {
    "safe": "a value is always quoted; write what the shell shall interpret in the command itself",
    "raw": "a value is always quoted; write what the shell shall interpret in the command itself",
    "quote": "leave it out: a value is always quoted",
}
"""Filters that people look for, and what to do instead."""
