"""One host's part of a plan: its conditions decided, its commands rendered, and the values that the run will need."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import EllipsisType

from orchestrator.core.command import check_user, put_together
from orchestrator.core.problems import Problems
from orchestrator.core.remarks import Remarks
from orchestrator.core.scope import ITEM, Items, ItemScope, Scope
from orchestrator.core.written import Manner, Written, rule_path
from orchestrator.model.host import InventoryHost, Variable
from orchestrator.model.ids import HostName, StepName, Value
from orchestrator.model.origin import Text
from orchestrator.model.plan import Command, HostPlan, Slot
from orchestrator.model.playbook import Playbook
from orchestrator.steps.kind import Render
from orchestrator.template import TemplateError, evaluate, names, render_shell, render_word, undefined

_Keys = dict[tuple[str, ...], Hashable | None]
"""What the values of a host come to, by the names that are read."""

_Render = Callable[[Text, Mapping[str, Value]], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlanner:
    """Plans one host after the other; what is wrong is added to the problems.

    written: the slots. registered: the names of all results. once: of the slots that are not run on every host, on
    which they are; only_in: of those that belong to a gate, in which waves. items: of each loop, on each host. remarks:
    what is to be known of the values.
    _shared: the commands rendered so far, by their slot and the values that went in; hosts that have these in common
    share them.
    """

    playbook: Playbook
    params: Mapping[str, Variable]
    registered: frozenset[str]
    written: Sequence[Written]
    problems: Problems
    once: Mapping[int, frozenset[HostName]]
    only_in: Mapping[int, frozenset[int]] = field(default_factory=dict)
    items: Mapping[HostName, Items] = field(default_factory=dict)
    remarks: Remarks = field(default_factory=Remarks)
    _shared: dict[tuple[int, Hashable], Command] = field(default_factory=dict)

    def plan(self, host: InventoryHost, wave: int) -> HostPlan:
        """The plan of this host."""
        scope = Scope(host, self.playbook.variables, self.params, self.registered)
        items = self.items.get(host.host.name, {})
        scopes = [_scope_of(written.slot, scope, items) for written in self.written]
        whens = tuple(
            wave in self.only_in.get(index, (wave,)) and self._when(written, own)
            for index, (written, own) in enumerate(zip(self.written, scopes, strict=True))
        )
        commands = []
        kept: dict[StepName, Value] = {}
        used: set[str] = set()
        keys: _Keys = {}
        for index, (written, own) in enumerate(zip(self.written, scopes, strict=True)):
            step = index if written.slot.undo_of is None else written.slot.undo_of
            elsewhere = step in self.once and host.host.name not in self.once[step]
            if elsewhere or whens[index] is False or whens[step] is False or own is None:
                commands.append(replace(written.command, waits_for=()))  # never run: the values need not exist
                continue
            commands.append(self._command(index, own, keys if own is scope else {}))
            used.update(written.names)
            if ITEM in written.kept and written.slot.repeat is not None:
                kept[written.slot.name] = own[ITEM]
        return HostPlan(
            host=host.host,
            wave=wave,
            commands=tuple(commands),
            whens=whens,
            values=self._values(scope, frozenset(used)),
            items=kept,
            loops={name: len(each) for name, each in items.items()},
        )

    def _when(self, written: Written, scope: Scope | None) -> bool | None:
        """Whether the conditions hold; an item that is not there needs none. One that is false hides those after it."""
        if scope is None:
            return written.slot.undo_of is not None
        if not written.usable:
            return True
        for condition in written.slot.conditions:
            if names(condition, expression=True) & self.registered:
                return None
            try:
                if not evaluate(condition, scope):
                    return False
            except TemplateError as error:
                own = f"{rule_path(written.slot, written.path)}.when"
                self._note(error, own if condition is written.slot.when else "when", scope.host)
        return True

    def _command(self, index: int, scope: Scope, keys: _Keys) -> Command:
        written = self.written[index]
        for part, needed in written.in_run:
            for name in sorted(needed - scope.keys()):
                error = undefined(part.text, name, [*scope], expression=part.expression)
                self._note(error, part.path, scope.host)
        if not written.usable:
            for part in written.parts:
                self._render(render_shell if part.manner is Manner.SHELL else render_word, part.text, written, scope)
        if written.command.waits_for or not written.usable:
            return written.command
        if written.names not in keys:
            keys[written.names] = _key(written.names, scope)
        values = keys[written.names]
        if values is None:
            return self._rendered(written, scope)[0]
        found = self._shared.get((index, values))
        if found is None:
            found, sound = self._rendered(written, scope)
            if sound:  # a problem is noted for every host that has it
                self._shared[index, values] = found
        return found

    def _rendered(self, written: Written, scope: Scope) -> tuple[Command, bool]:
        """The command, and whether nothing was wrong with it."""
        faults: list[Text] = []

        def noting(render: _Render) -> Render:
            def render_or_note(text: Text) -> str:
                rendered = self._render(render, text, written, scope)
                if rendered is None:
                    faults.append(text)
                return rendered or ""

            return render_or_note

        shell = noting(partial(render_shell, note=partial(self.remarks.note, secret=written.slot.secret)))
        return put_together(written.slot.template, shell, noting(render_word)), not faults

    def _render(self, render: _Render, text: Text, written: Written, scope: Scope) -> str | None:
        """The text for this host; None when there is none, which is then noted."""
        try:
            rendered = render(text, scope)
            if text is written.slot.template.user:
                check_user(text, rendered)
            return rendered
        except TemplateError as error:
            path = next(part.path for part in written.parts if part.text is text)
            self._note(error, path, scope.host)
            return None

    def _values(self, scope: Scope, used: frozenset[str]) -> dict[str, Value]:
        """The variables that commands are made of, or will be in the run."""
        values: dict[str, Value] = {}
        for name in sorted(used.union(*(written.kept for written in self.written)) & scope.keys()):
            try:
                values[name] = scope[name]
            except TemplateError as error:
                self._note(error, "", scope.host)
        return values

    def _note(self, error: TemplateError, path: str, host: HostName) -> None:
        problem = error.problem
        if any(param.name == error.undefined for param in self.playbook.params):
            problem = replace(problem, fix=f"pass it: -e {error.undefined}=...")
        self.problems.note(problem, path=path, host=host)


def _scope_of(slot: Slot, scope: Scope, items: Items) -> Scope | None:
    """The values of a slot; None where its loop has no such item here."""
    if slot.repeat is None:
        return scope
    index, own = slot.repeat.index, items.get(slot.repeat.step, ())
    return ItemScope(scope, item=own[index], index=index) if index < len(own) else None


def _key(names: Sequence[str], scope: Scope) -> Hashable | None:
    """The same for two hosts only if the commands are that read these names; None where that cannot be told."""
    try:
        values = [scope.get(name, ...) for name in names]
    except TemplateError:
        return None
    if not all(isinstance(value, str | int | float | None | EllipsisType) for value in values):
        return None
    # The type, since 1 == True == 1.0; a float as it is written, since 0.0 == -0.0.
    return tuple((type(value), repr(value) if isinstance(value, float) else value) for value in values)
