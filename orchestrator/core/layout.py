"""Where each slot of a plan stands: the sections as index ranges, made once per plan."""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.errors import Bug
from orchestrator.model.ids import StepName
from orchestrator.model.plan import Plan, Section, Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """One command of the undo of one step: both as indices into the slots. verifies: it checks what was undone."""

    step: int
    slot: int
    verifies: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The slots of a plan, by section.

    undos: in the order of undoing: newest step first, and each step's commands in theirs, the check last.
    calls: the handlers that each slot calls, in the order of their section; an undo calls those of its step.
    checks: the commands of gates. goes_back: the plan takes a run back and does nothing else.
    """

    slots: tuple[Slot, ...]
    steps: tuple[int, ...]
    undos: tuple[Undo, ...]
    handlers: tuple[int, ...]
    after_rollback: tuple[int, ...]
    finally_: tuple[int, ...]
    checks: tuple[int, ...]
    by_name: Mapping[tuple[StepName, bool], int]
    calls: Mapping[int, tuple[int, ...]]
    goes_back: bool = False

    @property
    def looks_from(self) -> int:
        """The index of the first slot that is the command of a gate: they are the last ones."""
        return len(self.slots) - len(self.checks)

    def find(self, step: StepName, *, undo: bool) -> int:
        """The index of a step, or of its undo. Raises Bug when the plan has no such slot."""
        try:
            return self.by_name[(step, undo)]
        except KeyError:
            raise Bug(f"the plan has no {'undo of ' if undo else ''}step {step!r}") from None

    def undo_slots(self, step: StepName) -> tuple[int, ...]:
        """The indices of all commands that take a step back, the check among them; none: it has no rollback."""
        index = self.find(step, undo=False)
        return tuple(undo.slot for undo in self.undos if undo.step == index)


def lay_out(plan: Plan) -> Layout:
    """The layout of a plan's slots."""

    def section(wanted: Section) -> tuple[int, ...]:
        return tuple(i for i, slot in enumerate(plan.slots) if slot.section is wanted)

    undos = [
        Undo(step=slot.undo_of, slot=i, verifies=slot.verifies)
        for i, slot in enumerate(plan.slots)
        if slot.section is Section.UNDO and slot.undo_of is not None
    ]
    handlers = section(Section.HANDLERS)

    def calls(slot: Slot) -> tuple[int, ...]:
        step = slot if slot.undo_of is None else plan.slots[slot.undo_of]
        return tuple(i for i in handlers if plan.slots[i].name in step.handlers)

    return Layout(
        slots=plan.slots,
        steps=section(Section.STEPS),
        undos=tuple(sorted(undos, key=lambda undo: (-undo.step, undo.slot))),
        handlers=handlers,
        after_rollback=section(Section.AFTER_ROLLBACK),
        finally_=section(Section.FINALLY),
        checks=section(Section.GATES),
        by_name={(slot.name, slot.section is Section.UNDO): i for i, slot in enumerate(plan.slots)},
        calls={i: calls(slot) for i, slot in enumerate(plan.slots)},
        goes_back=bool(plan.takes_back),
    )
