"""The kinds of values that people write under a known key, each with its check and its JSON Schema."""

import re
import warnings
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from orchestrator.load.problems import Finding
from orchestrator.load.quantities import (
    read_duration,
    read_jitter,
    read_percentage,
    read_rate,
    read_share,
    read_size,
)
from orchestrator.load.shape import several, wrong
from orchestrator.model.playbook import is_user_name
from orchestrator.model.rollout import Share

NAME_LENGTH = 64
"""The longest name of a step or a wave, in characters."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_HOST_NAME = re.compile(r"\w[\w.-]{0,252}")
# Words of the template language, and `result`, which is the attempt at hand in `until` and `failed_when`.
_RESERVED = frozenset(
    {"true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else", "result"}
)
_LONGEST_PATTERN = 1000
_TAG = re.compile(r"\w[\w.-]{0,63}")
_CHOOSE_TAGS = ("all", "tagged", "untagged")


def _duration_schema(least: str) -> WithJsonSchema:
    pattern = r"^([0-9.]+d)?([0-9.]+h)?([0-9.]+m)?([0-9.]+s)?$"
    return WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": pattern, "minLength": 2}, {"type": "number", least: 0}]}
    )


def _above_zero(seconds: float) -> float:
    if seconds == 0:
        raise ValueError("must be longer than 0s")
    return seconds


def misnamed(name: str) -> Finding | None:
    """What is wrong with the name of a variable, or None."""
    if not _IDENTIFIER.fullmatch(name):
        near = re.sub(r"\W", "_", name, flags=re.ASCII)
        fix = f"write {near}" if _IDENTIFIER.fullmatch(near) and near.strip("_") else "choose another name"
        problem = f"{name} cannot be used in a template: only letters, digits and _, no digit first"
        return Finding(problem=problem, fix=fix, on_key=True)
    if name in _RESERVED:
        return Finding(problem=f"{name} is a word of the template language", fix="choose another name", on_key=True)
    return None


def _identifier(name: str) -> str:
    if finding := misnamed(name):
        raise several([replace(finding, on_key=False)])
    return name


def _environment_name(name: str) -> str:
    if not _IDENTIFIER.fullmatch(name):
        raise wrong(f"{name} is not the name of an environment variable", "only letters, digits and _, no digit first")
    return name


def is_host_name(name: str) -> bool:
    """Whether a host or a group may be called so: nothing that means something in a pattern."""
    return _HOST_NAME.fullmatch(name) is not None


def _printable(name: str) -> str:
    if not name.strip():
        raise wrong("is empty", "give it a value, or remove the key")
    if not name.isprintable():
        raise wrong("must be printable, in one line", "take line breaks and control characters out")
    if len(name) > NAME_LENGTH:
        raise wrong(f"is longer than {NAME_LENGTH} characters", "shorten it")
    return name


def _not_blank(text: str) -> str:
    if not text.strip():
        raise wrong("is empty", "give it a value, or remove the key")
    return text


def _user_name(text: str) -> str:
    """A template's value is checked for every host, when it is rendered."""
    if "{{" in text or "{%" in text or is_user_name(text):
        return text
    fix = "write at most 32 of a-z, 0-9, _, . and -, the first a letter or _"
    raise wrong(f"{text[:NAME_LENGTH]} is not the name of a user", fix)


def _looped(value: Any) -> Any:
    if isinstance(value, list) or (isinstance(value, str) and value.strip()):
        return value
    raise wrong("must be a list, or an expression that gives one", "such as `[nginx, redis]`")


def _tag(name: str) -> str:
    if name in _CHOOSE_TAGS:
        raise wrong(f"{name} is a word that --tags has for many steps", "choose another name")
    if not _TAG.fullmatch(name):
        raise wrong(f"{name[:NAME_LENGTH]} is no tag", "write letters, digits, _, - and . only, at most 64")
    return name


def _number_as_text(value: Any) -> Any:
    # An integer has one spelling here: those with two (0644) are refused with the file's ambiguities.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _truth_as_text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def as_list(value: Any) -> Any:
    """A list as it is, any other value as the only one of a list."""
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True, slots=True)
class OneOrMany:
    """Marks a list for which a single value may stand."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(as_list, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        listed = handler(schema)
        return {"anyOf": [listed["items"], listed]}


def compile_quietly(pattern: str) -> re.Pattern[str]:
    """The regular expression, without Python's warnings of what a later version may read differently."""
    with warnings.catch_warnings(action="ignore"):
        return re.compile(pattern)


