"""One host's part of a plan that takes a run back: each command as it will be run there, or what is lacking for it."""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace

from orchestrator.core.host import owed
from orchestrator.core.late import decide_when, late_command
from orchestrator.core.layout import Layout
from orchestrator.model.gate import Gate
from orchestrator.model.ids import HostName, StepName
from orchestrator.model.plan import HostPlan, Past, Section, Slot
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import HostState
from orchestrator.template import TemplateError, names


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """What keeps a host from being taken back: the command that cannot be made, by its slot's name, and why."""

    host: HostName
    step: StepName
    section: Section
    why: str


def plan_back(
    layout: Layout, plan: HostPlan, mine: HostState, kept: Set[int], *, gates: Sequence[Gate], lacks: list[Lack]
) -> HostPlan:
    """The host's plan, with the values that were registered there; what is lacking is added to `lacks`.

    kept: the steps (slots) that stay done though their undo is owed. gates: those that are asked after its wave.
    Handlers that the undos call, `after_rollback` and `finally` are made final, too, but for what waits for a result
    that one of these gives on the way back; so are the commands of gates.
    """
    found = _Final(layout, plan, mine, lacks)
    for undo in layout.undos:
        if mine.progress[undo.slot].skipped:
            found.whens[undo.slot] = False  # it was found not to be owed, and still is not
    due = owed(layout, mine)
    for undo in due:
        if undo.step in kept:
            found.whens[undo.slot] = False
    found.settle(undo.slot for undo in due if undo.step not in kept)
    if undone := [undo.slot for undo in due if found.whens[undo.slot]]:
        called = {handler for slot in undone for handler in layout.calls[slot]}
        found.settle((*sorted(called), *layout.after_rollback, *layout.finally_))
    asked = {gate.name for gate in gates}
    for index in layout.checks:
        if layout.slots[index].name not in asked:
            found.whens[index] = False
    found.settle(index for index in layout.checks if found.whens[index])
    return replace(
        plan,
        commands=tuple(found.commands),
        whens=tuple(found.whens),
        owed=(),
        done=(),
        done_in="",
        registered=dict(mine.registered),
        past=tuple(_past(layout, mine)),
        kept=tuple(undo.slot for undo in due if undo.step in kept),
    )


class _Final:
    """The commands and conditions of a host, made final slot by slot."""

    def __init__(self, layout: Layout, plan: HostPlan, mine: HostState, lacks: list[Lack]) -> None:
        self._layout, self._plan, self._mine, self._lacks = layout, plan, mine, lacks
        self.commands, self.whens = list(plan.commands), list(plan.whens)

    def settle(self, slots: Iterable[int]) -> None:
        """Make these slots final, which are run in this order; what a later one takes from an earlier stays late."""
        given: set[str] = set()
        for index in slots:
            slot = self._layout.slots[index]
            try:
                self._settle(index, slot, given)
            except TemplateError as error:
                lack = Lack(host=self._plan.host.name, step=slot.name, section=slot.section, why=str(error))
                self._lacks.append(lack)
            if slot.register and self.whens[index] is not False:
                given.add(slot.register)

    def _settle(self, index: int, slot: Slot, given: Set[str]) -> None:
        """Raises TemplateError."""
        if self.whens[index] is None and not _read(slot) & given:
            self.whens[index] = decide_when(slot, self._plan, self._mine.registered)
        command = self.commands[index]
        if self.whens[index] is not False and not command.final and not given & {*command.waits_for}:
            self.commands[index] = late_command(slot, self._plan, self._mine.registered)


def _read(slot: Slot) -> Set[str]:
    """What the conditions of a slot read."""
    return frozenset[str]().union(*(names(condition, expression=True) for condition in slot.conditions))


def _past(layout: Layout, mine: HostState) -> Iterator[Past]:
    """How the steps had ended, and which parts of their undos were done."""
    for index in layout.steps:
        progress = mine.progress[index]
        if progress.effect is not None:
            yield Past(slot=index, outcome=progress.effect, may_be_running=progress.may_be_running)
    for undo in layout.undos:
        progress = mine.progress[undo.slot]
        if progress.outcome is Outcome.OK:
            yield Past(slot=undo.slot, outcome=Outcome.OK)
