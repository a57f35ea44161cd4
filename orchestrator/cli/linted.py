"""What the rules find in files: each is read, loaded, looked at, and its comments heeded."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from orchestrator.cli.shellcheck import shellcheck
from orchestrator.errors import InputError
from orchestrator.lint import (
    RULES,
    Found,
    Warning,
    heed,
    lint_inventory,
    lint_playbook,
    make,
    quote_template,
    read_ignores,
    warning,
)
from orchestrator.load.files import Source, read_source
from orchestrator.load.inventory import load_inventory
from orchestrator.load.playbook import load_playbook
from orchestrator.load.settings import FILE as SETTINGS
from orchestrator.load.settings import load_settings
from orchestrator.load.sorts import Sort, files_of, files_of_project, sort_of
from orchestrator.load.yaml12 import read_yaml_text
from orchestrator.model.host import Inventory
from orchestrator.model.origin import Problem
from orchestrator.model.playbook import Playbook

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Linted:
    """Files, and what was found in them."""

    files: list[str] = field(default_factory=list)
    found: list[Warning] = field(default_factory=list)
    playbooks: list[Playbook] = field(default_factory=list)
    inventories: list[Inventory] = field(default_factory=list)

    def of(self, file: str) -> list[Warning]:
        return [each for each in self.found if each.origin.file == file]


def lint(paths: Sequence[Path], *, with_shellcheck: bool) -> Linted:
    """What the rules find in these files, and in those below these folders; in the project, where there are none.

    Raises InputError where there is nothing to be looked at.
    """
    linted = Linted()
    if not paths:
        _attempt(lambda: load_settings(Path(), os.environ), linted)
    for path in _files(paths):
        _load(path, linted)
    names = frozenset(name for each in linted.inventories for host in each.hosts for name in host.variables)
    for playbook in linted.playbooks:
        linted.found += lint_playbook(playbook, names if linted.inventories else None)
    for inventory in linted.inventories:
        linted.found += lint_inventory(inventory)
    if with_shellcheck:
        linted.found += shellcheck(linted.playbooks)
    _heed(linted)
    return linted


def _files(paths: Sequence[Path]) -> list[Path]:
    if not paths:
        found = files_of_project(Path())
        if not found:
            fix = "name files or folders, or begin a project with `orc init`"
            raise InputError.of("there are no playbooks/ and no inventories/ in this folder", fix=fix)
        return found
    found = [file for path in paths for file in (files_of(path) if path.is_dir() else [path])]
    if not found:
        raise InputError.of(f"there are no YAML files in {paths[0]}", fix="name a file or another folder")
    return list(dict.fromkeys(found))


def _load(path: Path, linted: Linted) -> None:
    if path.name == SETTINGS:
        linted.files.append(path.as_posix())
        _attempt(lambda: load_settings(path.parent, {}), linted)
        return
    match sort_of(path):
        case Sort.STEPS:  # looked at with the playbooks that include it
            return
        case Sort.PLAYBOOK:
            linted.files.append(path.as_posix())
            playbook = _attempt(lambda: load_playbook(path), linted)
            linted.playbooks += [playbook] if playbook else []
        case Sort.INVENTORY:
            linted.files.append(path.as_posix())
            inventory = _attempt(lambda: load_inventory(path), linted)
            linted.inventories += [inventory] if inventory else []


def _attempt(load: Callable[[], T], linted: Linted) -> T | None:
    try:
        return load()
    except InputError as error:
        linted.found += map(_wrong, error.problems)
        return None


def _wrong(problem: Problem) -> Warning:
    edit = quote_template(problem.origin, problem.line)
    edits = (edit,) if edit else ()
    found = Found(origin=problem.origin, path=problem.path, problem=problem.problem, fix=problem.fix, edits=edits)
    return warning(RULES["wrong-file"], found)


def _heed(linted: Linted) -> None:
    """Take out what comments ignore. Files that are included, and those of variables, have comments, too."""
    found = list(dict.fromkeys(linted.found))
    inputs = [*(each.inputs for each in linted.playbooks), *(each.inputs for each in linted.inventories)]
    named = [*linted.files, *(file for each in inputs for file in each)]
    files = dict.fromkeys([*named, *(each.origin.file for each in found)])
    left: list[Warning] = []
    for file in files:
        of_file = [each for each in found if each.origin.file == file]
        try:
            source = read_source(Path(file))
        except InputError:  # what is wrong has been said
            left += sorted(heed(of_file, (), RULES), key=_place)
            continue
        heeded = sorted(heed(of_file, read_ignores(file, source.lines), RULES), key=_place)
        left += [each if each.rule != "unused-ignore" else _of_comment(each, source) for each in heeded]
    linted.found = left


def _of_comment(found: Warning, source: Source) -> Warning:
    """A finding without its edits where they would change what the file says: the comment is part of a text there."""
    try:
        edited = replace(source, text=make(source.text, found.edits)[0])
        same = read_yaml_text(edited).data == read_yaml_text(source).data
    except InputError:
        same = False
    return found if same else replace(found, edits=(), fix="remove it from this text")


def _place(found: Warning) -> tuple[int, int]:
    return found.origin.line, found.origin.column
