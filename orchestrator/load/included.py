"""The steps of a playbook with those of the files that it includes in their places."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.load.beside import Astray, find, roots_of
from orchestrator.load.document import Document
from orchestrator.load.files import read_source
from orchestrator.load.playbook_shape import only_of_steps, shadowed
from orchestrator.load.problems import Finding, Loc, dotted
from orchestrator.load.shape import check
from orchestrator.load.step_shape import StepShape
from orchestrator.load.yaml12 import read_yaml_text
from orchestrator.model.origin import Origin, Problem, Text

MAX_DEPTH = 10
"""Files that may include each other in a row."""

MAX_FILES = 200
"""Includes of one playbook, each counted as often as it is met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A step as written, and where. section: the playbook's key under which it stands, if only through includes.

    under, tags: of the includes around it, outermost first. via: the places of these includes.
    """

    shape: StepShape
    document: Document
    loc: Loc
    section: str
    under: tuple[Text, ...] = ()
    tags: tuple[str, ...] = ()
    via: tuple[Origin, ...] = ()

    @property
    def path(self) -> str:
        return dotted(self.loc)


@dataclass(slots=True, kw_only=True)
class Included:
    """What the includes of a playbook come to. roots: the folders out of which none may lead."""

    roots: tuple[Path, ...]
    names: Mapping[str, str]
    steps: list[Written] = field(default_factory=list)
    documents: dict[Path, Document] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    met: int = 0


def include(written: Sequence[Written], names: Mapping[str, str]) -> tuple[list[Written], Mapping[str, str]]:
    """The steps with each include replaced by its file's steps, and the sha256 of these files by path.

    names: the playbook's params and variables, and what each is, which no step may register.
    A file must be in the project's folder (the current one) or beside the playbook. Raises InputError with all
    problems of all files.
    """
    if not any(step.shape.include for step in written):
        return [*written], {}
    book = Path(written[0].document.source.file)
    found = Included(roots=roots_of(book), names=names)
    for step in written:
        _put(step, [book], found)
    found.problems += _repeated(found.steps)
    if found.problems:
        raise InputError(list(dict.fromkeys(found.problems)))
    sources = [document.source for document in found.documents.values()]
    return found.steps, {source.file: source.sha256 for source in sources}


def _put(step: Written, files: Sequence[Path], found: Included) -> None:
    """Add a step, or those that it includes. files: the playbook, and the files in which it stands, outermost first."""
    if step.shape.include is None:
        found.steps.append(step)
        return
    try:
        path = _path(step, files, found)
        document, shapes = _read(path, step.section, found)
    except InputError as error:
        found.problems += error.problems
        return
    here = step.document
    when = (here.text((*step.loc, "when"), step.shape.when),) if step.shape.when else ()
    for at, shape in enumerate(shapes):
        inner = Written(
            shape=shape,
            document=document,
            loc=(at,),
            section=step.section,
            under=(*step.under, *when),
            tags=(*step.tags, *step.shape.tags),
            via=(*step.via, here.origin(step.loc)),
        )
        _put(inner, [*files, path], found)


def _path(step: Written, files: Sequence[Path], found: Included) -> Path:
    """The file that a step includes. Raises InputError where it may not be included from there."""
    written = step.shape.include or ""

    def refuse(problem: str, fix: str) -> InputError:
        loc = (*step.loc, "include")
        return InputError([step.document.problem(Finding(loc=loc, problem=problem, fix=fix))])

    found.met += 1
    if found.met > MAX_FILES or len(files) > MAX_DEPTH:
        problem = f"more than {MAX_DEPTH} files include each other" if len(files) > MAX_DEPTH else "too many includes"
        raise refuse(problem, f"a playbook may have {MAX_FILES} includes, {MAX_DEPTH} deep")
    if "{{" in written or "{%" in written:
        raise refuse("a file is included before anything of a host is known", "write its name; choose by `when`")
    try:
        path, target = find(written, files[-1].parent, found.roots)
    except Astray as astray:
        raise refuse(str(astray), astray.fix) from None
    around = [file.resolve() for file in files]
    if target in around:
        circle = [*files[around.index(target) :], files[around.index(target)]]
        said = " -> ".join(file.as_posix() for file in circle)
        raise refuse(f"the file includes itself: {said}", "take one of these includes away")
    if target.exists() and not target.is_file():
        raise refuse(f"{written} is not a file", "name a file with a list of steps")
    if not target.exists():
        raise refuse(f"there is no file {path.as_posix()}", _near(path) or "names begin in the playbook's folder")
    return path


def _near(path: Path) -> str:
    """What is there instead of a file that is not, as `read_source` says it."""
    try:
        read_source(path)
    except InputError as error:
        return error.problems[0].fix
    return ""


def _read(path: Path, section: str, found: Included) -> tuple[Document, list[StepShape]]:
    """The steps of a file. Raises InputError with all that is wrong in it."""
    target = path.resolve()
    if target not in found.documents:
        found.documents[target] = read_yaml_text(read_source(path))
    document = found.documents[target]
    data = document.data
    if not isinstance(data, list) or not data:
        said = "is empty" if not data else "must be a list of steps"
        raise InputError([document.problem(Finding(problem=said, fix="write `- run: ...` for each step"))])
    shapes: list[StepShape] = []
    findings: list[Finding] = []
    for at, entry in enumerate(data):
        shape, wrong = check(StepShape, entry)
        findings += [replace(each, loc=(at, *each.loc)) for each in wrong]
        shapes += [shape] if shape else []
    entries = [((at,), entry) for at, entry in enumerate(data) if isinstance(entry, dict)]
    for loc, entry in entries:
        findings += only_of_steps(section, loc, entry)
    findings += shadowed(found.names, entries)
    document.refuse(findings, free=lambda loc: any(isinstance(key, str) and key.startswith("x-") for key in loc))
    return document, shapes


def _repeated(steps: Sequence[Written]) -> Iterator[Problem]:
    """Names of steps and results that are given twice, where includes bring that about."""
    given = {"name": [s.shape.name for s in steps], "register": [s.shape.register_ for s in steps]}
    for key, values in given.items():
        first: dict[str, Written] = {}
        for step, value in zip(steps, values, strict=True):
            if value is None:
                continue
            other = first.setdefault(value, step)
            if other is not step and (other.via or step.via):
                yield step.document.problem(_twice(value, (*step.loc, key), other, step))


def _twice(value: str, loc: Loc, first: Written, second: Written) -> Finding:
    if first.document is second.document and first.loc == second.loc:
        places = " and ".join(str((*step.via, step.document.origin(step.loc))[0]) for step in (first, second))
        problem = f"{value} would be there twice: the file is included at {places}"
        return Finding(loc=loc, problem=problem, fix="include it once, or leave its names out")
    at = first.document.origin((*first.loc, loc[-1]))
    return Finding(loc=loc, problem=f"{value} is here twice, first at {at}", fix="each must be its own")
