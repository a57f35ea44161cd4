"""The lexer: what a shell's own reader knows at each point of an author's text, and the commands that it finds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.template.commands import HIDDEN, VALUE, Document, Word
from orchestrator.template.contexts import CONTEXTS, DOCUMENTS, EXPANDING, WORDS, Context
from orchestrator.template.placing import Heredoc, Place
from orchestrator.template.record import Record
from orchestrator.template.refusal import Refusal, Unless

_ENDS = frozenset({"", *" \t\n;|&)./:-_@%"})
"""What may follow a value that stands without quotes, besides letters and digits."""
_PLAIN = re.compile(r"[\w@%+=:,./-]*", re.ASCII)

_IN_DOCUMENT = Refusal(
    problem="only a whole number can stand in $(...) in a here-document: shells lose the \\ before a newline there",
    fix="assign it to a variable before",
    unless=Unless.NUMBER,
)
_NUMBERS_ONLY: Mapping[bool, Refusal] = {
    True: Refusal(
        problem="only a number can stand after >& or <&, since bash expands what stands there twice",
        fix="write > {{ file }} 2>&1, or {{ n | int }}",
        unless=Unless.NUMBER,
    ),
    False: Refusal(
        problem="only a whole number can stand in a subscript, since the shell evaluates it",
        fix="write {{ n | int }}; arrays are not of sh",
        unless=Unless.NUMBER,
    ),
}


@dataclass(slots=True)
class Announced:
    """A here-document, and the lines of it that were read so far. line: its newest line as it is written."""

    heredoc: Heredoc
    read: Document = field(default_factory=Document)
    line: str = ""


class Lexer:
    """Reads the author's text and takes the places of values between.

    stack: the contexts, innermost last. pending: here-documents announced on this line, the one being read first.
    after: what stands right before, where a value would become part of it. depth: open parentheses of arithmetic.
    duplicates: in the word after >& or <&. lost: why values can no longer be placed.
    unread: the text from there on, in pieces, each with how many values come before it.
    """

    def __init__(self) -> None:
        self.text, self.at = "", 0
        self.places: list[Place] = []
        self.record = Record()
        self.stack = [Context.COMMAND]
        self.pending: list[Announced] = []
        self.after = ""
        self.depth = 0
        self.duplicates = False
        self.lost: Refusal | None = None
        self.unread: list[tuple[int, str]] = []

    def value(self, following: str, *, another: bool) -> None:
        """Take the place of a value that comes now, before this text of the author's; another: before another value."""
        context, number = self.stack[-1], len(self.places)
        word = self.record.word if context not in DOCUMENTS else None
        before = word.bare if word else ""
        self.places.append(
            Place(
                context=context,
                strict=another or self._strict(before, following),
                alone=word is None and not another and following[:1] in ("", *" \t\n;|&)"),
                opens=not (word.text if word else "").strip(VALUE),
                refusal=self._refusal(context, word),
                document=self.pending[0].heredoc if context in DOCUMENTS else None,
            )
        )
        self.record.values = number + 1
        if context in DOCUMENTS:
            self.pending[0].read.values.append(number)
            self.add(VALUE, 0)
        elif context in WORDS or context in (Context.SINGLE, Context.DOUBLE):
            self.add(VALUE, 0)
            self.record.open_word().values.append(number)

    def finish(self) -> Record:
        """The text is over: the commands in it."""
        self.record.finish()
        return self.record

    def _strict(self, before: str, following: str) -> bool:
        """Whether a letter or digit could be special here."""
        return not _PLAIN.fullmatch(before) or before[-1:].isalnum() or following[:1] not in _ENDS

    def _refusal(self, context: Context, word: Word | None) -> Refusal | None:
        refused = CONTEXTS[context].refusal
        if self.lost or (refused and refused.unless is None):
            return self.lost or refused
        if self.after in ("\\", "$") or (self.after and context in EXPANDING):
            fix = f"write ${{{self.after[1:]}}}" if self.after[1:] else f"take that out, or write '{self.after}'"
            return Refusal(problem=f"a value cannot stand right after `{self.after}`", fix=fix)
        if Context.DOCUMENT in self.stack and context is not Context.DOCUMENT:
            return _IN_DOCUMENT
        if word and word.bare == "~" and context in WORDS:
            fix = "write the folder, or $(getent passwd {{ user }} | cut -d: -f6)"
            return Refusal(problem="a value cannot stand right after `~`: a quoted name is not expanded", fix=fix)
        if self.duplicates or (context in WORDS and word and word.open_subscript):
            return _NUMBERS_ONLY[self.duplicates]
        return refused

    def lose(self, what: str, fix: str) -> None:
        if self.lost is None:
            self.unread.append((len(self.places), self.text[self.at :]))
        self.lost = self.lost or Refusal(problem=f"a value cannot stand after {what}", fix=fix)

    def enter(self, context: Context, length: int) -> None:
        self.stack.append(context)
        self.at += length

    def add(self, text: str, length: int, *, quoted: bool = False) -> None:
        """The next characters are of the word, or of the document's line."""
        self.at += length
        if self.stack[-1] in DOCUMENTS:
            self.pending[0].line += text
            self.pending[0].read.text += text
            return
        word = self.record.open_word()
        word.text += text
        word.bare += HIDDEN * len(text) if quoted or self.stack[-1] not in WORDS else text
