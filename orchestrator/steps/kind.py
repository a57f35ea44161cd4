"""What a step kind is: how its value is read from a playbook, and the shell text that it becomes on one host."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from orchestrator.model.origin import Origin, Text
from orchestrator.model.playbook import File

Locate = Callable[[tuple[int | str, ...]], Origin]
"""The place of a part of a step's value: () is the value itself, (2,) a list's third element, ("a",) a key's value."""

Render = Callable[[Text], str]
"""Fills in a template for one host."""


class Read(Protocol):
    """Takes a step's value apart into templates. Raises ValueError, with a sentence for its author."""

    def __call__(self, value: object, locate: Locate) -> tuple[Text, ...]: ...


class Command(Protocol):
    """The shell text of one host, as a plan shows it.

    shell: renders a template that is shell text, every value quoted for the place where it stands.
    word: renders a template whose result is one word for a program, so nothing inside it is quoted.
    """

    def __call__(self, texts: tuple[Text, ...], shell: Render, word: Render) -> str: ...


class FileUse(Enum):
    """What a file beside the playbook is for."""

    SCRIPT = "script"
    """It is run: text, whose first line may name its interpreter."""
    TEMPLATE = "template"
    """It is one more text of the step, after those that were read."""
    BYTES = "bytes"
    """It is put into the guest as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededFile:
    """A file that a step's value names. at: where in the value it does."""

    name: str
    at: tuple[str, ...]
    use: FileUse


def _needs_nothing(value: object) -> NeededFile | None:
    return None


def _as_it_is(text: str, file: File | None) -> str:
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKind:
    """One kind of step: the key that a playbook writes, and what its value means.

    aliases: other keys that mean the same. help: one sentence for people who write playbooks.
    schema: the JSON Schema of the value. example: a value, for messages and editors.
    needs: the file that a value names, where it does. program: what is sent for a command and that file, which are kept
    apart in a plan since the file is the same for every host.
    unchanged: what it prints where it has changed nothing; '' for a kind that cannot know.
    """

    name: str
    aliases: tuple[str, ...] = ()
    help: str
    schema: Mapping[str, object]
    example: object
    read: Read
    command: Command
    needs: Callable[[object], NeededFile | None] = _needs_nothing
    program: Callable[[str, File | None], str] = _as_it_is
    unchanged: str = ""


def here_document(text: str) -> str:
    """The redirection that gives this text, and a newline after it, to a command: no shell reads anything in it."""
    lines = {*text.split("\n")}
    word = next(word for word in ("E", *(f"E{i}" for i in range(len(lines) + 1))) if word not in lines)
    return f"<<'{word}'\n{text}\n{word}"
