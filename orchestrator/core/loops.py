"""Loops written out: a step for each item, the same for every host, and which items each host has."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.core.problems import Problems
from orchestrator.core.scope import Items, Scope
from orchestrator.model.host import InventoryHost, Variable
from orchestrator.model.ids import HostName, StepName, Value
from orchestrator.model.origin import Origin, Problem, Text
from orchestrator.model.playbook import Loop, Playbook, Repeat, Step
from orchestrator.template import TemplateError, find_value, is_template, names, place, render_value

MAX_ITEMS = 1_000
"""The most items of one loop: each is a place in the plan of every host."""

_LONGEST_ITEM = 32
"""Characters of an item that may stand in the name of its step."""


@dataclass(slots=True, kw_only=True)
class WrittenOut:
    """A playbook in which no step has a loop, and the items that each host has."""

    playbook: Playbook
    items: dict[HostName, Items] = field(default_factory=dict)


def write_out(
    playbook: Playbook,
    hosts: Sequence[InventoryHost],
    params: Mapping[str, Variable],
    registrars: Mapping[str, StepName],
    problems: Problems,
) -> WrittenOut:
    """The playbook with a step for each item of each loop; what is wrong is added to the problems.

    Where a loop gives hosts lists of different lengths, it has as many steps as the longest; at least one, so that the
    plan shows it. The steps of a literal list of words are called `step (item)`, all others `step [1]`.
    """
    steps = (*playbook.steps, *playbook.after_rollback, *playbook.finally_)
    loops = {step.name: step.loop for step in steps if step.loop is not None}
    if not loops:
        return WrittenOut(playbook=playbook)
    sound = {name: loop for name, loop in loops.items() if _is_known(loop, registrars, problems)}
    items: dict[HostName, Items] = {}
    for host in hosts:
        scope = Scope(host, playbook.variables, params, frozenset(registrars))
        items[host.host.name] = {name: _items(loop, scope, problems) for name, loop in sound.items()}
    longest = {name: max((len(own.get(name, ())) for own in items.values()), default=0) for name in loops}
    called = _names(steps, longest)
    out = replace(
        playbook,
        steps=tuple(_steps(playbook.steps, called)),
        after_rollback=tuple(_steps(playbook.after_rollback, called)),
        finally_=tuple(_steps(playbook.finally_, called)),
    )
    return WrittenOut(playbook=out, items=items)


def _steps(steps: Sequence[Step], called: Mapping[StepName, Sequence[StepName]]) -> Iterator[Step]:
    for step in steps:
        if step.loop is None:
            yield step
            continue
        for index, name in enumerate(called[step.name]):
            yield replace(step, name=name, loop=None, repeat=Repeat(step=step.name, index=index))


def _names(steps: Sequence[Step], longest: Mapping[StepName, int]) -> dict[StepName, list[StepName]]:
    """What the steps of each loop are called; no name twice."""
    taken = {step.name for step in steps}
    called: dict[StepName, list[StepName]] = {}
    for step in steps:
        if step.loop is None:
            continue
        words = [] if step.secret else _words(step.loop)
        wanted = [f"{step.name} ({word})" for word in words]
        if not words or len({*wanted}) < len(wanted) or taken & {*map(StepName, wanted)}:
            wanted = [f"{step.name} [{number}]" for number in range(1, max(longest[step.name], 1) + 1)]
        called[step.name] = [_free(StepName(name), taken) for name in wanted]
        taken.update(called[step.name])
    return called


def _free(name: StepName, taken: Collection[StepName]) -> StepName:
    return name if name not in taken else _free(StepName(f"{name}'"), taken)


def _words(loop: Loop) -> list[str]:
    """The items of a literal list, where each can stand in a name; else none."""
    values = [item.value for item in loop.items]
    words = [str(value) for value in values if isinstance(value, str | int) and not isinstance(value, bool)]
    good = [w for w in words if w.strip() and w.isprintable() and len(w) <= _LONGEST_ITEM and not is_template(w)]
    return words if len(good) == len(values) else []


def _is_known(loop: Loop, registrars: Mapping[str, StepName], problems: Problems) -> bool:
    """Whether the loop can be known while planning."""
    texts = [(text, False) for item in loop.items for text in _texts(item.value, item.origin)]
    texts += [(loop.text, loop.expression)] if loop.text else []
    for text, expression in texts:
        try:
            late = sorted(names(text, expression=expression) & registrars.keys())
        except TemplateError as error:
            problems.note(error.problem, path=loop.path)
            return False
        for name in late:
            problem = (
                f"a loop must be known while planning, and `{name}` is known only once {registrars[name]!r} has run"
            )
            fix = "let one command go over it: for x in ...; do ...; done"
            origin = place(text, name, expression=expression)
            problems.note(Problem(origin=origin, problem=problem, fix=fix), path=loop.path)
        if late:
            return False
    return True


def _texts(value: Value, origin: Origin) -> Iterator[Text]:
    """The templates in a value."""
    if isinstance(value, str):
        if is_template(value):
            yield Text(source=value, origin=origin)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each, origin)
    elif isinstance(value, Sequence):
        for each in value:
            yield from _texts(each, origin)


def _items(loop: Loop, scope: Scope, problems: Problems) -> Sequence[Value]:
    """The items of a loop on one host; none where something is wrong, which is noted."""
    try:
        found = _listed(loop, scope)
    except TemplateError as error:
        problems.note(error.problem, path=loop.path, host=scope.host)
        return ()
    if isinstance(found, str):
        origin = loop.text.origin if loop.text else loop.origin
        fix = "give it a list, such as [a, b]"
        problems.note(Problem(origin=origin, problem=f"the loop {found}", fix=fix), path=loop.path, host=scope.host)
        return ()
    return found


def _listed(loop: Loop, scope: Scope) -> tuple[Value, ...] | str:
    """The items, or what is wrong with them. Raises TemplateError."""
    if loop.text is None:
        value: Value = [scope.fill(item.value, item.origin) for item in loop.items]
    else:
        value = (find_value if loop.expression else render_value)(loop.text, scope)
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        return f"is {_kind(value)}, not a list"
    if len(value) > MAX_ITEMS:
        return f"has {len(value):,} items, and at most {MAX_ITEMS:,} can be"
    if not all(map(_is_plain, value)):
        return "has an item that is no plain value"
    return tuple(value)


def _kind(value: object) -> str:
    match value:
        case None:
            return "empty"
        case str():
            return "text"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case Mapping():
            return "a mapping"
        case _:
            return "another thing"


def _is_plain(value: object) -> bool:
    """Whether a value can be kept in a plan."""
    match value:
        case None | bool() | int() | str():
            return True
        case float():
            return math.isfinite(value)
        case Mapping():
            return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
        case list() | tuple():
            return all(map(_is_plain, value))
        case _:
            return False
