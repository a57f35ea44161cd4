"""The syntax of sh: what a shell makes of the author's text, character by character."""

import re
from collections.abc import Callable, Mapping

from orchestrator.template import variables
from orchestrator.template.commands import Word
from orchestrator.template.contexts import DOCUMENTS, WORDS, Context
from orchestrator.template.lexer import Announced, Lexer
from orchestrator.template.placing import Heredoc

_OPERATOR = re.compile(r"<<<|<<|[<>]&|&>>?|>>|<>|>\||[<>]|\|\||&&|\|&?|;;?&?|&|\(\(|\(|\)|[ \t]|\n")
_PARAMETER = re.compile(r"\{[#!]?(\w+|[@*#?$!-])(:?[-+=?%#/^,:@]+[^'\"`\\$(){}\n]*)?\}")
_NAME = re.compile(r"\w+|[#?$!@*-]", re.ASCII)
_HEREDOC = re.compile(r"<<(-?)[ \t]*(?:(\w[\w.-]*)|\\(\w[\w.-]*)|'(\w[\w. -]*)'|\"(\w[\w. -]*)\")(?=[\s;&|()<>])")
_LINES = {Context.COMMAND, Context.COMMENT, *DOCUMENTS}  # where a newline ends a line of the script


def read(lexer: Lexer, text: str) -> None:
    """Go on with this text of the author's."""
    lexer.text, lexer.at = text, 0
    if lexer.lost:
        lexer.unread.append((len(lexer.places), text))
    if text:
        lexer.after = ""
    while lexer.at < len(text):
        _step(lexer, text[lexer.at])


def _step(lexer: Lexer, char: str) -> None:
    context = lexer.stack[-1]
    if char == "\n" and lexer.pending and context not in _LINES:
        what = "a line of a here-document, or that announces one, and ends inside something"
        lexer.lose(what, "end that line first, or assign it to a variable before")
    _READERS[context](lexer, char)


def _in_single(lexer: Lexer, char: str) -> None:
    if char == "'":
        lexer.stack.pop()
        lexer.at += 1
    else:
        lexer.add(char, 1)


def _in_double(lexer: Lexer, char: str) -> None:
    match char:
        case "\\":
            _escape(lexer, '"\\$`')
        case "$":
            _dollar(lexer)
        case "`":
            lexer.enter(Context.BACKQUOTES, 1)
        case '"':
            lexer.stack.pop()
            lexer.at += 1
        case _:
            lexer.add(char, 1)


def _in_backquotes(lexer: Lexer, char: str) -> None:
    """The shell looks for the first ` without a \\ before it, whatever stands between."""
    if char == "`":
        lexer.stack.pop()
    lexer.at += 2 if char == "\\" else 1


def _in_comment(lexer: Lexer, char: str) -> None:
    if char == "\n":
        lexer.stack.pop()
    else:
        lexer.at += 1


def _in_arithmetic(lexer: Lexer, char: str) -> None:
    if char in "'\"`\\#\n" or lexer.text.startswith("<<", lexer.at):
        lexer.lose("arithmetic with quotes, # or << in it", "compute it in the template")
    if char == "$" and lexer.text.startswith("{", lexer.at + 1) and not _PARAMETER.match(lexer.text, lexer.at + 1):
        lexer.lose("arithmetic with ${...} in it", "assign it to a variable first")
    lexer.depth += (char == "(") - (char == ")")
    if lexer.depth == 0:
        if lexer.text[lexer.at - 1 : lexer.at] != ")":  # then it was a command in two pairs of parentheses
            lexer.lose("((...) that no )) closes", "write ( ( with a blank between")
        lexer.stack.pop()
    lexer.at += 1


