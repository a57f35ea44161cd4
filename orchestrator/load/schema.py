"""JSON Schemas of what people write, for editors: only what is supported."""

from collections.abc import Mapping
from typing import Any, Literal

from orchestrator.load.gate_shape import ExpectShape
from orchestrator.load.inventory_shape import InventoryShape
from orchestrator.load.playbook_shape import PlaybookShape
from orchestrator.load.rollback_shape import RollbackShape, VerifyShape
from orchestrator.load.rollout_shape import SpreadShape, WaveShape
from orchestrator.load.shape import NOT_YET, Shape

Kind = Literal["playbook", "inventory"]

_SHAPES: Mapping[Kind, type[Shape]] = {"playbook": PlaybookShape, "inventory": InventoryShape}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NULL = {"type": "null"}
# What may stand for the whole mapping, as `spread` of these shapes takes it.
_SHORTHANDS: Mapping[str, Mapping[str, Any]] = {
    WaveShape.__name__: {"type": ["integer", "string"]},
    RollbackShape.__name__: {"type": "string"},
    VerifyShape.__name__: {"type": "string"},
    SpreadShape.__name__: {"type": "string"},
    ExpectShape.__name__: {"type": ["integer", "string"]},
}


def json_schema(kind: Kind) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a playbook or an inventory; keys that are not supported yet are left out."""
    schema = _pruned(_SHAPES[kind].model_json_schema())
    definitions = schema.pop("$defs", {})
    for name in definitions.keys() & _SHORTHANDS.keys():
        definitions[name] = {"anyOf": [_SHORTHANDS[name], definitions[name]]}
    return {"$schema": _DIALECT, "title": kind, **schema, "$defs": _reachable(schema, definitions)}


def _pruned(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without pydantic's titles, without null where a key may be left out, and with free `x-` keys."""
    pruned: dict[str, Any] = {}
    for keyword, value in schema.items():
        match keyword:
            case "title" | "default" if keyword == "title" or value is None:
                continue
            case "properties" | "$defs":
                pruned[keyword] = {name: _pruned(sub) for name, sub in value.items() if not sub.get(NOT_YET)}
            case "items" | "additionalProperties" | "propertyNames" if isinstance(value, dict):
                pruned[keyword] = _pruned(value)
            case "anyOf":
                pruned[keyword] = [_pruned(sub) for sub in value if sub != _NULL]
            case _:
                pruned[keyword] = value
    if len(pruned.get("anyOf", ())) == 1:
        pruned |= pruned.pop("anyOf")[0]
    if pruned.get("additionalProperties") is False:
        pruned["patternProperties"] = {"^x-": True}
    return pruned


def _reachable(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The definitions that a schema refers to, directly or through others."""
    found: dict[str, Any] = {}
    waiting = _references(schema)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = definitions[name]
            waiting += _references(definitions[name])
    return dict(sorted(found.items()))


def _references(node: object) -> list[str]:
    match node:
        case {"$ref": str(reference), **rest}:
            return [reference.removeprefix("#/$defs/"), *_references(rest)]
        case dict():
            return [name for value in node.values() for name in _references(value)]
        case list():
            return [name for value in node for name in _references(value)]
        case _:
            return []
