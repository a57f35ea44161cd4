"""Where each value of a shell command stands: a lexer that walks the author's text only, never a value.

It follows POSIX sh, and what dash, bash and busybox ash make of it. What it does not follow, or what shells read
differently, makes it refuse the values that come later; a command without later values is not its business.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from orchestrator.template.contexts import REFUSED, Context
from orchestrator.template.quoting import Place, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heredoc:
    delimiter: str
    literal: bool
    tabs: bool


_BLANK = " \t\n"
_OPERATORS = ";&|()<>"
_COMMANDS = {Context.COMMAND, Context.SUBSTITUTION, Context.PARENTHESES}
_LINES = {Context.COMMAND, Context.COMMENT, Context.HEREDOC}  # where a newline ends a line of the script
_PARAMETER = re.compile(r"\{[#!]?(\w+|[@*#?$!-])(:?[-+=?%#/^,:@]+[^'\"`\\$(){}\n]*)?\}")
_HEREDOC = re.compile(r"<<(-?)[ \t]*(?:(\w[\w.-]*)|\\(\w[\w.-]*)|'(\w[\w. -]*)'|\"(\w[\w. -]*)\")(?=[\s;&|()<>])")
_LIVE_HEREDOC = re.compile(r"`|\$\(|\$\{(?!\w+\})|\\\Z")
_SUBSCRIPT = re.compile(r"\w\[")
_VALUE = "\ufffd"  # stands in a word for a value


@lru_cache(maxsize=2048)
def places(chunks: tuple[str, ...]) -> tuple[Place, ...]:
    """Where each value stands, given the author's text before, between and after them (one more than values)."""
    lexer = _Lexer()
    found = []
    for index, chunk in enumerate(chunks[:-1]):
        lexer.read(chunk)
        at_end = index + 2 == len(chunks)
        found.append(lexer.place(chunks[index + 1][:1], another_value=not chunks[index + 1] and not at_end))
    return tuple(found)


def _in_subscript(word: str) -> bool:
    """Whether the word has a name[ without its ]."""
    return word.count("[") > word.count("]") and bool(_SUBSCRIPT.search(word))