def _in_document(lexer: Lexer, char: str) -> None:
    document = lexer.pending[0]
    literal = lexer.stack[-1] is Context.LITERAL
    if char == "\n":
        _end_line(lexer, document)
    elif char == "\\" and not literal:
        if lexer.text.startswith("\n", lexer.at + 1):
            lexer.lose("a here-document's line that goes on after a \\", f"write <<'{document.heredoc.delimiter}'")
        _escape(lexer, "\\$`")
    elif char == "$" and not literal:
        _dollar(lexer)
    elif char == "`" and not literal:
        document.line += char
        lexer.enter(Context.BACKQUOTES, 1)
    else:
        lexer.add(char, 1)


def _end_line(lexer: Lexer, document: Announced) -> None:
    line, document.line = document.line, ""
    lexer.at += 1
    if (line.lstrip("\t") if document.heredoc.tabs else line) != document.heredoc.delimiter:
        document.read.text += "\n"
        return
    document.read.text = document.read.text.removesuffix(line)
    lexer.stack.pop()
    lexer.pending.pop(0)
    _begin_document(lexer)


def _begin_document(lexer: Lexer) -> None:
    if lexer.pending:
        lexer.stack.append(Context.LITERAL if lexer.pending[0].heredoc.literal else Context.DOCUMENT)


def _in_command(lexer: Lexer, char: str) -> None:
    if char in "\\'\"`" and lexer.record.word and lexer.record.word.open_subscript:
        lexer.lose("quotes in name[...]", "quote the [ as well; arrays are not of sh")
    if char == "\\":
        _escape(lexer, "")
    elif char == "$":
        _dollar(lexer)
    elif char == "`":
        lexer.record.open_word()
        lexer.enter(Context.BACKQUOTES, 1)
    elif char in "'\"":
        lexer.record.open_word()
        lexer.enter(Context.SINGLE if char == "'" else Context.DOUBLE, 1)
    elif char == "#" and lexer.record.word is None:
        _comment(lexer)
    elif operator := _OPERATOR.match(lexer.text, lexer.at):
        _operator(lexer, operator[0])
    else:
        lexer.add(char, 1)


def _escape(lexer: Lexer, special: str) -> None:
    """A \\ and what follows; it is itself where that is none of the special characters ('' means all are)."""
    following = lexer.text[lexer.at + 1 : lexer.at + 2]
    if not following:
        lexer.after = "\\"
        lexer.add("\\", 1, quoted=True)
    elif following == "\n":
        lexer.at += 2
    elif not special or following in special:
        lexer.add(following, 2, quoted=True)
    else:
        lexer.add("\\", 1, quoted=True)


def _dollar(lexer: Lexer) -> None:
    rest = lexer.text[lexer.at + 1 : lexer.at + 3]
    if rest == "((":
        lexer.add("$", 0)
        lexer.depth = 2
        lexer.enter(Context.ARITHMETIC, 3)
    elif rest[:1] == "(":
        lexer.add("$", 0)
        word = None if lexer.stack[-1] in DOCUMENTS else lexer.record.open_word()
        if lexer.duplicates or (word and word.open_subscript):
            lexer.lose("$(...) in a subscript, or after >& or <&", "assign it to a variable first")
        lexer.record.enter()
        lexer.enter(Context.SUBSTITUTION, 2)
    elif rest[:1] == "{":
        parameter = _PARAMETER.match(lexer.text, lexer.at + 1)
        if not parameter:
            lexer.lose("${ that is not a plain parameter", "assign it to a variable of the shell first")
        length = (parameter.end() if parameter else lexer.at + 2) - lexer.at
        lexer.add(lexer.text[lexer.at : lexer.at + length], length)
    elif name := _NAME.match(lexer.text, lexer.at + 1):
        lexer.add(f"${name[0]}", 1 + len(name[0]))
        lexer.after = f"${name[0]}" if name.end() == len(lexer.text) else ""
    else:
        if rest[:1] == "[" or (rest[:1] == "'" and lexer.stack[-1] in WORDS):
            lexer.lose(f"${rest[0]}, which sh and bash read differently", "write $((...)), or plain quotes")
        lexer.add("$", 1)
        lexer.after = "" if rest else "$"


