"""Variables beside an inventory: group_vars/NAME.yml and host_vars/NAME.yml, each with the place it was written at."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.load.document import Document
from orchestrator.load.fields import misnamed
from orchestrator.load.files import read_source
from orchestrator.load.problems import Finding, Loc
from orchestrator.load.yaml12 import read_yaml_text
from orchestrator.model.host import Variable
from orchestrator.model.ids import Value
from orchestrator.model.origin import Origin, Problem

_SUFFIXES = (".yml", ".yaml")
_OF_THE_INVENTORY = ("vmid", "hostname")


@dataclass(slots=True, kw_only=True)
class VariableFiles:
    """The variables of each name, the sha256 of every file, and what is wrong in any of them."""

    variables: dict[str, Mapping[str, Variable]] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def placed(document: Document, loc: Loc, values: Mapping[str, Value]) -> dict[str, Variable]:
    """Values with the places where they stand in a document."""
    return {name: Variable(value=value, origin=document.origin((*loc, name))) for name, value in values.items()}


def read_variable_files(folder: Path, names: Collection[str]) -> VariableFiles:
    """The files of a folder that are called like one of these names; others may belong to another inventory."""
    found = VariableFiles()
    for path in _entries(folder, found):
        name = path.stem if path.suffix in _SUFFIXES else path.name
        if name in names:
            _add(path, name, found)
    return found


def _entries(folder: Path, found: VariableFiles) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        found.problems.append(_problem(folder, f"the folder cannot be read: {error.strerror}", ""))
        return []


def _add(path: Path, name: str, found: VariableFiles) -> None:
    if path.suffix not in _SUFFIXES:
        problem = f"variables of {name} are read from {name}.yml only"
        found.problems.append(_problem(path, problem, "move them there"))
        return
    if name in found.variables:
        found.problems.append(_problem(path, f"{name} has two files of variables", "keep one of them"))
        return
    try:
        document = _read(path, refused=_OF_THE_INVENTORY if path.parent.name == "host_vars" else ())
    except InputError as error:
        found.problems += error.problems
        return
    found.inputs[document.source.file] = document.source.sha256
    found.variables[name] = placed(document, (), document.data) if isinstance(document.data, dict) else {}


def _problem(path: Path, problem: str, fix: str) -> Problem:
    return Problem(origin=Origin(file=path.as_posix()), problem=problem, fix=fix)


def _read(path: Path, refused: Collection[str]) -> Document:
    document = read_yaml_text(read_source(path))
    document.refuse(_wrong(document.data, refused), free=lambda loc: True)
    return document


def _wrong(data: Value, refused: Collection[str]) -> Iterator[Finding]:
    if isinstance(data, str) and data.startswith("$ANSIBLE_VAULT"):
        yield Finding(problem="not yet supported: Ansible vault", fix="decrypt the file")
    elif not isinstance(data, dict):
        if data is not None:
            yield Finding(problem="must be a mapping of variables", fix="such as `port: 8000`")
    else:
        for name in data:
            if name in refused:
                yield Finding(
                    loc=(name,), problem=f"{name} is not a variable", fix="write it in the inventory", on_key=True
                )
            elif finding := misnamed(name):
                yield replace(finding, loc=(name,))
