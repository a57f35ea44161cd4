"""Simple commands as a shell splits them: the author's words, with marks where values stand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from orchestrator.template.refusal import Refusal

VALUE = "\ufffd"
"""Stands in an author's text for a value."""
HIDDEN = "\ufffe"
"""Stands in `Word.bare` for a character that was quoted."""

_KEYWORDS = frozenset("if then elif else do while until ! time -p coproc".split())
"""Words after which a command begins; `-p` is of time."""
OPENERS = frozenset("if while until for case select {".split())
"""Words that begin a compound command."""
CLOSERS = frozenset("} done fi esac".split())
"""Words that end a compound command."""


@dataclass(slots=True)
class Word:
    """A word. text: without its quotes. bare: the same, its quoted characters hidden.

    values: those that stand in it, by their number. printed: those in a $(...) in it, whose output is part of it.
    """

    text: str = ""
    bare: str = ""
    values: list[int] = field(default_factory=list)
    printed: list[int] = field(default_factory=list)

    @property
    def splits(self) -> bool:
        """Whether a $(...) with values in it may stand there without quotes: it is as many words as it prints."""
        return bool(self.printed) and "$" in self.bare

    @property
    def led(self) -> bool:
        """Whether a value, or what is printed by a command with one, is what it begins with."""
        return self.text.startswith(VALUE) or (bool(self.printed) and self.text.startswith("$"))

    @property
    def open_subscript(self) -> bool:
        """Whether it has a name[ without its ]; mksh looks for that of the same depth, and knows no quotes there."""
        name, bracket, rest = self.bare.partition("[")
        named = name[-1:].isalnum() or name[-1:] in ("_", VALUE)
        return bool(bracket) and named and rest.count("[") >= rest.count("]")


@dataclass(slots=True)
class Document:
    """A here-document's text as the command reads it on its stdin, and the values in it; printed: as of a word."""

    text: str = ""
    values: list[int] = field(default_factory=list)
    printed: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Command:
    """A simple command. words: without redirections. documents: on its stdin.

    first: the number of the next value when it began.
    """

    first: int
    words: list[Word] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)


@dataclass(slots=True)
class Pipeline:
    """Commands of which each reads what the one before it prints.

    level: the first value of the list it is in. compound: one of them is; it takes in all that follows in the list.
    """

    level: int
    commands: list[Command] = field(default_factory=list)
    compound: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is known of a value because of the command that it stands in."""

    value: int
    refusal: Refusal | None = None
    remark: str = ""


def start(words: Sequence[Word]) -> int:
    """The index of the word that names the program: after keywords and assignments, and after a `function f {`."""
    at = 0
    while at < len(words):
        bare = words[at].bare
        named = bare == "function" or (bare == "coproc" and [word.bare for word in words[at + 2 : at + 3]] == ["{"])
        if named and any(word.bare == "{" for word in words[at:]):
            at = next(index for index in range(at, len(words)) if words[index].bare == "{")
        elif bare != "{" and bare not in _KEYWORDS and not assigned(words[at]):
            break
        at += 1
    return at


def readings(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    """The words, and those after each { among them: zsh begins a command there after `repeat 3`."""
    yield words
    yield from (words[at + 1 :] for at, word in enumerate(words) if at and word.bare == "{")


def assigned(word: Word) -> str:
    """The variable that this word would set before a command, or as an argument of export; '' for none."""
    name, equals, _ = word.bare.partition("=")
    name = name.removesuffix("+")
    return name if equals and name.isidentifier() and name.isascii() else ""


def name_of(word: Word) -> str:
    """The program that the word names, without its folder; VALUE where a value may say which."""
    return VALUE if VALUE in word.text else word.text.rpartition("/")[2]


def program(words: Sequence[Word]) -> str:
    """The program that is run; '' where there is none."""
    at = start(words)
    return name_of(words[at]) if at < len(words) else ""


def operands(words: Sequence[Word], taking: frozenset[str] = frozenset()) -> Iterator[tuple[int, Word]]:
    """The words that are no options, with their index, from the second word on; all after `--` are.

    taking: the options, `-o`, that take the next word with them.
    """
    at, over = 1, False
    while at < len(words):
        text = words[at].text
        if not over and text == "--":
            over = True
        elif over or text[:1] not in ("-", "+"):
            yield at, words[at]
        elif text in taking:
            at += 1
        at += 1