class _Lexer:
    """Its state is what the shell's own reader would know at that point of the author's text.

    stack: the contexts, innermost last. word: the author's text of the word being read, None between words;
    words: those left unfinished around a substitution. after: a \\ or $ at the very end of the text.
    pending: here-documents announced on this line. depth: open parentheses of arithmetic.
    duplicates: reading the word after >& or <&. lost: why values can no longer be placed.
    """

    def __init__(self) -> None:
        self.text = ""
        self.at = 0
        self.stack = [Context.COMMAND]
        self.word: str | None = None
        self.words: list[str | None] = []
        self.after = ""
        self.pending: list[_Heredoc] = []
        self.depth = 0
        self.duplicates = False
        self.lost: Refusal | None = None

    def read(self, text: str) -> None:
        self.text, self.at, self.after = text, 0, ""
        while self.at < len(text):
            self._step(text[self.at])

    def place(self, following: str, *, another_value: bool) -> Place:
        """Where a value stands that comes now, before the author's character `following`."""
        before = (self.word or "")[-1:]
        place = Place(
            joined=another_value or any(c.isalnum() or c == _VALUE for c in before + following),
            redirects=following in ("<", ">"),
            refusal=self._refusal(),
        )
        self.word = (self.word or "") + _VALUE
        return place

    def _refusal(self) -> Refusal | None:
        if self.lost or (refused := REFUSED.get(self.stack[-1])):
            return self.lost or refused
        if self.after:
            return Refusal(problem=f"a value cannot stand right after `{self.after}`", fix="take that out")
        if self.duplicates:
            return Refusal(problem="a value cannot stand after >& or <&", fix="write > {{ file }} 2>&1")
        if _in_subscript(self.word or ""):  # bash evaluates it, quoted or not
            return Refusal(problem="a value cannot stand in a subscript", fix="arrays are not of sh; use words")
        return None

    def _lose(self, what: str, fix: str) -> None:
        self.lost = self.lost or Refusal(problem=f"a value cannot stand after {what}", fix=fix)

    def _step(self, char: str) -> None:
        context = self.stack[-1]
        if char == "\n" and self.pending and context not in _LINES:
            self._lose("a line that announces a here-document and ends inside something", "end that line first")
        match context:
            case Context.SINGLE:
                self._skip_to("'")
            case Context.DOUBLE:
                self._in_double(char)
            case Context.BACKQUOTES:
                self._in_backquotes(char)
            case Context.ARITHMETIC:
                self._in_arithmetic(char)
            case Context.COMMENT:
                self._in_comment(char)
            case Context.HEREDOC:
                self._in_heredoc()
            case _:
                self._in_command(char)

    def _enter(self, context: Context, length: int) -> None:
        self.stack.append(context)
        self.at += length

    def _add(self, text: str, length: int) -> None:
        self.word = (self.word or "") + text
        self.at += length

    def _skip_to(self, end: str) -> None:
        if self.text[self.at] == end:
            self.stack.pop()
        self.at += 1

    def _in_double(self, char: str) -> None:
        match char:
            case "\\":
                self._escape()
            case "$":
                self._dollar()
            case "`":
                self._enter(Context.BACKQUOTES, 1)
            case _:
                self._skip_to('"')

    def _in_backquotes(self, char: str) -> None:
        """The shell looks for the first ` without a \\ before it, whatever stands between."""
        if char == "\\":
            self.at += 2
        else:
            self._skip_to("`")

    def _in_comment(self, char: str) -> None:
        if char == "\n":
            self.stack.pop()
        else:
            self.at += 1

    def _in_arithmetic(self, char: str) -> None:
        if char in "'\"`\\#\n" or self.text.startswith("<<", self.at):
            self._lose("arithmetic with quotes, # or << in it", "compute it in the template")
        if char == "$" and self.text.startswith("{", self.at + 1) and not _PARAMETER.match(self.text, self.at + 1):
            self._lose("arithmetic with ${...} in it", "assign it to a variable first")
        self.depth += (char == "(") - (char == ")")
        if self.depth == 0:
            if self.text[self.at - 1 : self.at] != ")":  # then it was a command in two pairs of parentheses
                self._lose("((...) that no )) closes", "write ( ( with a blank between")
            self.stack.pop()
        self.at += 1

    def _in_heredoc(self) -> None:
        line, newline, _ = self.text[self.at :].partition("\n")
        document = self.pending[0]
        if (line.lstrip("\t") if document.tabs else line) == document.delimiter and newline:
            self.pending.pop(0)
            if not self.pending:
                self.stack.pop()
        elif not document.literal and _LIVE_HEREDOC.search(line):
            self._lose("a here-document that substitutes", f"quote its delimiter: <<'{document.delimiter}'")
        self.at += len(line) + len(newline)

    def _in_command(self, char: str) -> None:
        if char == "\\":
            self._escape()
        elif char == "$":
            self._dollar()
        elif char == "`":
            self._add(char, 0)
            self._enter(Context.BACKQUOTES, 1)
        elif char in "'\"":
            self._add(char, 0)
            self._enter(Context.SINGLE if char == "'" else Context.DOUBLE, 1)
        elif char == "#" and self.word is None:
            self._comment()
        elif char in _BLANK or char in _OPERATORS:
            self._end_word()
            self._operator(char)
        else:
            self._add(char, 1)

    def _escape(self) -> None:
        if self.at + 1 == len(self.text):
            self.after = "\\"
            self._add("\\", 1)
        elif self.text[self.at + 1] == "\n":
            self.at += 2
        else:
            self._add(self.text[self.at : self.at + 2], 2)

    def _dollar(self) -> None:
        rest = self.text[self.at + 1 : self.at + 3]
        self._add("$", 0)
        if not rest:
            self.after = "$"
            self.at += 1
        elif rest == "((":
            self.depth = 2
            self._enter(Context.ARITHMETIC, 3)
        elif rest[0] == "(":
            self.words.append(self.word)
            self.word = None
            self._enter(Context.SUBSTITUTION, 2)
        elif rest[0] == "{":
            parameter = _PARAMETER.match(self.text, self.at + 1)
            if not parameter:
                self._lose("${ that is not a plain parameter", "assign it to a variable of the shell first")
            self.at = parameter.end() if parameter else self.at + 2
        else:
            if rest[0] == "[" or (rest[0] == "'" and self.stack[-1] in _COMMANDS):
                self._lose(f"${rest[0]}, which sh and bash read differently", "write $((...)), or plain quotes")
            self.at += 2 if rest[0] in "#?$!@*-0123456789" else 1

    def _comment(self) -> None:
        before = self.text[self.at - 1 : self.at]
        if self.stack[-1] is not Context.COMMAND or before not in ("", *_BLANK, ";", "&"):
            self._lose("a # that not every shell takes for a comment", "write a YAML comment")
        self._enter(Context.COMMENT, 1)

    def _end_word(self) -> None:
        if self.word is None:
            return
        if self.word == "case" and self.stack[-1] is not Context.COMMAND:
            self._lose("case inside $(...)", "put the case in a step of its own")
        if _in_subscript(self.word):
            self._lose("name[ without its ]", "quote the [")
        self.duplicates = False

    def _operator(self, char: str) -> None:
        word, self.word = self.word, None
        rest = self.text[self.at : self.at + 3]
        if rest == "<<<":
            self.at += 3
        elif rest.startswith("<<"):
            self._announce()
        elif rest.startswith((">&", "<&")):
            self.duplicates = True
            self.at += 2
        elif rest.startswith("(("):
            self.depth = 2
            self._enter(Context.ARITHMETIC, 2)
        elif char == "(":
            self._open((word or "").endswith("="))
        elif char == ")":
            self._close()
        elif char == "\n" and self.pending and self.stack[-1] is Context.COMMAND:
            self._enter(Context.HEREDOC, 1)
        else:
            self.at += 1

    def _open(self, array: bool) -> None:
        if array:
            self._lose("an array", "arrays are not of sh; use words")
        if self.stack[-1] is not Context.COMMAND:
            self.stack.append(Context.PARENTHESES)
        self.at += 1

    def _close(self) -> None:
        if self.stack[-1] is not Context.COMMAND and self.stack.pop() is Context.SUBSTITUTION:
            self.word = self.words.pop()
        self.at += 1

    def _announce(self) -> None:
        found = _HEREDOC.match(self.text, self.at)
        if not found or self.stack != [Context.COMMAND]:
            self._lose("a here-document that is nested or has no plain delimiter", "write <<'END' outside of $(...)")
            self.at += 2
            return
        tabs, plain, *literal = found.groups()
        delimiter = plain or next(each for each in literal if each)
        self.pending.append(_Heredoc(delimiter=delimiter, literal=not plain, tabs=bool(tabs)))
        self.at = found.end()
