"""The filters that templates may use: few, pure, and none but `raw` turns a value into a program."""

import json
import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from jinja2 import Undefined
from jinja2.filters import FILTERS as JINJA

from orchestrator.template.error import Fault
from orchestrator.template.words import kind_of, word_of


class Mark(Enum):
    """A filter that says how a value stands in a shell command; it is the last one, and of shell text only."""

    RAW = "raw"
    """It is shell text, as if its author had written it; every plan lists it."""
    QUOTE = "quote"
    """It is quoted once more, for text that is read by a shell once more."""
    ARGS = "args"
    """A list: one word each."""


class Raw(str):
    """Shell text that stands in a command as it is."""

    __slots__ = ()


class Quoted(str):
    """A text that is read twice, and is to arrive after that. It is not yet quoted."""

    __slots__ = ()


class Args(tuple[object, ...]):
    """Several words."""

    __slots__ = ()


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


def _args(values: object) -> Args:
    if isinstance(values, Undefined):
        str(values)  # raises what Jinja raises
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise Fault(f"`args` needs a list, and this is {kind_of(values)}", "leave `| args` out for one word")
    return Args(values)


MARKS: Mapping[str, Callable[..., Any]] = {
    Mark.RAW.value: lambda value: Raw(word_of(value)),
    Mark.QUOTE.value: lambda value: Quoted(word_of(value)),
    Mark.ARGS.value: _args,
}

WHOLE = frozenset({"int", "length", "count"})
"""The filters that give a whole number, or fail."""

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
    **MARKS,
}

REFUSED: Mapping[str, str] = {
    "safe": "a value is always quoted; `| raw` is for what the shell shall interpret",
}
"""Filters that people look for, and what to do instead."""
