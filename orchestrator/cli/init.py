"""`orc init`: the beginning of a project, which runs on the simulated fleet at once."""

import json
import shlex
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import output
from orchestrator.errors import InputError
from orchestrator.load.schema import json_schema
from orchestrator.model.origin import Origin, Problem

COPIED = {
    "orchestrator.toml": "orchestrator.toml",
    "playbooks/deploy.yml": "playbooks/deploy.yml",
    "inventories/simulator.yml": "inventories/simulator.yml",
    "inventories/production.yml": "inventories/production.yml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
}
"""The files of a new project, and which of those in the folder `scaffold` of this package they are copies of."""

DirArgument = Annotated[Path, typer.Argument(metavar="[DIR]", help="Where; the current folder if not given.")]

_RUN = "playbooks/deploy.yml -i inventories/simulator.yml"
NEXT = ("export ORC_SIMULATOR_KEY=demo-key", "orc lint", f"orc plan {_RUN}", f"orc run {_RUN} --yes", "orc status last")
"""What to type in a new project, beside the simulator."""


def command(folder: DirArgument = Path()) -> None:
    """Begin a project: a playbook, an inventory of a simulated fleet, settings, and schemas for editors.

    Nothing is overwritten: where one of its files is there already, none is written.
    """
    files = {folder / name: text for name, text in _texts().items()}
    if problems := list(_in_the_way(folder, files)):
        raise InputError(problems)
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            fix = "the files before it have been written"
            raise InputError.of(f"cannot be written: {error.strerror}", fix=fix, origin=_origin(path)) from error
    output.stdout().lines(_told(folder, files))


def _texts() -> Mapping[str, str]:
    """The text of every file, by its path in the project."""
    scaffold = resources.files("orchestrator") / "scaffold"
    copied = {name: scaffold.joinpath(*kept.split("/")).read_text(encoding="utf-8") for name, kept in COPIED.items()}
    schemas = {"schemas/playbook.json": json_schema("playbook"), "schemas/inventory.json": json_schema("inventory")}
    return copied | {name: json.dumps(schema, indent=2) + "\n" for name, schema in schemas.items()}


def _in_the_way(folder: Path, files: Mapping[Path, str]) -> Iterator[Problem]:
    """Everything that keeps a file from being written."""
    above = {parent for path in files for parent in path.parents}
    for parent in sorted(above):
        if (parent.exists() or parent.is_symlink()) and not parent.is_dir():
            yield Problem(origin=_origin(parent), problem="is there already, and is no folder", fix="move it away")
    for path in files:
        if path.exists() or path.is_symlink():
            fix = "move it away, or begin in another folder; nothing was written"
            yield Problem(origin=_origin(path), problem="is there already", fix=fix)


def _origin(path: Path) -> Origin:
    return Origin(file=path.as_posix())


def _told(folder: Path, files: Mapping[Path, str]) -> Iterator[str]:
    name = folder.as_posix()
    written = f"./{name}" if name.startswith("-") else name  # no option of cd
    there = [] if folder == Path() else [f"cd {shlex.quote(written)}"]
    yield f"a project begins in {folder.absolute()}"
    yield from (f"    {path.relative_to(folder).as_posix()}" for path in files)
    yield ""
    yield "NEXT"
    yield "    in a first terminal, start a fleet to try it on:"
    yield from (f"        {line}" for line in (*there, "orc simulator --hosts 6"))
    yield "    in a second one, look at what the playbook would do there, and do it:"
    yield from (f"        {line}" for line in (*there, *NEXT))
