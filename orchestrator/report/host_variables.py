"""The variables of a host, with where they come from, as text and as JSON; secrets are left out of both."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

from orchestrator.core.traced import DEFAULT, Place, Traced
from orchestrator.lint import is_called_like_a_secret
from orchestrator.model.host import InventoryHost
from orchestrator.model.ids import Value
from orchestrator.report.visible import visible

HIDDEN = "(hidden: it is called like a secret)"
NOT_PASSED = "(not passed, and it has no default)"
_SHORTEST = 3
"""Characters of a hidden text below which it is not looked for in other values."""


class PlaceJson(TypedDict):
    """A value as it is written somewhere. layer: whose it is. line: 0 for the command line."""

    value: object
    layer: str
    file: str
    line: int
    column: int


class VariableJson(TypedDict):
    """value: what it comes to. written: where and as what. overrode: the values that do not count, strongest first.

    hidden: it is called like a secret, and no value is here. problem: why it comes to nothing; null for none.
    """

    name: str
    value: object
    hidden: bool
    problem: str | None
    written: PlaceJson
    overrode: list[PlaceJson]


class HostJson(TypedDict):
    """The variables of a host by name."""

    host: str
    vmid: str
    groups: list[str]
    variables: list[VariableJson]


class _Hider:
    """Takes secrets out of values: those that are called so, and their texts within others."""

    def __init__(self, traced: Sequence[Traced]) -> None:
        found = [value for each in traced for value in (each.value, *(p.variable.value for p in _places(each)))]
        named = [each.name for each in traced for _ in (each.value, *_places(each))]
        texts = {text for name, value in zip(named, found, strict=True) for text in _secrets(value, within=name)}
        self._texts = sorted((text for text in texts if len(text) >= _SHORTEST), key=len, reverse=True)

    def shown(self, name: str, value: Value) -> object:
        """A value without what is hidden in it."""
        if is_called_like_a_secret(name):
            return HIDDEN
        match value:
            case Mapping():
                return {key: self.shown(key, each) for key, each in value.items()}
            case str():
                return self.text(value)
            case Sequence():
                return [self.shown("", each) for each in value]
            case _:
                return value

    def text(self, text: str) -> str:
        for secret in self._texts:
            text = text.replace(secret, HIDDEN)
        return text


def _places(traced: Traced) -> tuple[Place, ...]:
    return (traced.place, *traced.overrode)


def _secrets(value: Value, *, within: str, secret: bool = False) -> Iterator[str]:
    """The texts in a value whose name, or a key around them, is called like a secret."""
    secret = secret or is_called_like_a_secret(within)
    match value:
        case Mapping():
            for key, each in value.items():
                yield from _secrets(each, within=key, secret=secret)
        case str() | int() | float():
            yield from [str(value)] if secret else []
        case Sequence():
            for each in value:
                yield from _secrets(each, within="", secret=secret)
        case _:
            pass


def variables_json(host: InventoryHost, traced: Sequence[Traced], every: Sequence[Traced]) -> HostJson:
    """These variables as programs read them. every: all of the host, whose secrets stand in none of them."""
    hider = _Hider(every)
    return HostJson(
        host=host.host.name,
        vmid=host.host.vmid,
        groups=sorted(host.groups),
        variables=[_variable(each, hider) for each in traced],
    )


def _variable(traced: Traced, hider: _Hider) -> VariableJson:
    return VariableJson(
        name=traced.name,
        value=hider.shown(traced.name, traced.value),
        hidden=is_called_like_a_secret(traced.name),
        problem=hider.text(traced.problem.problem) if traced.problem else None,
        written=_place(traced.name, traced.place, hider),
        overrode=[_place(traced.name, place, hider) for place in traced.overrode],
    )


def _place(name: str, place: Place, hider: _Hider) -> PlaceJson:
    origin = place.variable.origin
    value = hider.shown(name, place.variable.value)
    return PlaceJson(value=value, layer=place.layer, file=origin.file, line=origin.line, column=origin.column)


def variables_text(host: InventoryHost, traced: Sequence[Traced], every: Sequence[Traced]) -> Iterator[str]:
    """These variables for people: a name and its value, then where it is from, and what it went before."""
    hider = _Hider(every)
    groups = f", groups {', '.join(sorted(host.groups))}" if host.groups else ""
    yield visible(f"{host.host.name}   vmid {host.host.vmid}{groups}   {host.origin}")
    for each in traced:
        yield ""
        yield from map(visible, _block(each, hider))


def _block(traced: Traced, hider: _Hider) -> Iterator[str]:
    place = traced.place
    value, written = hider.shown(traced.name, traced.value), hider.shown(traced.name, place.variable.value)
    if traced.problem:
        yield f"{traced.name} = {_said(written)}"
        yield f"    cannot be filled in: {hider.text(traced.problem.problem)}"
    else:
        missing = place.layer == DEFAULT and traced.value is None
        yield f"{traced.name} = {NOT_PASSED if missing else _said(value)}"
        if written != value:
            yield f"    as {_said(written)}"
    yield f"    {place.layer}, {place.variable.origin}"
    for other in traced.overrode:
        said = _said(hider.shown(traced.name, other.variable.value))
        yield f"    before {said} of {other.layer}, {other.variable.origin}"


def _said(value: object) -> str:
    return HIDDEN if value == HIDDEN else json.dumps(value, ensure_ascii=False)
