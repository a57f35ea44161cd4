"""Parameters that are secret: only secret steps may read them, directly or by way of a variable."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from orchestrator.core.problems import Problems
from orchestrator.core.written import Written
from orchestrator.model.gate import ControllerCommand
from orchestrator.model.host import InventoryHost, Variable
from orchestrator.model.origin import Origin, Problem, Text
from orchestrator.model.playbook import Loop, Playbook
from orchestrator.template import TemplateError, is_template, names, place


def check_secrets(
    playbook: Playbook,
    hosts: Sequence[InventoryHost],
    params: Mapping[str, Variable],
    written: Sequence[Written],
    problems: Problems,
) -> None:
    """Notes every text that reads a secret parameter, and would show it in plans, reports and the journal."""
    secret = _secret_names(playbook, hosts, params)
    if not secret:
        return
    for each in written:
        if not each.slot.secret:
            slot = each.slot
            judgements = [text for text in (slot.until, slot.failed_when, slot.changed_when) if text]
            for text, expression in (
                *((part.text, part.expression) for part in each.parts),
                *((text, True) for text in (*slot.conditions, *judgements)),
            ):
                _note(text, secret, "give the step secret: true", problems, expression=expression)
    for step in playbook.every_step:
        for text, expression in _of_loop(step.loop) if step.loop else ():
            fix = "a loop cannot be over a secret: its items are named in plans"
            _note(text, secret, fix, problems, expression=expression)
    for gate, path in playbook.rollout.every_gate():
        if isinstance(gate, ControllerCommand):
            words = [Text(source=word, origin=playbook.origin) for word in gate.argv]
            for text in (*words, *([gate.run] if gate.run else [])):
                fix = f"let the command of {path} read it itself, from its environment or a file"
                _note(text, secret, fix, problems)


def _of_loop(loop: Loop) -> Iterator[tuple[Text, bool]]:
    if loop.text:
        yield loop.text, loop.expression
    for item in loop.items:
        yield from ((text, False) for text in _texts(item.value, item.origin))


def _secret_names(playbook: Playbook, hosts: Sequence[InventoryHost], params: Mapping[str, Variable]) -> frozenset[str]:
    """The parameters that are secret, and the variables that are made of them, on any host."""
    found = {name for name, variable in params.items() if variable.reference}
    if not found:
        return frozenset()
    every = {id(each): (name, each) for name, each in playbook.variables.items()}
    every |= {id(each): (name, each) for host in hosts for name, each in host.variables.items()}
    read = [(name, _read(variable)) for name, variable in every.values()]
    while more := {name for name, names_read in read if names_read & found} - found:
        found |= more
    return frozenset(found)


def _read(variable: Variable) -> frozenset[str]:
    return frozenset[str]().union(*(_names(text) for text in _texts(variable.value, variable.origin)))


def _texts(value: object, origin: Origin) -> Iterator[Text]:
    """Every template in a value."""
    match value:
        case str():
            if is_template(value):
                yield Text(source=value, origin=origin)
        case Mapping():
            yield from _texts([*value.values()], origin)
        case Iterable():
            for each in value:
                yield from _texts(each, origin)
        case _:
            pass


def _names(text: Text, *, expression: bool = False) -> frozenset[str]:
    try:
        return names(text, expression=expression)
    except TemplateError:  # told where it is used
        return frozenset()


def _note(text: Text, secret: frozenset[str], fix: str, problems: Problems, *, expression: bool = False) -> None:
    for name in sorted(_names(text, expression=expression) & secret):
        origin = place(text, name, expression=expression)
        problems.note(Problem(origin=origin, problem=f"`{name}` is secret, and would be shown here", fix=fix))