def _regex(pattern: str) -> str:
    if len(pattern) > _LONGEST_PATTERN:
        raise wrong(f"is longer than {_LONGEST_PATTERN} characters", "shorten it")
    try:
        compile_quietly(pattern)
    except re.error as error:
        problem = f"is not a regular expression: {error.msg}"
        fix = "write a \\ before a character that means itself"
        raise several([Finding(problem=problem, fix=fix, offset=error.pos or 0)]) from error
    except (OverflowError, RecursionError) as error:
        raise wrong(f"is not a regular expression: {error}", "write a simpler one") from error
    return pattern


def supported(*values: str) -> AfterValidator:
    """Of the values that a key knows, those that are supported now."""

    def refuse(value: str, info: ValidationInfo) -> str:
        if value not in values:
            raise wrong(f"not yet supported: {info.field_name}: {value}", f"write {' or '.join(values)}")
        return value

    return AfterValidator(refuse)


Duration = Annotated[
    float, BeforeValidator(read_duration), AfterValidator(_above_zero), _duration_schema("exclusiveMinimum")
]
"""Seconds, above 0."""

Delay = Annotated[float, BeforeValidator(read_duration), _duration_schema("minimum")]
"""Seconds, from 0."""

_PERCENT = {"type": "string", "pattern": r"^[0-9.]+ ?%$"}

Budget = Annotated[
    Share, BeforeValidator(read_share), WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, _PERCENT]})
]
"""How many hosts, or what part of them; none is allowed."""

Size = Annotated[
    Share, BeforeValidator(read_size), WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, _PERCENT]})
]
"""How many hosts, or what part of them; at least one."""

Percentage = Annotated[Share, BeforeValidator(read_percentage), WithJsonSchema(_PERCENT)]
"""A part of something, above 0%."""

Rate = Annotated[
    float,
    BeforeValidator(read_rate),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": "^[0-9.]+ ?/ ?[smh]$"}, {"type": "number"}]}),
]
"""Calls per second."""

Words = Annotated[str, BeforeValidator(_number_as_text), WithJsonSchema({"type": ["string", "integer"]})]
"""Text for a program; a whole number is taken as its digits."""

Expression = Annotated[
    str,
    BeforeValidator(_truth_as_text),
    AfterValidator(_not_blank),
    WithJsonSchema({"type": ["string", "boolean"], "minLength": 1}),
]
"""An expression of the template language that gives true or false."""

Filled = Annotated[str, AfterValidator(_not_blank), Field(json_schema_extra={"minLength": 1})]
"""Text that is not empty."""

UserName = Annotated[
    str, AfterValidator(_not_blank), AfterValidator(_user_name), Field(json_schema_extra={"minLength": 1})
]
"""The name of a user of the guest, or a template of one."""

Label = Annotated[str, AfterValidator(_printable), Field(json_schema_extra={"minLength": 1, "maxLength": NAME_LENGTH})]
"""The name of a step or a wave."""

Identifier = Annotated[str, AfterValidator(_identifier)]
"""A name that templates use."""

Variables = dict[Identifier, Any]
"""Variables by name; any value."""

Environment = dict[Annotated[str, AfterValidator(_environment_name)], Words]
"""Environment variables by name."""

Regex = Annotated[str, AfterValidator(_regex), Field(json_schema_extra={"format": "regex"})]
"""A regular expression of Python's."""

VmNumber = Annotated[int, Field(ge=1, le=2**53)]
"""What HostUp v1 calls a VPS."""

Jitter = Annotated[
    tuple[float, float],
    BeforeValidator(read_jitter),
    WithJsonSchema({"anyOf": [_PERCENT, *_duration_schema("minimum").json_schema["anyOf"]]}),
]
"""Seconds, and percent of a delay; one of them is 0."""

Looped = Annotated[
    Any,
    AfterValidator(_looped),
    WithJsonSchema({"anyOf": [{"type": "array"}, {"type": "string", "minLength": 1}]}),
]
"""What a step is repeated for: a list, or a text that gives one."""

Tag = Annotated[str, AfterValidator(_tag), Field(json_schema_extra={"pattern": _TAG.pattern})]
"""What a step is chosen by."""

ExitStatus = Annotated[int, Field(ge=0, le=255)]

ExitStatuses = Annotated[list[ExitStatus], Field(min_length=1), OneOrMany()]
"""One exit status, or a list of them."""
