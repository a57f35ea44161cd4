"""How a text is written at its place in a shell command, so that the shell reads back that text and nothing else."""

import re
import shlex

_OF_SH = {"if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "in"}
_OF_OTHERS = {"function", "select", "time", "coproc", "repeat", "foreach", "end", "nocorrect", "noglob", "namespace"}
_RESERVED = _OF_SH | _OF_OTHERS

_IN_DOUBLE_QUOTES = re.compile(r'([\\"`$])')
_IN_DOCUMENT = re.compile(r"([\\`$])")


def word(text: str, *, strict: bool) -> str:
    """One word, or part of one; in quotes unless it is plain.

    What shlex.quote leaves bare may still be special: `in` as a reserved word, `a=b` before a command. strict: in
    quotes whatever it holds, for a place where even a letter could be: `2` before >, `x` after `$a`, `1,2` in {...}.
    """
    if strict:
        return in_quotes(text)
    special = "=" in text or text in _RESERVED
    return in_quotes(text) if special else shlex.quote(text)


def in_quotes(text: str) -> str:
    """The text in single quotes, always."""
    safe = shlex.quote(text)
    return safe if safe != text else f"'{text}'"


def in_single_quotes(text: str) -> str:
    return text.replace("'", "'\\''")


def in_double_quotes(text: str) -> str:
    return _IN_DOUBLE_QUOTES.sub(r"\\\1", text)


def in_document(text: str) -> str:
    """In the lines after <<WORD, where a double quote is nothing special."""
    return _IN_DOCUMENT.sub(r"\\\1", text)


def as_it_is(text: str) -> str:
    return text
