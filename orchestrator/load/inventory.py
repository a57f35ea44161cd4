"""An inventory file, and the folders of variables beside it, to an Inventory."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.load.declared import Declarations, Declared, declare
from orchestrator.load.document import Document
from orchestrator.load.files import Source, read_source
from orchestrator.load.groups import Groups, resolve_groups
from orchestrator.load.inventory_shape import GroupShape, HostShape, InventoryShape
from orchestrator.load.problems import Finding, Loc
from orchestrator.load.provider import DEFAULT_PROVIDER
from orchestrator.load.shape import S, check
from orchestrator.load.variables import VariableFiles, placed, read_variable_files
from orchestrator.load.yaml12 import read_yaml_text
from orchestrator.model.host import Host, Inventory, InventoryHost, Layer, Variable
from orchestrator.model.ids import HostName, Vmid

_SECTION = re.compile(r"\[[\w.:-]+\]\s*(?:#.*)?")
_ANSIBLE_HOST = re.compile(r"\S+\s+ansible_\w+=")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """An inventory as its files have it, and nothing wrong with it."""

    document: Document
    shape: InventoryShape
    fleet: Declarations
    groups: Groups
    group_files: VariableFiles
    host_files: VariableFiles

    def of_groups(self, groups: frozenset[str]) -> Iterator[Layer]:
        """What is written for every host, and for these groups: the later goes before the earlier."""
        everywhere = placed(self.document, ("vars",), self.shape.vars)
        yield Layer(name="vars of the inventory", variables=everywhere)
        yield Layer(name="group_vars of all", variables=self.group_files.variables.get("all", {}))
        for name in self.groups.by_weight(groups):
            written = placed(self.document, ("groups", name, "vars"), self.shape.groups[name].vars)
            yield Layer(name=f"the group {name}", variables=written)
            yield Layer(name=f"group_vars of {name}", variables=self.group_files.variables.get(name, {}))

    def own(self, declared: Declared) -> Layer:
        """What is written for this host, or its range, in the inventory."""
        written = declared.shape.variables() if declared.shape else {}
        return Layer(name="the host", variables=placed(self.document, declared.loc, written))

    def of_file(self, name: str) -> Layer:
        """What is written for this host in a file of its own."""
        return Layer(name="host_vars of the host", variables=self.host_files.variables.get(name, {}))


def load_inventory(path: Path) -> Inventory:
    """The inventory in a file, with the variables of group_vars/ and host_vars/ beside it.

    Raises InputError with all that is wrong in any of these files.
    """
    read = _read(path)
    source = read.document.source
    return Inventory(
        file=source.file,
        provider=read.shape.provider.spec() if read.shape.provider else DEFAULT_PROVIDER,
        hosts=tuple(_hosts(read)),
        groups={
            group: tuple(HostName(host) for host in read.fleet.hosts if host in members)
            for group, members in read.groups.members.items()
        },
        inputs={source.file: source.sha256, **read.group_files.inputs, **read.host_files.inputs},
    )


def load_layers(path: Path, host: HostName) -> tuple[Layer, ...]:
    """The variables of one host of an inventory, as they are written: the later goes before the earlier."""
    read = _read(path)
    groups = read.groups.of_each(read.fleet.hosts)[host]
    return (*read.of_groups(groups), read.own(read.fleet.hosts[host]), read.of_file(host))


def _read(path: Path) -> _Read:
    source = read_source(path)
    _refuse_foreign(source)
    document = read_yaml_text(source)
    shape, findings = check(InventoryShape, document.data)
    if not isinstance(document.data, dict):
        findings = [_not_an_inventory(document.data)]
    fleet = declare(document, shape.hosts if shape else _each(HostShape, document.data, "hosts"))
    groups = resolve_groups(shape.groups if shape else _each(GroupShape, document.data, "groups"), fleet.hosts)
    group_files = read_variable_files(path.parent / "group_vars", {"all", *groups.members})
    host_files = read_variable_files(path.parent / "host_vars", fleet.hosts.keys())
    problems = [*group_files.problems, *host_files.problems]
    try:
        document.refuse([*findings, *fleet.findings, *groups.findings], free=_is_free)
    except InputError as error:
        raise InputError([*error.problems, *problems]) from None
    if problems:
        raise InputError(problems)
    assert shape  # noqa: S101  # check() gives a shape or findings, and those have been refused
    return _Read(
        document=document, shape=shape, fleet=fleet, groups=groups, group_files=group_files, host_files=host_files
    )


def _hosts(read: _Read) -> Iterator[InventoryHost]:
    """Every host with its variables merged: those of all, of its groups (parents first), its own, of its file."""
    inherited: dict[frozenset[str], Mapping[str, Variable]] = {}
    own: dict[Loc, Mapping[str, Variable]] = {}
    groups_of = read.groups.of_each(read.fleet.hosts)
    for name, declared in read.fleet.hosts.items():
        its_groups = groups_of[name]
        if its_groups not in inherited:
            inherited[its_groups] = _merged(read.of_groups(its_groups))
        if declared.loc not in own:  # of a range of hosts, once for all
            own[declared.loc] = read.own(declared).variables
        yield InventoryHost(
            host=Host(name=HostName(name), vmid=Vmid(declared.vmid or ""), hostname=declared.hostname),
            groups=its_groups,
            variables={**inherited[its_groups], **own[declared.loc], **read.of_file(name).variables},
            origin=read.document.key_origin(declared.loc),
        )


def _merged(layers: Iterable[Layer]) -> Mapping[str, Variable]:
    return {name: variable for layer in layers for name, variable in layer.variables.items()}


def _refuse_foreign(source: Source) -> None:
    """Refuse what is no YAML: programs, and Ansible's INI files."""
    first = next((line.strip() for line in source.lines if line.strip() and line.lstrip()[0] not in ";#"), "")
    if source.text.startswith("#!"):
        kind = "a program as an inventory"
    elif _SECTION.fullmatch(first) or _ANSIBLE_HOST.match(first):
        kind = "an INI inventory"
    else:
        return
    problem = source.problem(f"not yet supported: {kind}", line=1, column=1, fix="write it as YAML, with `hosts:`")
    raise InputError([problem])


def _not_an_inventory(data: object) -> Finding:
    problem = "the inventory is empty" if data is None else "an inventory must be a mapping"
    return Finding(problem=problem, fix="such as `hosts: {web-001: {vmid: 10001}}`")


def _is_free(loc: Loc) -> bool:
    match loc:
        case ("vars", *_) | ("groups", _, "vars", *_):
            return True
        case ("hosts", _, key, *_):
            return key not in HostShape.model_fields
        case _:
            return any(isinstance(key, str) and key.startswith("x-") for key in loc)


def _each(shape: type[S], data: object, key: str) -> dict[str, S | None]:
    """What is right of a mapping that is wrong as a whole; None for the rest of it."""
    section = data.get(key) if isinstance(data, dict) else None
    return {name: check(shape, value)[0] for name, value in section.items()} if isinstance(section, dict) else {}
