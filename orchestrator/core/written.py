"""A slot as its author wrote it: what it waits for and needs, and what is wrong with it whatever the host."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum

from orchestrator.core.command import put_together
from orchestrator.core.problems import Problems
from orchestrator.model.ids import StepName
from orchestrator.model.origin import Origin, Problem, Text
from orchestrator.model.plan import Command, Slot
from orchestrator.model.playbook import Guard, Playbook, Step
from orchestrator.model.state import Registered
from orchestrator.steps import KINDS
from orchestrator.template import TemplateError, check, check_shell, names, needs, place, reads

ENTRIES = tuple(field.name for field in fields(Registered))
"""What a registered result has, as in `before.stdout`."""

OWN_RESULT = "result"
"""What `until` and `failed_when` call the result of the attempt that they judge."""


class Manner(Enum):
    """How a text is used."""

    SHELL = "shell"
    """Rendered as shell text, values quoted."""
    WORD = "word"
    """Rendered as one word, nothing quoted."""
    EXPRESSION = "expression"
    """Evaluated while planning if it can be, else in the run."""
    JUDGEMENT = "judgement"
    """Evaluated on the result of every attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One text of a slot. path: the keys of the playbook that lead to it."""

    text: Text
    path: str
    manner: Manner

    @property
    def expression(self) -> bool:
        return self.manner in (Manner.EXPRESSION, Manner.JUDGEMENT)

    def names(self) -> frozenset[str]:
        return names(self.text, expression=self.expression)

    def needs(self) -> frozenset[str]:
        return needs(self.text, expression=self.expression)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The registered results that a slot may use: `seen`, of steps before it; all: by name, and which step it is of.

    left_out: those of steps that are not in the plan.
    """

    seen: frozenset[str]
    all: Mapping[str, StepName]
    left_out: Mapping[str, Step] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What is known of a slot before any host.

    command: with the templates as written; it waits for the results that they use. usable: nothing is wrong.
    parts: the texts of the command; where something is wrong, those that can be rendered for a host all the same.
    names: what the command reads, in order. late_when: `when` is decided in the run.
    in_run: the texts that are rendered or evaluated in the run, and the variables that they cannot do without.
    kept: the variables that they read.
    """

    slot: Slot
    path: str
    command: Command
    parts: tuple[Part, ...]
    usable: bool
    names: tuple[str, ...] = ()
    late_when: bool = False
    in_run: tuple[tuple[Part, frozenset[str]], ...] = ()
    kept: frozenset[str] = frozenset()


def read(slot: Slot, path: str, playbook: Playbook, results: Results, problems: Problems) -> Written:
    """What is known of this slot; what is wrong is added to the problems."""
    command_parts = tuple(_command_parts(slot, path, playbook))
    judgements = {"until": slot.until, "failed_when": slot.failed_when, "changed_when": slot.changed_when}
    judged = tuple(_expressions(Manner.JUDGEMENT, path, **judgements))
    own = f"{rule_path(slot, path)}.when"
    when = tuple(
        Part(text=condition, path=own if condition is slot.when else "when", manner=Manner.EXPRESSION)
        for condition in slot.conditions
    )
    written = put_together(slot.template, _source, _source)
    every = (*command_parts, *when, *judged)
    sound = tuple(part for part in every if _is_sound(part, slot, results, problems))
    if sound != every:
        parts = tuple(part for part in sound if not part.expression and not part.names() & results.seen)
        return Written(slot=slot, path=path, command=written, parts=parts, usable=False)

    read_names = frozenset[str]().union(*(part.names() for part in command_parts))
    waits_for = tuple(sorted(read_names & results.seen))
    late_when = any(part.names() & results.seen for part in when)
    in_run = (command_parts if waits_for else ()) + (when if late_when else ()) + judged
    return Written(
        slot=slot,
        path=path,
        command=replace(written, waits_for=waits_for),
        parts=command_parts,
        usable=True,
        names=tuple(sorted(read_names)),
        late_when=late_when,
        in_run=tuple((part, part.needs() - _known_in_run(part, results)) for part in in_run),
        kept=frozenset[str]().union(*(part.names() - _known_in_run(part, results) for part in in_run)),
    )


def rule_path(slot: Slot, path: str) -> str:
    """Where the `when` of a slot is written: that of a rollback stands beside its commands."""
    return path.partition(".rollback")[0] + ".rollback" if slot.undo_of is not None else path


def _source(text: Text) -> str:
    return text.source


def _known_in_run(part: Part, results: Results) -> frozenset[str]:
    return results.seen | {OWN_RESULT} if part.manner is Manner.JUDGEMENT else results.seen


def _command_parts(slot: Slot, path: str, playbook: Playbook) -> Iterator[Part]:
    """The texts of the command: those of its kind, the folder, the user, the environment and the guards."""
    body = slot.template.body
    body_path = path if slot.undo_of is not None else f"{path}.{body.kind}"
    parts: list[Part] = []

    def shell(text: Text) -> str:
        parts.append(Part(text=text, path=body_path, manner=Manner.SHELL))
        return text.source

    def word(text: Text) -> str:
        parts.append(Part(text=text, path=body_path, manner=Manner.WORD))
        return text.source

    KINDS[body.kind].command(body.texts, shell=shell, word=word)
    yield from parts
    if slot.template.cwd:
        cwd_path = "defaults.cwd" if slot.template.cwd is playbook.cwd else f"{path}.cwd"
        yield Part(text=slot.template.cwd, path=cwd_path, manner=Manner.WORD)
    if slot.template.user:
        user_path = "defaults.user" if slot.template.user is playbook.user else f"{path}.user"
        yield Part(text=slot.template.user, path=user_path, manner=Manner.WORD)
    for name, text in slot.template.env:
        env_path = f"env.{name}" if text is playbook.env.get(name) else f"{path}.env.{name}"
        yield Part(text=text, path=env_path, manner=Manner.WORD)
    for guard, text in slot.template.guards:
        manner = Manner.WORD if guard is Guard.CREATES else Manner.SHELL
        yield Part(text=text, path=f"{path}.{guard.value}", manner=manner)


def _expressions(manner: Manner, path: str, **texts: Text | None) -> Iterator[Part]:
    return (Part(text=text, path=f"{path}.{key}", manner=manner) for key, text in texts.items() if text)


def _is_sound(part: Part, slot: Slot, results: Results, problems: Problems) -> bool:
    """Whether the text can be used at all, for some host."""
    try:
        if part.manner is Manner.SHELL:
            check_shell(part.text)
        else:
            check(part.text, expression=part.expression)
    except TemplateError as error:
        problems.note(error.problem, path=part.path)
        return False
    wrong = [*_out_of_order(part, slot, results), *_left_out(part, results), *_without_entry(part, results)]
    for problem in wrong:
        problems.note(problem, path=part.path)
    return not wrong


def _out_of_order(part: Part, slot: Slot, results: Results) -> Iterator[Problem]:
    """Results that are used before they are there."""
    for name in sorted((part.names() & results.all.keys()) - _known_in_run(part, results)):
        if name != slot.register:
            problem = f"`{name}` is registered only by the later step {results.all[name]!r}"
            yield Problem(origin=_place(part, name), problem=problem, fix="move this step below that one")
        elif part.manner is Manner.JUDGEMENT:
            problem = f"`{name}` is this step's own result, which is not registered yet"
            yield Problem(origin=_place(part, name), problem=problem, fix=f"call it `{OWN_RESULT}` here")
        else:
            problem = f"`{name}` is this step's own result, and not there before it has run"
            yield Problem(origin=_place(part, name), problem=problem, fix="use the result of an earlier step")


def _left_out(part: Part, results: Results) -> Iterator[Problem]:
    """Results that it cannot do without, and that no step of this plan registers."""
    for name in sorted(part.needs() & results.left_out.keys()):
        step = results.left_out[name]
        problem = f"`{name}` is registered by the step {step.name!r} ({step.origin}), which the tags leave out"
        fix = f"choose that step too, or ask `{name} is defined`"
        yield Problem(origin=_place(part, name), problem=problem, fix=fix)


def _without_entry(part: Part, results: Results) -> Iterator[Problem]:
    for name, entry in sorted(reads(part.text, expression=part.expression)):
        if name in _known_in_run(part, results) and entry not in ENTRIES:
            fix = f"it has {' '.join(ENTRIES)}"
            yield Problem(origin=_place(part, entry), problem=f"`{name}` has no `{entry}`", fix=fix)


def _place(part: Part, word: str) -> Origin:
    return place(part.text, word, expression=part.expression)