def _comment(lexer: Lexer) -> None:
    before = lexer.text[lexer.at - 1 : lexer.at] if lexer.at else ""
    if lexer.stack[-1] is not Context.COMMAND or before not in ("", *" \t\n;&"):
        lexer.lose("a # that not every shell takes for a comment", "write a YAML comment")
    lexer.enter(Context.COMMENT, 1)


def _operator(lexer: Lexer, operator: str) -> None:
    word = lexer.record.word
    if word:
        _end_word(lexer, word, operator)
    if operator == "<<":
        _announce(lexer)
        return
    lexer.at += len(operator)
    match operator:
        case " " | "\t":
            pass
        case "(" | ")":
            if operator == "(" and lexer.text[lexer.at - 2 : lexer.at - 1] in ("<", ">"):
                lexer.lose("<(...) or >(...), which are not of sh", "write a pipe, or a file")
            _parenthesis(lexer, operator, word)
        case "((":
            lexer.record.end_command(piped=False)
            lexer.depth = 2
            lexer.stack.append(Context.ARITHMETIC)
        case "&>" | "&>>":
            lexer.lose(f"{operator}, which sh and bash read differently", "write > file 2>&1")
        case "<<<" | "<" | ">" | ">>" | "<>" | ">|" | ">&" | "<&":
            lexer.duplicates = operator in (">&", "<&")
            lexer.record.redirect(operator)
        case _:
            _end_command(lexer, operator)


def _end_word(lexer: Lexer, word: Word, operator: str) -> None:
    if word.bare == "case" and lexer.stack[-1] is not Context.COMMAND:
        lexer.lose("case inside $(...)", "put the case in a step of its own")
    if word.open_subscript:
        lexer.lose("name[ without its ]", "quote the [")
    lexer.duplicates = False
    lexer.record.end_word(number=operator[0] in "<>")


def _end_command(lexer: Lexer, operator: str) -> None:
    if variables.declares_integers(lexer.record.command.words):
        lexer.lose("a variable that is declared a number, since what it is set to is evaluated", "leave -i out")
    lexer.record.end_command(piped=operator in ("|", "|&"), line=operator == "\n")
    if operator == "\n" and lexer.stack[-1] is Context.COMMAND:
        _begin_document(lexer)


def _parenthesis(lexer: Lexer, operator: str, word: Word | None) -> None:
    if operator == "(":
        if word and word.bare.endswith("="):
            lexer.lose("an array", "arrays are not of sh; use words")
        lexer.record.end_command(piped=False, opens=True)
        if lexer.stack[-1] is not Context.COMMAND:
            lexer.stack.append(Context.PARENTHESES)
        return
    lexer.record.end_command(piped=False)
    if lexer.stack[-1] is not Context.COMMAND and lexer.stack.pop() is Context.SUBSTITUTION:
        lexer.record.leave()


def _announce(lexer: Lexer) -> None:
    found = _HEREDOC.match(lexer.text, lexer.at)
    if not found or lexer.stack != [Context.COMMAND]:
        lexer.lose("a here-document that is nested or has no plain delimiter", "write <<'END' outside of $(...)")
        lexer.at += 2
        return
    tabs, plain, *literal = found.groups()
    delimiter = plain or next(each for each in literal if each)
    announced = Announced(heredoc=Heredoc(delimiter=delimiter, literal=not plain, tabs=bool(tabs)))
    lexer.pending.append(announced)
    lexer.record.command.documents.append(announced.read)
    lexer.at = found.end()


_READERS: Mapping[Context, Callable[[Lexer, str], None]] = {
    Context.COMMAND: _in_command,
    Context.SUBSTITUTION: _in_command,
    Context.PARENTHESES: _in_command,
    Context.SINGLE: _in_single,
    Context.DOUBLE: _in_double,
    Context.DOCUMENT: _in_document,
    Context.LITERAL: _in_document,
    Context.ARITHMETIC: _in_arithmetic,
    Context.BACKQUOTES: _in_backquotes,
    Context.COMMENT: _in_comment,
}
