"""Where each slot of a plan stands: the sections as index ranges, made once per plan."""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.errors import Bug
from orchestrator.model.ids import StepName
from orchestrator.model.plan import Plan, Section, Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """The undo of one step: both as indices into the slots."""

    step: int
    slot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The slots of a plan, by section. `undos` is in the order of undoing: newest step first.

    calls: the handlers that each slot calls, in the order of their section; an undo calls those of its step.
    """

    slots: tuple[Slot, ...]
    steps: tuple[int, ...]
    undos: tuple[Undo, ...]
    handlers: tuple[int, ...]
    after_rollback: tuple[int, ...]
    finally_: tuple[int, ...]
    by_name: Mapping[tuple[StepName, bool], int]
    calls: Mapping[int, tuple[int, ...]]

    def find(self, step: StepName, *, undo: bool) -> int:
        """The index of a step, or of its undo. Raises Bug when the plan has no such slot."""
        try:
            return self.by_name[(step, undo)]
        except KeyError:
            raise Bug(f"the plan has no {'undo of ' if undo else ''}step {step!r}") from None


def lay_out(plan: Plan) -> Layout:
    """The layout of a plan's slots."""

    def section(wanted: Section) -> tuple[int, ...]:
        return tuple(i for i, slot in enumerate(plan.slots) if slot.section is wanted)

    undos = [
        Undo(step=slot.undo_of, slot=i)
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
        undos=tuple(sorted(undos, key=lambda undo: -undo.step)),
        handlers=handlers,
        after_rollback=section(Section.AFTER_ROLLBACK),
        finally_=section(Section.FINALLY),
        by_name={(slot.name, slot.section is Section.UNDO): i for i, slot in enumerate(plan.slots)},
        calls={i: calls(slot) for i, slot in enumerate(plan.slots)},
    )
