"""Validation errors to findings in plain words."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from orchestrator.load.problems import Finding
from orchestrator.load.scalars import is_ambiguous, resolve
from orchestrator.model.near import did_you_mean

FINDINGS = "findings"
"""The type, and the key in the context, of the error that carries findings of ours."""


class Findings(tuple[Finding, ...]):
    """Findings on their way through pydantic, which writes out whatever an error carries, at every level."""

    __slots__ = ()

    def __str__(self) -> str:
        return FINDINGS


_KEY = "[key]"
"""What pydantic puts at the end of a path that leads to a key."""

_PLAIN = re.compile(r"(?!.*(?:: | #))[\w/.^(~$][^\[\]{},'\"\n]*(?<![:\s])")

_Words = Callable[[Mapping[str, Any], Any], str]

# https://docs.pydantic.dev/latest/errors/validation_errors/, those that our shapes can cause
_WORDS: Mapping[str, _Words] = {
    "string_type": lambda ctx, value: f"must be text, not {kind_of(value)}",
    "int_type": lambda ctx, value: f"must be a whole number, not {as_yaml(value)}",
    "int_from_float": lambda ctx, value: "must be a whole number",
    "float_type": lambda ctx, value: f"must be a number, not {kind_of(value)}",
    "bool_type": lambda ctx, value: f"must be true or false, not {kind_of(value)}",
    "list_type": lambda ctx, value: f"must be a list, not {kind_of(value)}",
    "dict_type": lambda ctx, value: f"must be a mapping, not {kind_of(value)}",
    "model_type": lambda ctx, value: f"must be a mapping, not {kind_of(value)}",
    "literal_error": lambda ctx, value: f"must be {ctx['expected'].replace(chr(39), '')}",
    "greater_than": lambda ctx, value: f"must be above {ctx['gt']:g}",
    "greater_than_equal": lambda ctx, value: f"must be at least {ctx['ge']:g}",
    "less_than_equal": lambda ctx, value: f"must be at most {ctx['le']:g}",
    "finite_number": lambda ctx, value: "must be a finite number",
    "too_short": lambda ctx, value: "is empty",
    "too_long": lambda ctx, value: f"has more than {ctx['max_length']} entries",
    "string_too_short": lambda ctx, value: "is empty",
    "string_too_long": lambda ctx, value: f"is longer than {ctx['max_length']} characters",
    "value_error": lambda ctx, value: str(ctx["error"]),
}


def explain(error: ValidationError, known: Mapping[str, FieldInfo], given: Mapping[str, Any]) -> Iterator[Finding]:
    """The findings of a mapping with these known keys; what its own fields hold has said its part already."""
    for detail in error.errors(include_url=False):
        loc, on_key = detail["loc"], False
        if loc and loc[-1] == _KEY:
            loc, on_key = loc[:-1], True
        field = known.get(str(loc[0])) if loc else None
        if detail["type"] == FINDINGS:
            yield from (
                replace(finding, loc=(*loc, *finding.loc), on_key=finding.on_key or on_key)
                for finding in detail["ctx"][FINDINGS]
            )
        elif detail["type"] == "missing":
            if loc[-1] not in given:
                yield Finding(
                    loc=loc[:-1], problem=f"missing key {loc[-1]}", fix=_example(str(loc[-1]), field) or "write it"
                )
        else:
            yield Finding(loc=loc, problem=_problem(detail), fix=_fix(detail, field), on_key=on_key)


def _problem(detail: ErrorDetails) -> str:
    words = _WORDS.get(detail["type"])
    return words(detail.get("ctx", {}), detail["input"]) if words else detail["msg"].lower()


def _fix(detail: ErrorDetails, field: FieldInfo | None) -> str:
    value = detail["input"]
    if detail["type"] == "string_type" and isinstance(value, bool | int | float):
        return f"quote it: '{as_yaml(value)}'"
    if detail["type"] == "int_type" and isinstance(value, str) and value.isdecimal():
        return "remove the quotes"
    if detail["type"] == "string_too_long":
        return "shorten it"
    if detail["type"] == "literal_error" and isinstance(value, str):
        return did_you_mean(value, re.findall(r"'([^']*)'", detail["ctx"]["expected"]))
    if len(detail["loc"]) == 1 and detail["type"].endswith(("_type", "_short", "_than", "_equal")):
        return _example(str(detail["loc"][0]), field)
    return ""


def _example(key: str, field: FieldInfo | None) -> str:
    return f"such as `{key}: {as_yaml(field.examples[0])}`" if field and field.examples else ""


def kind_of(value: object) -> str:
    """What YAML would call a value."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a mapping"


def as_yaml(value: object) -> str:
    """A value as YAML in one line, for messages."""
    match value:
        case str():
            return value if _is_plain(value) else json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(as_yaml(item) for item in value)}]"
        case dict():
            return "{" + ", ".join(f"{key}: {as_yaml(item)}" for key, item in value.items()) + "}"
        case _:
            return json.dumps(value)


def _is_plain(text: str) -> bool:
    """Whether a text may stand without quotes, also in a list or a mapping in one line."""
    try:
        return _PLAIN.fullmatch(text) is not None and isinstance(resolve(text), str) and not is_ambiguous(text)
    except ValueError:
        return False
