"""Where state is kept and how the tool logs: orchestrator.toml, and the environment, which wins."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from orchestrator.errors import InputError
from orchestrator.load.fields import Duration, Filled
from orchestrator.load.files import Source, read_source
from orchestrator.load.problems import Finding, Loc, dotted
from orchestrator.load.provider import DEFAULT_PROVIDER, ProviderShape
from orchestrator.load.shape import Shape, check, wrong
from orchestrator.model.host import ProviderSpec
from orchestrator.model.origin import Origin, Problem

FILE = "orchestrator.toml"
DATABASE = "journal.sqlite3"

_VARIABLES = {
    "ORC_STATE_DIR": "state_dir",
    "ORC_DATABASE_URL": "database_url",
    "ORC_LOG": "log",
    "ORC_API_PATIENCE": "api_patience",
}
_SECTION = re.compile(r"\s*\[\s*([\w.-]+)\s*\]\s*(?:#.*)?")
_ASSIGNED = re.compile(r"\s*([\w-]+)\s*=")
_TOML_PLACE = re.compile(r" ?\(at (?:line (\d+), column (\d+)|end of document)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds for every command in a project.

    state_dir: where the journal and the locks are. database_url: for SQLAlchemy; it may hold a password.
    provider: for playbooks that list vmids, and have no inventory.
    api_patience: seconds for which a run waits for an API that is ill before it pauses for a person.
    """

    state_dir: Path
    database_url: str = field(repr=False)
    log: Literal["text", "json"] = "text"
    provider: ProviderSpec = DEFAULT_PROVIDER
    api_patience: float = 1800.0

    @property
    def has_journal(self) -> bool:
        """Whether the journal's file is there, which opening the journal would make."""
        return Path(self.database_url.removeprefix("sqlite:///")).exists()


def _database(url: str) -> str:
    """An address for SQLAlchemy. The refusal must not repeat it: it may hold a password."""
    if url.startswith("postgresql+psycopg://"):
        raise wrong("not yet supported: postgresql", "write sqlite:///PATH, or leave it out")
    if not re.fullmatch(r"sqlite:///\S.*", url):
        raise wrong("must be sqlite:///PATH", "leave it out for a database in the state directory")
    return url


class SettingsShape(Shape):
    """orchestrator.toml as people write it."""

    state_dir: Filled = Field(default=".orchestrator", description="Where the journal is kept.")
    database_url: Annotated[str, AfterValidator(_database)] | None = Field(
        default=None, description="The journal's database; a SQLite file in the state directory if not given."
    )
    log: Literal["text", "json"] = Field(default="text", description="How the log is written.")
    api_patience: Duration = Field(
        default=1800.0, description="How long a run waits for an API that is ill.", examples=["30m"]
    )
    provider: ProviderShape | None = Field(default=None, description="For playbooks that list vmids.")


def load_settings(directory: Path, environ: Mapping[str, str]) -> Settings:
    """The settings of the project in a directory: its orchestrator.toml, if any, and ORC_* variables, which win.

    A relative state directory is the project's. Raises InputError with all that is wrong.
    """
    path = directory / FILE
    source = read_source(path) if path.exists() else None
    written = _parse(source) if source else {}
    typed = {key: environ[variable] for variable, key in _VARIABLES.items() if environ.get(variable)}
    shape, findings = check(SettingsShape, {**written, **typed})
    if shape is None:
        problems = [_placed(finding, source, typed) for finding in findings]
        raise InputError(sorted(problems, key=lambda problem: (problem.origin.line, problem.origin.column)))
    state_dir = directory / shape.state_dir
    return Settings(
        state_dir=state_dir,
        database_url=shape.database_url or f"sqlite:///{(state_dir / DATABASE).as_posix()}",
        log=shape.log,
        api_patience=shape.api_patience,
        provider=shape.provider.spec() if shape.provider else DEFAULT_PROVIDER,
    )


def _parse(source: Source) -> dict[str, Any]:
    try:
        return tomllib.loads(source.text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = _TOML_PLACE.search(str(error))
        line, column = (int(found[1]), int(found[2])) if found and found[1] else (len(source.lines), 1)
        words = _TOML_PLACE.sub("", str(error))
        fix = 'write `key = "value"`: text stands in quotes, and each key is there once'
        raise InputError([source.problem(f"is not TOML: {words}", line=line, column=column, fix=fix)]) from None


def _placed(finding: Finding, source: Source | None, typed: Mapping[str, str]) -> Problem:
    """The finding at its place: a variable of the environment, or a line of the file."""
    key = str(finding.loc[0]) if finding.loc else ""
    if key in typed or source is None:
        variable = next((name for name, of in _VARIABLES.items() if of == key), "")
        origin = Origin(file=f"environment variable {variable}")
        return Problem(origin=origin, problem=finding.problem, fix=finding.words_of_fix())
    line, column = _find(finding.loc, source)
    return source.problem(
        finding.problem, line=line, column=column, path=dotted(finding.loc), fix=finding.words_of_fix()
    )


def _find(loc: Loc, source: Source) -> tuple[int, int]:
    """The line and column of a key, which tomllib does not tell; of the nearest above it that is written plainly."""
    section: tuple[str, ...] = ()
    best, place = 0, (1, 1)
    for number, line in enumerate(source.lines, start=1):
        if header := _SECTION.fullmatch(line):
            here = section = tuple(header[1].split("."))
        elif key := _ASSIGNED.match(line):
            here = (*section, key[1])
        else:
            continue
        if len(here) > best and here == loc[: len(here)]:
            best, place = len(here), (number, len(line) - len(line.lstrip()) + 1)
    return place
