"""The variables of one host: by precedence, and filled in where they are templates themselves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from orchestrator.model.host import InventoryHost, Variable
from orchestrator.model.ids import StepName, Value
from orchestrator.model.origin import Origin, Problem, Text
from orchestrator.template import TemplateError, is_template, names, place, render_value

BUILT_IN = ("host", "vmid", "groups", "hostname")
"""What every host has without anyone writing it; `hostname` only where the inventory declares one."""


ITEM, INDEX = "item", "index"
"""What a step with a loop calls the item that it is for, and its number, from 0."""

Items = Mapping[StepName, Sequence[Value]]
"""The items of one host, by the name of the step whose loop they are."""


class Scope(Mapping[str, Value]):
    """The values of one host. Reading one raises TemplateError when it is a template that cannot be filled in.

    Low to high: the inventory's variables, the playbook's, params. Params are the caller's data, never templates.
    late: names of registered results, which no variable can use, since it is filled in before the run.
    """

    def __init__(
        self,
        host: InventoryHost,
        variables: Mapping[str, Variable],
        params: Mapping[str, Variable],
        late: frozenset[str],
    ) -> None:
        self.host = host.host.name
        self._ready: dict[str, Value] = built_in(host) | {name: each.value for name, each in params.items()}
        self._written = (variables, host.variables)
        self._late = late
        self._being_filled: list[str] = []

    def __getitem__(self, name: str) -> Value:
        if name not in self._ready:
            self._ready[name] = self._filled(name, self._variable(name))
        return self._ready[name]

    def __contains__(self, name: object) -> bool:
        return name in self._ready or any(name in variables for variables in self._written)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._ready, *self._written[0], *self._written[1]]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _variable(self, name: str) -> Variable:
        for variables in self._written:
            if name in variables:
                return variables[name]
        raise KeyError(name)

    def _filled(self, name: str, variable: Variable) -> Value:
        if name in self._being_filled:
            circle = [*self._being_filled[self._being_filled.index(name) :], name]
            problem = f"the variable `{name}` needs itself: {' -> '.join(circle)}"
            raise _error(variable.origin, name, problem, "give one of them a value of its own")
        self._being_filled.append(name)
        try:
            return self._fill(name, variable.value, variable.origin)
        finally:
            self._being_filled.pop()

    def fill(self, value: Value, origin: Origin) -> Value:
        """A value that is no variable's, with the templates in it filled in. Raises TemplateError."""
        return self._fill("", value, origin)

    def _fill(self, name: str, value: Value, origin: Origin) -> Value:
        if isinstance(value, str):
            return self._fill_text(name, Text(source=value, origin=origin)) if is_template(value) else value
        if isinstance(value, Mapping):
            return {key: self._fill(name, each, origin) for key, each in value.items()}
        if isinstance(value, Sequence):
            return [self._fill(name, each, origin) for each in value]
        return value

    def _fill_text(self, name: str, text: Text) -> Value:
        if late := sorted(names(text) & self._late):
            problem = f"the variable `{name}` needs the result `{late[0]}`, which is known only in the run"
            raise _error(place(text, late[0]), name, problem, f"write `{late[0]}` in the step itself")
        try:
            return render_value(text, self)
        except TemplateError as error:
            path = error.problem.path or name
            raise TemplateError(replace(error.problem, path=path), undefined=error.undefined) from None


class ItemScope(Scope):
    """The values of one host for one item of a loop."""

    def __init__(self, around: Scope, *, item: Value, index: int) -> None:
        self.host = around.host
        self._around = around
        self._own: dict[str, Value] = {ITEM: item, INDEX: index}

    def __getitem__(self, name: str) -> Value:
        return self._own[name] if name in self._own else self._around[name]

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._around

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._own, *self._around]))


def _error(origin: Origin, path: str, problem: str, fix: str) -> TemplateError:
    return TemplateError(Problem(origin=origin, path=path, problem=problem, fix=fix))


def built_in(host: InventoryHost) -> dict[str, Value]:
    """The variables that every host has."""
    values: dict[str, Value] = {"host": host.host.name, "vmid": host.host.vmid, "groups": sorted(host.groups)}
    return values | ({"hostname": host.host.hostname} if host.host.hostname is not None else {})
