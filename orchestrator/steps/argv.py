"""The step kind `argv`: a program and its arguments, one word each, which no shell reads."""

import shlex

from orchestrator.model.origin import Text
from orchestrator.steps.kind import Locate, Render, StepKind


def _read(value: object, locate: Locate) -> tuple[Text, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list, a program and its arguments, such as [systemctl, restart, web]")
    for number, word in enumerate(value, start=1):
        if not isinstance(word, str):
            raise ValueError(f"word {number} must be text: quote it")
    if not value[0].strip():
        raise ValueError("the first word, the program, is empty: write it")
    return tuple(Text(source=word, origin=locate((index,))) for index, word in enumerate(value))


def _command(texts: tuple[Text, ...], shell: Render, word: Render) -> str:
    return shlex.join(word(text) for text in texts)


ARGV = StepKind(
    name="argv",
    help="A program and its arguments, one word each: no shell reads them, so nothing in them needs quotes.",
    schema={"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1},
    example=["systemctl", "restart", "web"],
    read=_read,
    command=_command,
)
