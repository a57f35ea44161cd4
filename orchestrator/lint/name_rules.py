"""Rules about templates and names: each looks at a whole playbook."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator.lint.finding import Check, Found, Rule, Severity
from orchestrator.lint.texts import Manner, Written, texts_of
from orchestrator.model.near import did_you_mean
from orchestrator.model.origin import Origin
from orchestrator.model.playbook import Playbook
from orchestrator.template import TemplateError, check, check_shell, is_template, names, needs, place


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A playbook, and the variables of the inventories that are looked at beside it; None where there are none."""

    playbook: Playbook
    inventory_names: frozenset[str] | None = None


TEMPLATE = Rule(
    id="wrong-template",
    severity=Severity.ERROR,
    summary="A template, or an expression, cannot be used.",
    why="Every plan of this playbook is refused.",
    fix="What the message says: a misspelt filter, a bracket that is not closed, a value where none can stand.",
)
UNDEFINED = Rule(
    id="undefined-name",
    severity=Severity.WARNING,
    summary="A template uses a name that no parameter, variable or result has.",
    why="A plan is refused, unless an inventory that was not looked at has it. Looked for where inventories are "
    "checked in the same call, or the playbook lists `vmids`.",
    fix="Write the name that is meant, or declare it under `params` or `vars`;"
    " `| default('...')` where it may be missing.",
)
UNUSED_VAR = Rule(
    id="unused-var",
    severity=Severity.WARNING,
    summary="A variable of the playbook is used nowhere in it.",
    why="It is misspelt there or here, or a rest; who changes it expects something to change.",
    fix="Remove it, or use it.",
)
UNUSED_PARAM = Rule(
    id="unused-param",
    severity=Severity.WARNING,
    summary="A parameter is used nowhere.",
    why="Whoever passes it expects something to come of it.",
    fix="Remove it, or use it.",
)
UNUSED_REGISTER = Rule(
    id="unused-register",
    severity=Severity.WARNING,
    summary="A registered result is used nowhere.",
    why="It is misspelt where it was to be used, as a rule in a rollback, or a rest.",
    fix="Remove `register`, or use the result. The output of a step is kept in the journal either way.",
)
UNUSED_HANDLER = Rule(
    id="unused-handler",
    severity=Severity.WARNING,
    summary="A handler is called by no step.",
    why="It is never run.",
    fix="Name it under `handlers` of the steps that shall call it, or remove it.",
)

_BUILT_IN = frozenset({"host", "vmid", "groups", "hostname"})


class _Declared(NamedTuple):
    name: str
    origin: Origin
    path: str


def _templates(book: Book) -> Iterator[Found]:
    for written in texts_of(book.playbook):
        try:
            _compile(written)
        except TemplateError as error:
            problem = error.problem
            path = problem.path or written.path
            yield Found(origin=problem.origin, path=path, problem=problem.problem, fix=problem.fix)


def _compile(written: Written) -> None:
    if written.manner is Manner.SHELL:
        check_shell(written.text)
    elif written.expression or is_template(written.text.source):
        check(written.text, expression=written.expression)


def _undefined(book: Book) -> Iterator[Found]:
    playbook = book.playbook
    if book.inventory_names is None and playbook.hosts is not None:
        return
    known = _BUILT_IN | (book.inventory_names or frozenset()) | {param.name for param in playbook.params}
    known |= playbook.variables.keys() | {step.register for step in playbook.every_step if step.register}
    for written in texts_of(playbook):
        try:
            lacking = needs(written.text, expression=written.expression) - known - written.own
            places = {name: place(written.text, name, expression=written.expression) for name in lacking}
        except TemplateError:  # said by another rule
            continue
        for name, origin in sorted(places.items()):
            fix = did_you_mean(name, known, within=3) or "declare it under params or vars, or in the inventory"
            problem = f"{name} is no parameter, variable or result"
            yield Found(origin=origin, path=written.path, problem=problem, fix=fix)


def _unused_vars(book: Book) -> Iterator[Found]:
    declared = (_Declared(name, each.origin, f"vars.{name}") for name, each in book.playbook.variables.items())
    yield from _unused(book.playbook, declared, "no template of the playbook uses")


def _unused_params(book: Book) -> Iterator[Found]:
    declared = (_Declared(each.name, each.origin, f"params.{each.name}") for each in book.playbook.params)
    yield from _unused(book.playbook, declared, "nothing uses")


def _unused_registers(book: Book) -> Iterator[Found]:
    steps = (step for step in book.playbook.every_step if step.register)
    declared = (_Declared(step.register or "", step.origin, f"{step.path}.register") for step in steps)
    yield from _unused(book.playbook, declared, "nothing uses the result")


def _unused(playbook: Playbook, declared: Iterator[_Declared], said: str) -> Iterator[Found]:
    used = _used(playbook)
    for each in declared:
        if used is not None and each.name not in used:
            problem = f"{said} {each.name}"
            yield Found(origin=each.origin, path=each.path, problem=problem, fix="remove it, or use it")


def _used(playbook: Playbook) -> frozenset[str] | None:
    """The names that templates read; None where one cannot be read."""
    found = {playbook.rollout.spread.by} if playbook.rollout.spread else set[str]()
    for written in texts_of(playbook):
        try:
            found |= names(written.text, expression=written.expression)
        except TemplateError:
            return None
    return frozenset(found)


def _unused_handlers(book: Book) -> Iterator[Found]:
    called = {name for step in book.playbook.every_step for name in step.handlers}
    for step in book.playbook.handlers:
        if step.name not in called:
            problem = f"no step calls the handler {step.name}"
            fix = did_you_mean(step.name, called) or "name it under handlers of a step, or remove it"
            yield Found(origin=step.origin, path=step.path, problem=problem, fix=fix)


NAME_RULES: tuple[Check[Book], ...] = (
    Check(rule=TEMPLATE, look=_templates),
    Check(rule=UNDEFINED, look=_undefined),
    Check(rule=UNUSED_VAR, look=_unused_vars),
    Check(rule=UNUSED_PARAM, look=_unused_params),
    Check(rule=UNUSED_REGISTER, look=_unused_registers),
    Check(rule=UNUSED_HANDLER, look=_unused_handlers),
)
