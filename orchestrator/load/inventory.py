"""An inventory file, and the folders of variables beside it, to an Inventory."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.load.declared import Declarations, declare
from orchestrator.load.document import Document
from orchestrator.load.files import Source, read_source
from orchestrator.load.groups import Groups, resolve_groups
from orchestrator.load.inventory_shape import GroupShape, HostShape, InventoryShape
from orchestrator.load.problems import Finding, Loc
from orchestrator.load.provider import DEFAULT_PROVIDER
from orchestrator.load.shape import S, check
from orchestrator.load.variables import VariableFiles, placed, read_variable_files
from orchestrator.load.yaml12 import read_yaml_text
from orchestrator.model.host import Host, Inventory, InventoryHost, Variable
from orchestrator.model.ids import HostName, Vmid

_SECTION = re.compile(r"\[[\w.:-]+\]\s*(?:#.*)?")
_ANSIBLE_HOST = re.compile(r"\S+\s+ansible_\w+=")


def load_inventory(path: Path) -> Inventory:
    """The inventory in a file, with the variables of group_vars/ and host_vars/ beside it.

    Raises InputError with all that is wrong in any of these files.
    """
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
    provider = shape.provider.spec() if shape.provider else DEFAULT_PROVIDER
    everywhere = {**placed(document, ("vars",), shape.vars), **group_files.variables.get("all", {})}
    of_groups = {
        name: {**placed(document, ("groups", name, "vars"), group.vars), **group_files.variables.get(name, {})}
        for name, group in shape.groups.items()
    }
    return Inventory(
        file=source.file,
        provider=provider,
        hosts=tuple(_hosts(document, fleet, groups, everywhere, of_groups=of_groups, host_files=host_files)),
        groups={
            group: tuple(HostName(host) for host in fleet.hosts if host in members)
            for group, members in groups.members.items()
        },
        inputs={source.file: source.sha256, **group_files.inputs, **host_files.inputs},
    )


def _hosts(
    document: Document,
    fleet: Declarations,
    groups: Groups,
    everywhere: Mapping[str, Variable],
    *,
    of_groups: Mapping[str, Mapping[str, Variable]],
    host_files: VariableFiles,
) -> Iterator[InventoryHost]:
    """Every host with its variables merged: those of all, of its groups (parents first), its own, of its file."""
    inherited: dict[frozenset[str], Mapping[str, Variable]] = {}
    own: dict[Loc, Mapping[str, Variable]] = {}
    for (name, declared), its_groups in zip(fleet.hosts.items(), groups.of_each(fleet.hosts).values(), strict=True):
        if its_groups not in inherited:
            merged = dict(everywhere)
            for group in groups.by_weight(its_groups):
                merged |= of_groups[group]
            inherited[its_groups] = merged
        if declared.shape and declared.loc not in own:
            own[declared.loc] = placed(document, declared.loc, declared.shape.variables())
        yield InventoryHost(
            host=Host(name=HostName(name), vmid=Vmid(declared.vmid or ""), hostname=declared.hostname),
            groups=its_groups,
            variables={
                **inherited[its_groups],
                **own.get(declared.loc, {}),
                **host_files.variables.get(name, {}),
            },
            origin=document.key_origin(declared.loc),
        )


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
