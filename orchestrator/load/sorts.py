"""Which sort of file a file is, and the files of a project."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.load.files import read_source
from orchestrator.load.yaml12 import read_yaml_text

PLAYBOOKS, INVENTORIES = "playbooks", "inventories"
"""A project's folders."""

_OF_OTHERS = frozenset({"group_vars", "host_vars", "schedules"})
_SUFFIXES = frozenset({".yml", ".yaml"})


class Sort(Enum):
    """What a file is."""

    PLAYBOOK = "playbook"
    """It has steps."""
    INVENTORY = "inventory"
    """It has hosts, each with its vmid."""
    STEPS = "steps"
    """A list of steps, which playbooks include."""


def sort_of(path: Path) -> Sort:
    """What a file is by what stands in it; by its folder where it cannot be read."""
    try:
        data = read_yaml_text(read_source(path)).data
    except InputError:
        data = None
    match data:
        case {"steps": _}:
            return Sort.PLAYBOOK
        case {"hosts": dict()} | {"groups": _} | {"provider": _}:
            return Sort.INVENTORY
        case [{"steps": _} | {"tasks": _} | {"hosts": _}, *_]:
            return Sort.PLAYBOOK
        case list() if path.parent.name != INVENTORIES:
            return Sort.STEPS
        case _:
            return Sort.INVENTORY if INVENTORIES in path.parts else Sort.PLAYBOOK


def files_of(folder: Path) -> Iterator[Path]:
    """The YAML files below a folder that stand for themselves: no variables of an inventory, no hidden folders."""
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in _OF_OTHERS for part in inner)
        if path.suffix in _SUFFIXES and not hidden and path.is_file():
            yield path


def files_of_project(folder: Path) -> list[Path]:
    """The playbooks and the inventories of a project."""
    return [path for name in (PLAYBOOKS, INVENTORIES) for path in files_of(folder / name)]
