"""What people write, to nouns: files and the command line, checked as a whole, every problem with its place.

This is the layer's whole surface; `orchestrator.load.problems.render_problems` turns its problems into text.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from orchestrator.errors import InputError
from orchestrator.load.files import read_source, with_lines
from orchestrator.load.inventory import load_inventory
from orchestrator.load.params import check_params, read_extra_vars
from orchestrator.load.playbook import load_playbook
from orchestrator.load.problems import render_problems
from orchestrator.load.schema import json_schema
from orchestrator.load.settings import Settings, load_settings
from orchestrator.load.yaml12 import read_yaml_text
from orchestrator.model.host import Inventory
from orchestrator.model.origin import Problem
from orchestrator.model.playbook import Playbook

__all__ = [
    "Settings",
    "check_params",
    "json_schema",
    "load_all",
    "load_inventory",
    "load_playbook",
    "load_settings",
    "read_extra_vars",
    "read_yaml",
    "render_problems",
    "with_lines",
]

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
