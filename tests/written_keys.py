"""What a playbook's JSON Schema offers, and which of it a playbook writes: keys as `RolloutShape.waves`, and forms."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from orchestrator.load import json_schema

Schema = Mapping[str, Any]

SCHEMA = json_schema("playbook")
SHAPES: Mapping[str, Schema] = SCHEMA["$defs"]
ROOT = "PlaybookShape"

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def offered(roots: Collection[str]) -> dict[str, Schema]:
    """The keys of these shapes, and of all shapes below them, with their schemas."""
    found: dict[str, Schema] = {}
    waiting, seen = list(roots), set[str]()
    while waiting:
        if (shape := waiting.pop()) in seen:
            continue
        seen.add(shape)
        for key, schema in _properties(SHAPES[shape]):
            found[f"{shape}.{key}"] = schema
            waiting += _references(schema)
    return found


def key_schema(key: str) -> Schema:
    """The schema of one key."""
    shape, _, name = key.partition(".")
    return dict(_properties(SCHEMA if shape == ROOT else SHAPES[shape]))[name]


def written(playbook: object) -> Iterator[tuple[str, object]]:
    """Every key that a playbook writes, with its value there."""
    yield from _written(playbook, SCHEMA, ROOT)


def forms(schema: Schema) -> Iterator[Schema]:
    """The forms that a value may have: one for each type, pattern, and word of a list of words."""
    match schema:
        case {"$ref": str(reference)}:
            yield from forms(SHAPES[_name(reference)])
        case {"anyOf": [*choices]}:
            for choice in choices:
                yield from forms(choice)
        case {"enum": [*words]}:
            yield from ({"enum": [word]} for word in words)
        case {"type": [*types]}:
            yield from ({"type": each} for each in types)
        case {"type": str(each), "pattern": str(pattern)}:
            yield {"type": each, "pattern": pattern}
        case {"type": str(each)}:
            yield {"type": each}
        case _:
            raise AssertionError(f"a form that this page does not know: {schema}")


def fits(value: object, form: Schema) -> bool:
    """Whether a value has a form."""
    if "enum" in form:
        return value in form["enum"] or (isinstance(value, list) and form["enum"][0] in value)
    if isinstance(value, bool) is not (form["type"] == "boolean") or not isinstance(value, _TYPES[form["type"]]):
        return False
    return "pattern" not in form or re.search(form["pattern"], str(value)) is not None


def has_domain(schema: Schema) -> bool:
    """Whether some value of the right type is none for this key, or it is true or false only."""
    limits = {"enum", "pattern", "minimum", "exclusiveMinimum", "minLength", "minItems"}
    return any(limits & sub.keys() or sub.get("type") == "boolean" for sub in (schema, *schema.get("anyOf", ())))


def _written(node: object, schema: Schema, owner: str) -> Iterator[tuple[str, object]]:
    if "$ref" in schema:
        name = _name(schema["$ref"])
        yield from _written(node, SHAPES[name], name)
    for choice in schema.get("anyOf", ()):
        yield from _written(node, choice, owner)
    if isinstance(node, dict):
        for key in node.keys() & schema.get("properties", {}).keys():
            yield f"{owner}.{key}", node[key]
            yield from _written(node[key], schema["properties"][key], f"{owner}.{key}")
    elif isinstance(node, list):
        for each in node:
            yield from _written(each, schema.get("items", {}), owner)


def _properties(shape: Schema) -> Iterator[tuple[str, Schema]]:
    for part in (shape, *shape.get("anyOf", ())):
        yield from part.get("properties", {}).items()


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield _name(schema["$ref"])
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _name(reference: str) -> str:
    return reference.removeprefix("#/$defs/")
