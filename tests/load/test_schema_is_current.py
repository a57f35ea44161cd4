"""The JSON Schemas say what the loader takes: the same keys in every mapping."""

from collections.abc import Iterator
from typing import get_args

import pytest

from orchestrator.load import json_schema
from orchestrator.load.inventory_shape import InventoryShape
from orchestrator.load.playbook_shape import PlaybookShape
from orchestrator.load.schema import Kind
from orchestrator.load.shape import NOT_YET, Shape

TOP: dict[str, type[Shape]] = {"playbook": PlaybookShape, "inventory": InventoryShape}


def shapes(of: type[Shape] = Shape) -> Iterator[type[Shape]]:
    for shape in of.__subclasses__():
        yield shape
        yield from shapes(shape)


def properties(definition: dict[str, object]) -> set[str]:
    """The keys of a mapping, also of one for which a word may stand."""
    choices = definition.get("anyOf")
    found = [definition, *(choices if isinstance(choices, list) else [])]
    return {key for each in found if isinstance(each.get("properties"), dict) for key in each["properties"]}


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_mapping_of_a_schema_has_the_keys_that_the_loader_takes(kind: Kind) -> None:
    schema = json_schema(kind)
    # A class with the same name below it has the keys of the step kinds, too, and is the one that is used.
    by_name: dict[str, type[Shape]] = {shape.__name__: shape for shape in shapes()}
    by_name |= {"": TOP[kind]}

    for name, definition in {"": schema, **schema["$defs"]}.items():
        known = by_name[name].known()
        taken = {key for key, field in known.items() if NOT_YET not in repr(field.json_schema_extra)}
        assert properties(definition) == taken, name
