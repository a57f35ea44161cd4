"""Where each variable of a host comes from, what it has taken the place of, and what it comes to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.core.scope import Scope, built_in
from orchestrator.model.host import InventoryHost, Layer, Variable
from orchestrator.model.ids import Value
from orchestrator.model.origin import Problem
from orchestrator.model.playbook import Playbook
from orchestrator.template import TemplateError

BUILT_IN = "every host has it"
PLAYBOOK = "vars of the playbook"
DEFAULT = "the default of a parameter"
PASSED = "-e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One value that a name has somewhere. layer: whose it is."""

    layer: str
    variable: Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """A variable of a host. place: that of the value that counts; overrode: those that do not, the strongest first.

    value: what it comes to, with its templates filled in; problem: why that cannot be said.
    """

    name: str
    place: Place
    overrode: tuple[Place, ...] = ()
    value: Value = None
    problem: Problem | None = None


def trace(
    host: InventoryHost,
    layers: Sequence[Layer],
    playbook: Playbook | None = None,
    params: Mapping[str, Variable] | None = None,
    passed: Mapping[str, Variable] | None = None,
) -> tuple[Traced, ...]:
    """The variables of a host by name. layers: of the inventory, low to high. params: with their defaults.

    passed: of the params, those that the caller gave.
    """
    params, passed = params or {}, passed or {}
    every = [*layers, *_of_playbook(playbook, params, passed), _built_in(host)]
    steps = playbook.every_step if playbook else ()
    late = frozenset(step.register for step in steps if step.register)
    scope = Scope(host, playbook.variables if playbook else {}, params, late)
    names = sorted({name for layer in every for name in layer.variables})
    return tuple(_traced(name, every, scope) for name in names)


def _built_in(host: InventoryHost) -> Layer:
    values = built_in(host)
    return Layer(name=BUILT_IN, variables={n: Variable(value=v, origin=host.origin) for n, v in values.items()})


def _of_playbook(
    playbook: Playbook | None, params: Mapping[str, Variable], passed: Mapping[str, Variable]
) -> Iterator[Layer]:
    if playbook:
        yield Layer(name=PLAYBOOK, variables=playbook.variables)
        defaults = {each.name: Variable(value=each.default, origin=each.origin) for each in playbook.params}
        yield Layer(name=DEFAULT, variables=defaults)
        yield Layer(name=PASSED, variables={name: params[name] for name in passed})


def _traced(name: str, layers: Sequence[Layer], scope: Scope) -> Traced:
    found = [Place(layer=layer.name, variable=layer.variables[name]) for layer in layers if name in layer.variables]
    *overrode, place = found
    try:
        value, problem = scope[name], None
    except TemplateError as error:
        value, problem = None, error.problem
    return Traced(name=name, place=place, overrode=tuple(reversed(overrode)), value=value, problem=problem)
