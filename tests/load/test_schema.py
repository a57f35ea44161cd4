"""The JSON Schemas that editors complete by."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from orchestrator.load import json_schema
from orchestrator.load.schema import Kind
from orchestrator.load.shape import Shape
from orchestrator.steps import KINDS

KIND = pytest.mark.parametrize("kind", get_args(Kind))


def properties(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for node in (schema, *schema["$defs"].values()):
        for shape in (node, *node.get("anyOf", ())):
            yield from shape.get("properties", {}).items()


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "$ref")
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


@KIND
def test_every_key_is_described(kind: Kind) -> None:
    found = list(properties(json_schema(kind)))

    assert len(found) > 10
    assert all(sub["description"].endswith(".") for _, sub in found)


@KIND
def test_every_reference_leads_somewhere_and_nothing_is_left_over(kind: Kind) -> None:
    schema = json_schema(kind)

    assert {name.removeprefix("#/$defs/") for name in references(schema)} == set(schema["$defs"])
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_only_what_is_supported_is_offered() -> None:
    names = {name for name, _ in properties(json_schema("playbook"))}

    wanted = {"name", "hosts", "vmids", "steps", "finally", "register", "waves", "serial", "after_rollback", "limits"}
    assert wanted <= names
    assert not names & {"notify"}


def test_only_the_supported_values_of_a_key_are_offered() -> None:
    step = dict(properties(json_schema("playbook")))

    assert step["interrupted"]["enum"] == ["fail", "rerun", "ask"]
    assert step["exec"]["enum"] == ["durable", "plain"]
    assert step["background"]["type"] == step["idempotent"]["type"] == "boolean"


def test_every_spelling_of_every_step_kind_is_offered_and_one_is_asked_for() -> None:
    step = json_schema("playbook")["$defs"]["StepShape"]
    spellings = {spelling for kind in KINDS.values() for spelling in (kind.name, *kind.aliases)}

    assert spellings <= step["properties"].keys()
    assert {required for choice in step["oneOf"] for required in choice["required"]} == spellings | {"include"}


def test_short_forms_are_allowed() -> None:
    definitions = json_schema("playbook")["$defs"]

    assert {"type": "string"} in definitions["RollbackShape"]["anyOf"]
    assert {"type": ["integer", "string"]} in definitions["WaveShape"]["anyOf"]


def shapes(of: type[Shape]) -> Iterator[type[Shape]]:
    for shape in of.__subclasses__():
        yield shape
        yield from shapes(shape)


@pytest.mark.parametrize("name", sorted({shape.__name__ for shape in shapes(Shape) if "spread" in vars(shape)}))
def test_every_short_form_that_is_read_is_offered(name: str) -> None:
    short, whole = json_schema("playbook")["$defs"][name]["anyOf"]

    assert short["type"] in ("string", ["integer", "string"])
    assert whole["type"] == "object"


def test_the_hosts_of_a_wave_may_be_a_list() -> None:
    hosts = json_schema("playbook")["$defs"]["WaveShape"]["anyOf"][1]["properties"]["hosts"]

    assert [form["type"] for form in hosts["anyOf"]] == ["string", "array"]


@KIND
def test_keys_that_begin_with_x_are_free_and_others_are_not(kind: Kind) -> None:
    schema = json_schema(kind)

    assert schema["additionalProperties"] is False
    assert schema["patternProperties"] == {"^x-": True}


def test_no_key_may_be_null() -> None:
    assert '"null"' not in str(json_schema("playbook")).replace("'", '"')


def test_a_host_needs_its_vmid_and_may_have_any_variable() -> None:
    host = json_schema("inventory")["$defs"]["HostShape"]

    assert host["required"] == ["vmid"]
    assert host["additionalProperties"] is True
