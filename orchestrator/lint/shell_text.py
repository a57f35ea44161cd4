"""Shell text taken apart far enough for the rules: its commands, their words, and what stands between them.

Not a shell: what it does not follow (functions, `case`, a quote that does not end) has no commands here, and no rule
finds anything in it. What stands in `$(...)` is part of a word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

VALUE = "\ufffd"
"""Stands in a text for every character of a `{{ value }}`."""

OPENS = frozenset({"if", "then", "elif", "else", "while", "until", "do", "!", "{", "time"})
"""Words after which another command begins."""
CLOSES = frozenset({"fi", "done", "}", "esac"})

_TEMPLATE = re.compile(r"\{\{.{0,1000}?\}\}|\{%.{0,1000}?%\}", re.DOTALL)
_TOKEN = re.compile(
    r"(?P<blank>[ \t]+|\\\n)"
    r"|(?P<newline>\n)"
    r"|(?P<comment>\#[^\n]*)"
    r"|(?P<redirect>[0-9]*(?:&>>?|<<<|<<-?|>>|>\||<>|[<>]\(|[<>]&?))"
    r"|(?P<operator>&&|\|\||;;|\|&|[;&|()])"
)
_META = frozenset(" \t\n;&|()<>")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_DELIMITER = re.compile(r"[ \t]*(['\"]?)([\w.-]+)\1")


def stand_in(source: str, char: str) -> str:
    """A template with this character for each of every `{{ value }}`, and blanks for `{% %}`: as long as before."""

    def filled(found: re.Match[str]) -> str:
        if found[0].startswith("{{"):
            return re.sub(r"[^\n]", char, found[0])
        return re.sub(r"[^\n]", " ", found[0])

    return _TEMPLATE.sub(filled, source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word as written, quotes and all, and where it begins. number: which of the step's texts it is in.

    file: of a redirection's operator, where it leads.
    """

    text: str
    at: int
    number: int = 0
    file: str = ""

    @property
    def plain(self) -> str:
        """Without its quotes."""
        return re.sub(r"""\\(.)|['"]""", r"\1", self.text)


