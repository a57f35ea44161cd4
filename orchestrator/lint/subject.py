"""What rules look at: a step, or a command that takes one back, alike from a playbook and from a plan."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from warnings import catch_warnings

from orchestrator.lint.shell_text import VALUE, Call, Word, read_calls, stand_in
from orchestrator.lint.texts import body_of
from orchestrator.model.gate import WaveCommand
from orchestrator.model.ids import Value
from orchestrator.model.origin import Origin, Text
from orchestrator.model.param import Param
from orchestrator.model.plan import Plan, Section, Slot
from orchestrator.model.playbook import Body, Playbook, RunOnce, Step
from orchestrator.template.error import origin_at

_DASHES = ("-", "--", "-x", "-1", "--x", "--force", "--upload-pack=x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What is known of values by their names.

    dashing: those that may begin with `-`, since a caller may pass anything. filled: those that are never empty.
    """

    dashing: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A step, or one command of its rollback (undo). step: the step's name. path: the keys that lead to it, or empty.

    attempts: how often it is tried. judged: its exit status is not what counts. looks: its author says that it changes
    nothing, or it is a condition. secret: what it says is shown to nobody. undone: the step has a rollback.
    """

    step: str
    section: Section
    body: Body
    origin: Origin
    path: str = ""
    undo: bool = False
    attempts: int = 1
    until: bool = False
    judged: bool = False
    looks: bool = False
    registers: bool = False
    plain: bool = False
    background: bool = False
    irreversible: bool = False
    secret: bool = False
    undone: bool = False
    run_once: RunOnce | None = None
    values: Values = field(default_factory=Values)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """What it runs, as long as written, with VALUE in the place of values."""
        return tuple(stand_in(text.source, VALUE) for text in self.body.texts)

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """The commands that it runs."""
        match self.body.kind:
            case "run":
                return read_calls(self.texts[0])
            case "argv":
                words = (Word(text=text, at=0, number=number) for number, text in enumerate(self.texts))
                return (Call(words=[*words]),)
            case _:
                return ()

    def place(self, at: int, number: int = 0) -> Origin:
        """Where a character of one of its texts is written."""
        return origin_at(self.body.texts[number], at)

    def word_origin(self, word: Word) -> Origin:
        """Where a word of one of its commands is written."""
        return self.place(word.at, word.number)


def of_playbook(playbook: Playbook) -> Iterator[Subject]:
    """Every step of a playbook, each followed by the commands that take it back, and every gate on a wave."""
    values = _of_params(playbook.params) if playbook.params else Values()
    literal = (name for name, each in playbook.variables.items() if isinstance(each.value, str) and each.value.strip())
    values = Values(dashing=values.dashing, filled=values.filled | frozenset(literal))
    sections = {
        Section.STEPS: playbook.steps,
        Section.HANDLERS: playbook.handlers,
        Section.AFTER_ROLLBACK: playbook.after_rollback,
        Section.FINALLY: playbook.finally_,
    }
    for section, steps in sections.items():
        for step in steps:
            yield _of_step(step, section, values)
            yield from _undos(step, values)
    for gate, path in playbook.rollout.every_gate():
        if isinstance(gate, WaveCommand):
            yield _of_gate(gate, f"{path}.command", values)


def _of_step(step: Step, section: Section, values: Values) -> Subject:
    return Subject(
        step=step.name,
        section=section,
        body=step.body,
        origin=step.origin,
        path=step.path,
        attempts=step.retries.attempts,
        until=step.until is not None,
        judged=step.failed_when is not None,
        looks=step.changed_when is not None and step.changed_when.source.strip().lower() == "false",
        registers=step.register is not None,
        plain=step.plain,
        background=step.background,
        irreversible=step.irreversible,
        secret=step.secret,
        undone=step.rollback is not None,
        run_once=step.run_once,
        values=values,
    )


def _of_gate(gate: WaveCommand, path: str, values: Values) -> Subject:
    body = body_of(gate)
    return Subject(
        step=gate.name,
        section=Section.GATES,
        body=body,
        origin=body.texts[0].origin,
        path=path,
        looks=True,
        values=values,
    )


def _undos(step: Step, values: Values) -> Iterator[Subject]:
    if not step.rollback:
        return
    verify = (step.rollback.verify,) if step.rollback.verify else ()
    for part in (*step.rollback.parts, *verify):
        yield Subject(
            step=step.name,
            section=Section.UNDO,
            body=part.body,
            origin=part.body.texts[0].origin,
            path=f"{step.path}.rollback",
            undo=True,
            attempts=part.retries.attempts,
            plain=step.plain,
            secret=step.secret,
            values=values,
        )


def of_plan(plan: Plan) -> Iterator[Subject]:
    """Every slot of a plan; of the items of a loop the first."""
    seen: set[tuple[Section, Sequence[Text]]] = set()
    undone = {slot.undo_of for slot in plan.slots}
    values = Values(dashing=_dashing(plan.params), filled=_known(plan))
    for index, slot in enumerate(plan.slots):
        key = (slot.section, slot.template.body.texts)
        if key not in seen:
            seen.add(key)
            yield _of_slot(slot, plan, undone=index in undone, values=values)


def _of_slot(slot: Slot, plan: Plan, *, undone: bool, values: Values) -> Subject:
    step = plan.slots[slot.undo_of] if slot.undo_of is not None else slot
    return Subject(
        step=step.name,
        section=slot.section,
        body=slot.template.body,
        origin=slot.template.body.texts[0].origin,
        undo=slot.undo_of is not None,
        attempts=slot.retries.attempts,
        until=slot.until is not None,
        judged=slot.failed_when is not None,
        looks=slot.changed_when is not None and slot.changed_when.source.strip().lower() == "false",
        registers=slot.register is not None,
        plain=slot.plain,
        background=slot.background,
        irreversible=slot.irreversible,
        secret=slot.secret,
        undone=undone,
        run_once=slot.run_once,
        values=values,
    )


def _of_params(params: Sequence[Param]) -> Values:
    """By their patterns: whether one lets a dash begin the value, or nothing be the value."""
    free = [param for param in params if param.type == "string" and not param.choices]
    return Values(
        dashing=frozenset(param.name for param in free if _takes(param, *_DASHES)),
        filled=frozenset(param.name for param in params if param not in free or not _takes(param, "")),
    )


def _takes(param: Param, *values: str) -> bool:
    """Whether one of these may be passed. A loader has checked that the pattern is one."""
    with catch_warnings(action="ignore"):  # of what a later Python may read differently
        return param.pattern is None or any(re.fullmatch(param.pattern, value) for value in values)


def _dashing(params: Mapping[str, Value]) -> frozenset[str]:
    return frozenset(name for name, value in params.items() if isinstance(value, str) and value.startswith("-"))


def _known(plan: Plan) -> frozenset[str]:
    """The names that are no late results: what they give is in the plan to be seen."""
    late = {slot.register for slot in plan.slots if slot.register}
    read = re.findall(
        r"[A-Za-z_]\w*", " ".join(text.source for slot in plan.slots for text in slot.template.body.texts)
    )
    return frozenset(read) - late
