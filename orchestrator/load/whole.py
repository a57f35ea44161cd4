"""A whole project at once: a playbook with its inventory. And any other YAML file."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from orchestrator.errors import InputError
from orchestrator.load.files import read_source
from orchestrator.load.inventory import load_inventory
from orchestrator.load.playbook import load_playbook
from orchestrator.load.yaml12 import read_yaml_text
from orchestrator.model.host import Inventory
from orchestrator.model.origin import Problem
from orchestrator.model.playbook import Playbook

T = TypeVar("T")


def load_all(playbook: Path, inventory: Path | None) -> tuple[Playbook, Inventory | None]:
    """A playbook and, where one is named, an inventory. Raises InputError with all that is wrong in both at once."""
    problems: list[Problem] = []
    loaded = _attempt(load_playbook, playbook, problems)
    fleet = _attempt(load_inventory, inventory, problems) if inventory is not None else None
    if problems or loaded is None:
        raise InputError(problems)
    return loaded, fleet


def _attempt(load: Callable[[Path], T], path: Path, problems: list[Problem]) -> T | None:
    try:
        return load(path)
    except InputError as error:
        problems += error.problems
        return None


def read_yaml(path: Path) -> object:
    """What any YAML file says, as plain values; a key that is a whole number is its digits. Raises InputError."""
    document = read_yaml_text(read_source(path), number_keys=True)
    document.refuse([], free=lambda loc: True)
    return document.data