@dataclass(slots=True, kw_only=True)
class Call:
    """One command: its words, those that set variables before it left out.

    opens: the word (`if`, `!`) after which it stands. after: the operator behind it, `;` for a line's end, and where
    that is (after_at). redirects: the operators, `2>` or `>`.
    """

    words: list[Word] = field(default_factory=list)
    assigns: bool = False
    opens: str = ""
    after: str = ""
    after_at: int = 0
    redirects: list[Word] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The program, without its folder; what `sudo` and the like would run. Empty where nothing is run."""
        words = self.arguments(of_all=True)
        return words[0].plain.rpartition("/")[2] if words else ""

    @property
    def opens_only(self) -> bool:
        """Whether its command is still to come."""
        return bool(self.opens) and not (self.words or self.assigns or self.redirects)

    def arguments(self, *, of_all: bool = False) -> list[Word]:
        """The words behind the program; of_all: and itself."""
        words = self.words
        while words and words[0].plain in ("sudo", "exec", "nohup", "command", "env"):
            words = words[1:]
            while words and (words[0].plain.startswith("-") or _ASSIGNMENT.match(words[0].plain)):
                words = words[2 if words[0].plain in ("-u", "-g") else 1 :]
        return words if of_all else words[1:]


class Unreadable(Exception):
    """A text that is not followed here."""


def read_calls(text: str) -> tuple[Call, ...]:
    """The commands of a shell text, in order; none where it is not followed."""
    try:
        return tuple(call for call in _read(text) if call.words or call.assigns or call.redirects)
    except (Unreadable, RecursionError):  # some hundred substitutions in each other
        return ()


def _read(text: str) -> list[Call]:
    calls = [Call()]
    waiting: list[str] = []  # delimiters of here-documents
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        # A # within a word is no comment, and digits are a redirection's only at the beginning of a word: both hold
        # here, since a word is read to its end.
        if found is None:
            end = _word_end(text, at)
            _add(calls, Word(text=text[at:end], at=at))
            at = end
            continue
        at = found.end()
        match found.lastgroup:
            case "redirect":
                at = _redirect(calls[-1], found, text, waiting)
            case "newline":
                if not calls[-1].opens_only:  # `do` and its command on the next line
                    _end(calls, ";", found.start())
                at = _past_documents(text, at, waiting)
            case "operator":
                _end(calls, found[0], found.start())
            case _:
                pass
    return calls


def _add(calls: list[Call], word: Word) -> None:
    call = calls[-1]
    if not call.words and word.text in ("case", "function"):
        raise Unreadable
    if not call.words and word.text in OPENS:
        call.opens = word.text
    elif not call.words and _ASSIGNMENT.match(word.text):
        call.assigns = True
    else:
        call.words.append(word)


def _end(calls: list[Call], operator: str, at: int) -> None:
    call = calls[-1]
    if operator == "(":
        if call.words:
            raise Unreadable  # a function
        return
    empty = not (call.words or call.assigns or call.opens or call.redirects)
    if empty and len(calls) > 1 and calls[-2].after == ")":
        calls[-2].after, calls[-2].after_at = operator, at
    elif not empty:
        call.after, call.after_at = operator, at
        calls.append(Call())


def _redirect(call: Call, found: re.Match[str], text: str, waiting: list[str]) -> int:
    """Take an operator and its file; where the text goes on."""
    operator, at = found[0], found.end()
    start = at
    if operator.endswith("("):
        at = _balanced(text, at - 1)
    elif operator.lstrip("0123456789") in ("<<", "<<-"):
        delimiter = _DELIMITER.match(text, at)
        if not delimiter:
            raise Unreadable
        waiting.append(delimiter[2])
        at = delimiter.end()
    else:
        while start < len(text) and text[start] in " \t":
            start += 1
        at = _word_end(text, start)
        if at == start:
            raise Unreadable
    call.redirects.append(Word(text=operator, at=found.start(), file=text[start:at]))
    return at


def _past_documents(text: str, at: int, waiting: list[str]) -> int:
    while waiting:
        line, newline, _ = text[at:].partition("\n")
        at += len(line) + len(newline)
        if line.strip() == waiting[0]:
            waiting.pop(0)
        elif not newline:
            raise Unreadable
    return at


def _word_end(text: str, at: int) -> int:
    while at < len(text) and text[at] not in _META:
        match text[at]:
            case "\\":
                at += 2
            case "'" | "`":
                at = _close(text, at)
            case '"':
                at = _double(text, at)
            case "$" if text.startswith("$(", at):
                at = _balanced(text, at + 1)
            case "$" if text.startswith("${", at):
                at = _close(text, at + 1, "}")
            case _:
                at += 1
    return at


def _close(text: str, at: int, end: str = "") -> int:
    found = text.find(end or text[at], at + 1)
    if found < 0:
        raise Unreadable
    return found + 1


def _double(text: str, at: int) -> int:
    at += 1
    while at < len(text):
        match text[at]:
            case '"':
                return at + 1
            case "\\":
                at += 2
            case "$" if text.startswith("$(", at):
                at = _balanced(text, at + 1)
            case _:
                at += 1
    raise Unreadable


def _balanced(text: str, at: int) -> int:
    """Past the `)` that closes the `(` here."""
    depth = 0
    while at < len(text):
        match text[at]:
            case "'" | "`":
                at = _close(text, at)
                continue
            case '"':
                at = _double(text, at)
                continue
            case "\\":
                at += 1
            case "(":
                depth += 1
            case ")":
                depth -= 1
            case _:
                pass
        at += 1
        if depth == 0:
            return at
    raise Unreadable


def names_in(source: str, at: int, length: int) -> Iterator[str]:
    """The plain names of the `{{ name }}` within a stretch of a template."""
    yield from re.findall(r"\{\{-?\s*([A-Za-z_]\w*)\s*-?\}\}", source[at : at + length])
