"""What the caller passes with -e, and whether it is what the playbook asks for."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.load.document import Document
from orchestrator.load.fields import compile_quietly
from orchestrator.load.files import Source, read_source
from orchestrator.load.param_shape import misfit
from orchestrator.load.problems import Finding
from orchestrator.load.reference import is_reference, read_reference
from orchestrator.load.scalars import resolve
from orchestrator.load.yaml12 import read_yaml_text
from orchestrator.model.host import Variable
from orchestrator.model.ids import Value
from orchestrator.model.near import did_you_mean
from orchestrator.model.origin import COMMAND_LINE, Problem
from orchestrator.model.param import Param
from orchestrator.model.playbook import Playbook

_ASSIGNED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
NO_ENVIRONMENT: Mapping[str, str] = {}
_HOW = "write -e NAME=VALUE, -e '{NAME: VALUE}' or -e @FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed(Variable):
    """A scalar as it was typed: a parameter that is a string takes the text, whatever YAML makes of it."""

    text: str


def read_extra_vars(args: Sequence[str]) -> Mapping[str, Variable]:
    """The values of every `-e`: `k=v` with v a YAML scalar, a YAML or JSON mapping, or `@FILE`; a later one wins.

    Raises InputError with all that is wrong in any of them.
    """
    given: dict[str, Variable] = {}
    problems: list[Problem] = []
    for arg in args:
        try:
            given |= _read(arg)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return given


def _read(arg: str) -> Mapping[str, Variable]:
    if arg.startswith("@"):
        return _mapping(read_yaml_text(read_source(Path(arg[1:]))))
    if arg.lstrip().startswith("{"):
        return _on_command_line(arg)
    assigned = _ASSIGNED.fullmatch(arg)
    if not assigned:
        raise InputError.of(f"-e {arg} is not understood", fix=_HOW)
    name, text = assigned.groups()
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise InputError.of(f"-e {name} is not UTF-8", fix="check the terminal's locale")
    if text[:1] in ("'", '"'):
        return {name: replace(_on_command_line(f"{{{name}: {text}}}")[name], origin=COMMAND_LINE)}
    try:
        value: Value = resolve(text)
    except ValueError:
        value = text
    return {name: Typed(value=value, origin=COMMAND_LINE, text=text)}


def _on_command_line(arg: str) -> Mapping[str, Variable]:
    """A mapping typed as YAML; its problems and values stand on the command line, in no line of a file."""
    try:
        mapping = _mapping(read_yaml_text(Source(file=COMMAND_LINE.file, text=arg, sha256="")))
    except InputError as error:
        raise InputError([replace(problem, origin=COMMAND_LINE, line="") for problem in error.problems]) from None
    return {name: replace(variable, origin=COMMAND_LINE) for name, variable in mapping.items()}


def _mapping(document: Document) -> Mapping[str, Variable]:
    data = document.data
    wrong = [] if isinstance(data, dict) else [Finding(problem="must be a mapping of parameters", fix=_HOW)]
    document.refuse(wrong, free=lambda loc: True)
    return {name: _as_typed(document, name, value) for name, value in data.items()} if isinstance(data, dict) else {}


def _as_typed(document: Document, name: str, value: Value) -> Variable:
    origin = document.origin((name,))
    if isinstance(value, bool | int | float):
        return Typed(value=value, origin=origin, text=document.written[name,])
    return Variable(value=value, origin=origin)


def check_params(
    playbook: Playbook, given: Mapping[str, Variable], *, environ: Mapping[str, str] = NO_ENVIRONMENT
) -> Mapping[str, Variable]:
    """The value of every parameter of a playbook: what was given, or its default (null where it has none).

    environ: where secret parameters are looked up that are references to it.
    Raises InputError with every name that is unknown, every parameter that is missing, and every value that is wrong.
    """
    known = {param.name: param for param in playbook.params}
    problems = list(_strangers(known, given))
    values: dict[str, Variable] = {}
    for name, param in known.items():
        if param.secret and (name in given or param.default is not None):
            try:
                values[name] = _secret(param, given.get(name), environ)
            except InputError as error:
                problems += error.problems
        elif name in given:
            values[name] = _as_wanted(param, given[name])
            if problem := _misfit(param, values[name].value):
                fix = f"such as -e '{{{name}: [a, b]}}'" if param.type == "list" else param.help
                problems.append(Problem(origin=given[name].origin, path=name, problem=problem, fix=fix))
        elif param.required:
            told = f" ({param.help})" if param.help else ""
            problem = f"the parameter {name}{told} is missing"
            problems.append(Problem(origin=COMMAND_LINE, problem=problem, fix=f"pass -e {name}=..."))
        else:
            values[name] = Variable(value=param.default, origin=param.origin)
    if problems:
        raise InputError(problems)
    return values


def _secret(param: Param, given: Variable | None, environ: Mapping[str, str]) -> Variable:
    """The value that a reference stands for. Raises InputError, which does not repeat what may be the secret itself."""
    reference, origin = (given.value, given.origin) if given else (param.default, param.origin)
    if not isinstance(reference, str) or not is_reference(reference):
        problem = f"the parameter {param.name} is secret: it is passed by where it is kept"
        fix = f"such as -e {param.name}=env:NAME or -e {param.name}=file:PATH"
        raise InputError([Problem(origin=origin, path=param.name, problem=problem, fix=fix)])
    value = read_reference(reference, environ, what=f"the parameter {param.name}")
    return Variable(value=value, origin=origin, reference=reference)


def _strangers(known: Mapping[str, Param], given: Mapping[str, Variable]) -> Iterator[Problem]:
    for name, variable in given.items():
        if name not in known:
            fix = did_you_mean(name, known, within=3) or (
                f"it has {', '.join(known)}" if known else "it has none: write them under `params:`"
            )
            yield Problem(origin=variable.origin, problem=f"the playbook has no parameter {name}", fix=fix)


def _as_wanted(param: Param, given: Variable) -> Variable:
    if isinstance(given, Typed) and param.type == "string":
        return Variable(value=given.text, origin=given.origin)
    return Variable(value=given.value, origin=given.origin)


def _misfit(param: Param, value: Value) -> str:
    regex = compile_quietly(param.pattern) if param.pattern is not None else None
    return misfit(value, type=param.type, regex=regex, choices=param.choices)
