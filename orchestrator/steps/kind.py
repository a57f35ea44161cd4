"""What a step kind is: how its value is read from a playbook, and the shell text that it becomes on one host."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from orchestrator.model.origin import Origin, Text

Locate = Callable[[tuple[int | str, ...]], Origin]
"""The place of a part of a step's value: () is the value itself, (2,) a list's third element, ("a",) a key's value."""

Render = Callable[[Text], str]
"""Fills in a template for one host."""


class Read(Protocol):
    """Takes a step's value apart into templates. Raises ValueError, with a sentence for its author."""

    def __call__(self, value: object, locate: Locate) -> tuple[Text, ...]: ...


class Command(Protocol):
    """The shell text of one host.

    shell: renders a template that is shell text, every value quoted for the place where it stands.
    word: renders a template whose result is one word for a program, so nothing inside it is quoted.
    """

    def __call__(self, texts: tuple[Text, ...], shell: Render, word: Render) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKind:
    """One kind of step: the key that a playbook writes, and what its value means.

    aliases: other keys that mean the same. help: one sentence for people who write playbooks.
    schema: the JSON Schema of the value. example: a value, for messages and editors.
    """

    name: str
    aliases: tuple[str, ...] = ()
    help: str
    schema: Mapping[str, object]
    example: object
    read: Read
    command: Command
