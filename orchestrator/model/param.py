"""What a playbook takes from its caller."""

from dataclasses import dataclass

from orchestrator.model.ids import Value
from orchestrator.model.origin import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """Something the caller passes with `-e`. secret: what is passed is a reference, and its value is shown nowhere."""

    name: str
    type: str = "string"
    required: bool = False
    default: Value = None
    pattern: str | None = None
    choices: tuple[Value, ...] = ()
    help: str = ""
    secret: bool = False
    origin: Origin
