"""Every template of a playbook, with where it is and how it is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from orchestrator.model.gate import ControllerCommand, WaveCommand
from orchestrator.model.host import Variable
from orchestrator.model.ids import Value
from orchestrator.model.origin import Origin, Text
from orchestrator.model.playbook import Body, Guard, Playbook, Step
from orchestrator.steps import KINDS


class Manner(Enum):
    """How a template is read."""

    SHELL = "shell"
    """Shell text, in which every value is quoted."""
    WORD = "word"
    """One word, or a variable's value."""
    EXPRESSION = "expression"
    """An expression without braces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One template. own: names that are there beside those of the playbook (`result`, `item`)."""

    text: Text
    path: str
    manner: Manner
    own: frozenset[str] = frozenset()

    @property
    def expression(self) -> bool:
        return self.manner is Manner.EXPRESSION


LOOPED = frozenset({"item", "index"})
RESULT = frozenset({"result"})


def body_of(gate: WaveCommand) -> Body:
    """What a gate runs on each host of its wave."""
    return Body(kind="run", texts=(gate.run,)) if gate.run else Body(kind="argv", texts=gate.argv)


def texts_of(playbook: Playbook) -> Iterator[Written]:
    """Every template of a playbook."""
    for name, variable in playbook.variables.items():
        yield from _in_value(variable, f"vars.{name}")
    for name, text in playbook.env.items():
        yield Written(text=text, path=f"env.{name}", manner=Manner.WORD)
    for key, default in (("cwd", playbook.cwd), ("user", playbook.user)):
        if default:
            yield Written(text=default, path=f"defaults.{key}", manner=Manner.WORD)
    for gate, at in playbook.rollout.every_gate():
        path = f"{at}.command"
        if isinstance(gate, WaveCommand):
            yield from _of_body(body_of(gate), path, frozenset())
        elif isinstance(gate, ControllerCommand) and gate.run:
            yield Written(text=gate.run, path=path, manner=Manner.SHELL)
        elif isinstance(gate, ControllerCommand):
            for word in gate.argv:
                text = Text(source=word, origin=playbook.origin)
                yield Written(text=text, path=path, manner=Manner.WORD)
    for step in playbook.every_step:
        yield from _of_step(step)


def _of_step(step: Step) -> Iterator[Written]:
    own = LOOPED if step.loop else frozenset[str]()
    path = step.path
    yield from _of_body(step.body, f"{path}.{step.body.kind}", own)
    for key, text in (
        ("cwd", step.cwd),
        ("user", step.user),
        *((f"env.{name}", text) for name, text in step.env.items()),
    ):
        if text:
            yield Written(text=text, path=f"{path}.{key}", manner=Manner.WORD, own=own)
    for guard, text in step.guards.items():
        manner = Manner.WORD if guard is Guard.CREATES else Manner.SHELL
        yield Written(text=text, path=f"{path}.{guard.value}", manner=manner, own=own)
    asked = {"until": step.until, "failed_when": step.failed_when, "changed_when": step.changed_when}
    yield from _expressions({key: text for key, text in asked.items() if text}, path, own | RESULT)
    yield from _expressions({"when": step.when} if step.when else {}, path, own)
    yield from (Written(text=text, path="when", manner=Manner.EXPRESSION) for text in step.under)
    if step.loop and step.loop.text:
        manner = Manner.EXPRESSION if step.loop.expression else Manner.WORD
        yield Written(text=step.loop.text, path=step.loop.path, manner=manner)
    for item in step.loop.items if step.loop else ():
        yield from _in_value(item, f"{path}.loop")
    if rule := step.rollback:
        for part in (*rule.parts, *((rule.verify,) if rule.verify else ())):
            yield from _of_body(part.body, f"{path}.rollback", own)
        yield from _expressions({"when": rule.when} if rule.when else {}, f"{path}.rollback", own)


def _of_body(body: Body, path: str, own: frozenset[str]) -> Iterator[Written]:
    found: list[Written] = []

    def shell(text: Text) -> str:
        found.append(Written(text=text, path=path, manner=Manner.SHELL, own=own))
        return text.source

    def word(text: Text) -> str:
        found.append(Written(text=text, path=path, manner=Manner.WORD, own=own))
        return text.source

    KINDS[body.kind].command(body.texts, shell=shell, word=word)
    yield from found


def _expressions(texts: Mapping[str, Text], path: str, own: frozenset[str]) -> Iterator[Written]:
    for key, text in texts.items():
        yield Written(text=text, path=f"{path}.{key}", manner=Manner.EXPRESSION, own=own)


def _in_value(variable: Variable, path: str) -> Iterator[Written]:
    yield from (Written(text=text, path=path, manner=Manner.WORD) for text in _strings(variable.value, variable.origin))


def _strings(value: Value, origin: Origin) -> Iterator[Text]:
    match value:
        case str():
            yield Text(source=value, origin=origin)
        case dict():
            for each in value.values():
                yield from _strings(each, origin)
        case list():
            for each in value:
                yield from _strings(each, origin)
        case _:
            pass
