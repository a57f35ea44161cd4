"""What every mapping that people write has in common: known keys, `x-` keys, and all that is wrong said at once."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from orchestrator.load.explain import FINDINGS, Findings, explain, kind_of
from orchestrator.load.problems import Finding

S = TypeVar("S", bound="Shape")
T = TypeVar("T")

FEW = 10
"""Keys of a mapping that a message may list."""

NOT_YET = "not_yet_supported"
"""The mark, in a field's `json_schema_extra`, of a key that is known and not supported yet."""


def wrong(problem: str, fix: str = "") -> PydanticCustomError:
    """What a validator raises to say what is wrong with its value."""
    return several([Finding(problem=problem, fix=fix)])


def several(findings: Iterable[Finding]) -> PydanticCustomError:
    """What a validator raises to say several things, each by its path below the value."""
    return PydanticCustomError(FINDINGS, "wrong", {FINDINGS: Findings(findings)})


class Shape(BaseModel):
    """A mapping with known keys.

    Keys that begin with `x-` are free. A key whose value is empty is refused: an empty limit must not mean none.
    moved: for keys that other tools have, what to write here. example: such a mapping, as YAML.
    stray: what is said of a key that is like none.
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        defer_build=True,  # most commands read settings only, and need none of the other shapes' validators
        arbitrary_types_allowed=True,
        alias_generator=lambda name: name.rstrip("_"),
    )

    moved: ClassVar[Mapping[str, str]] = {}
    example: ClassVar[str] = ""
    stray: ClassVar[str] = ""
    may_be_empty: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def spread(cls, data: object) -> object:
        """The mapping that a shorthand stands for."""
        return data

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        """What is wrong between the keys of one mapping, whatever their values are."""
        yield from ()

    @classmethod
    @cache
    def known(cls) -> Mapping[str, FieldInfo]:
        """The fields by the keys that people write."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        data = cls.spread(data)
        if not isinstance(data, dict):
            if cls.example:
                raise wrong(f"must be a mapping, not {kind_of(data)}", f"such as `{cls.example}`")
            return handler(data)
        known = cls.known()
        given = {key: value for key, value in data.items() if not key.startswith("x-")}
        is_open = cls.model_config.get("extra") == "allow"
        strange = [] if is_open else [key for key in given if key not in known]
        empty = [key for key in given if key in known and given[key] is None and key not in cls.may_be_empty]
        findings = [cls._strange(key) for key in strange]
        findings += [Finding(loc=(k,), problem="is empty", fix="give it a value, or remove the key") for k in empty]
        findings += cls.rules(given)
        refused = {*strange, *empty}
        try:
            shape = handler({key: value for key, value in given.items() if key not in refused})
        except ValidationError as error:
            findings += explain(error, known, given)
            raise several(findings) from None
        if findings:
            raise several(findings)
        return shape

    @classmethod
    def _strange(cls, key: str) -> Finding:
        known = cls.known()
        fix = cls.moved.get(key, "")
        near = None if fix else (key, known)
        if not fix:
            fix = cls.stray or (
                f"it has {', '.join(known)}" if len(known) <= FEW else "leave it out, or begin it with x-"
            )
        return Finding(loc=(key,), problem=f"unknown key {key}", fix=fix, near=near, on_key=True)


def check(shape: type[S], data: object) -> tuple[S | None, list[Finding]]:
    """The data as this shape, or None and all that is wrong with it."""
    try:
        return shape.model_validate(data), []
    except ValidationError as error:
        return None, list(explain(error, {}, {}))


def _refuse(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Say that a key is not supported yet, and what is wrong inside its value."""
    key = (info.field_name or "").rstrip("_")
    findings = [Finding(problem=f"not yet supported: {key}", fix="leave it out", on_key=True)]
    try:
        handler(value)
    except ValidationError as error:
        findings += explain(error, {}, {})
    raise several(findings)


Later = Annotated[T | None, WrapValidator(_refuse), Field(json_schema_extra={NOT_YET: True})]
"""A key that is known, is checked, and is not supported yet."""


def later(description: str) -> Any:
    """The default of a key that is not supported yet."""
    return Field(default=None, description=description)
