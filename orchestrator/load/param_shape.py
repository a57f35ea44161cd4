"""A parameter as people write it, and whether a value fits it."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from orchestrator.load.explain import as_yaml, kind_of
from orchestrator.load.fields import Regex, compile_quietly
from orchestrator.load.problems import Finding, shortened
from orchestrator.load.reference import is_reference
from orchestrator.load.shape import Shape
from orchestrator.model.ids import Value

_SHOWN = 60


class ParamShape(Shape):
    """Something that the caller passes with -e.

    The types are those of YAML: `string`, `integer`, `number` (an integer too), `boolean`, and `list`, of any values.
    """

    may_be_empty: ClassVar[frozenset[str]] = frozenset({"default"})

    type: Literal["string", "integer", "number", "boolean", "list"] = Field(
        default="string", description="What kind of value it is.", examples=["string"]
    )
    required: bool = Field(default=False, description="Whether the caller must pass it.", examples=[True])
    default: Any = Field(default=None, description="Its value where the caller passes none.", examples=["main"])
    pattern: Regex | None = Field(
        default=None,
        description="A regular expression that the whole of a string must match.",
        examples=[r"^v\d+\.\d+\.\d+$"],
    )
    choices: Annotated[list[Any], Field(min_length=1)] | None = Field(
        default=None, description="The values that may be passed.", examples=[["blue", "green"]]
    )
    secret: bool = Field(
        default=False,
        description="Its value is shown nowhere; what is passed is where it is kept, env:NAME or file:PATH.",
        examples=[True],
    )
    help: str = Field(default="", description="What it is, for the caller.", examples=["the tag to deploy"])

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        if given.get("required") is True and "default" in given:
            yield Finding(
                loc=("default",), problem="a required parameter has no default", fix="keep one of them", on_key=True
            )
        type = given.get("type", "string")
        if given.get("secret") is True:
            yield from _of_a_secret(given)
            return
        if "pattern" in given and type != "string":
            yield Finding(loc=("pattern",), problem="only a string can match a pattern", fix="remove it", on_key=True)
        for index, choice in enumerate(given["choices"] if isinstance(given.get("choices"), list) else []):
            if problem := misfit(choice, type=type):
                fix = "quote it" if type == "string" else "give the parameter another type"
                yield Finding(loc=("choices", index), problem=problem, fix=fix)
        if given.get("default") is not None and (problem := _misfit_of_default(given, type)):
            fix = "change the default, or what the parameter asks for"
            yield Finding(loc=("default",), problem=problem, fix=fix)


def _of_a_secret(given: Mapping[str, Any]) -> Iterator[Finding]:
    if given.get("type", "string") != "string":
        yield Finding(loc=("type",), problem="a secret is a string", fix="leave type out", on_key=True)
    for key in ("choices", "pattern"):
        if key in given:
            yield Finding(
                loc=(key,), problem=f"{key} would tell something of the secret", fix="leave it out", on_key=True
            )
    if given.get("default") is not None and not is_reference(given["default"]):
        fix = "write where it is kept, default: env:NAME"
        # At this key, since the line of the other one, which is shown, holds what may be the secret.
        problem = "the default of a secret does not belong in a file"
        yield Finding(loc=("secret",), problem=problem, fix=fix, on_key=True)


def _misfit_of_default(given: Mapping[str, Any], type: object) -> str:
    pattern, choices = given.get("pattern"), given.get("choices")
    try:
        regex = compile_quietly(pattern) if isinstance(pattern, str) else None
    except (re.error, OverflowError, RecursionError):
        regex = None
    return misfit(given["default"], type=type, regex=regex, choices=choices if isinstance(choices, list) else ())


def misfit(
    value: Value, *, type: object, regex: re.Pattern[str] | None = None, choices: "list[Value] | tuple[Value, ...]" = ()
) -> str:
    """Why a value does not fit a parameter, in words; empty where it does. An unknown type fits everything."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        "string": isinstance(value, str),
        "integer": number and isinstance(value, int),
        "number": number,
        "boolean": isinstance(value, bool),
        "list": isinstance(value, list),
    }
    if isinstance(type, str) and not fits.get(type, True):
        wanted = {"boolean": "true or false", "integer": "a whole number", "number": "a number"}.get(type, f"a {type}")
        return f"must be {wanted}, not {_short(value)} ({kind_of(value)})" if value is not None else f"must be {wanted}"
    if regex and isinstance(value, str) and not regex.fullmatch(value):
        return f"{_short(value)} does not match {regex.pattern}"
    if choices and not any(
        value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in choices
    ):
        return f"{_short(value)} is none of {', '.join(_short(choice) for choice in choices)}"
    return ""


def _short(value: Value) -> str:
    return shortened(as_yaml(value), _SHOWN)
