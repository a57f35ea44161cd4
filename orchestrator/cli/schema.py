"""`orc schema`: what the files and the events look like, for editors and programs."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import typer

from orchestrator.cli import output
from orchestrator.load import json_schema
from orchestrator.report.event_schema import event_schema


class Kind(StrEnum):
    """What there is a schema of."""

    PLAYBOOK = "playbook"
    INVENTORY = "inventory"
    EVENTS = "events"


KindArgument = Annotated[Kind, typer.Argument(metavar="playbook|inventory|events", help="What to describe.")]


def command(kind: KindArgument) -> None:
    """Print the JSON Schema (2020-12) of playbooks, of inventories, or of the lines of `orc run --output json`."""
    output.stdout().line(json.dumps(_schema(kind), indent=2))


def _schema(kind: Kind) -> Mapping[str, object]:
    match kind:
        case Kind.PLAYBOOK:
            return json_schema("playbook")
        case Kind.INVENTORY:
            return json_schema("inventory")
        case Kind.EVENTS:
            return event_schema()
