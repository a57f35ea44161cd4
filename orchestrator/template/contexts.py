"""What a shell may be reading where a value stands, and what to write instead where no value can stand."""

from collections.abc import Mapping
from enum import Enum

from orchestrator.template.quoting import Refusal


class Context(Enum):
    """What the shell is reading."""

    COMMAND = "command"
    """Words and operators."""
    SUBSTITUTION = "substitution"
    """Words and operators within $(...)."""
    PARENTHESES = "parentheses"
    """Words and operators within (...) within $(...)."""
    SINGLE = "single quotes"
    """'...'"""
    DOUBLE = "double quotes"
    """A text in which $ and ` are still special: \"...\""""
    BACKQUOTES = "backquotes"
    """A command whose text is unescaped once more before it is read: `...`"""
    ARITHMETIC = "arithmetic"
    """An expression, in which bash even runs what a variable's value says: $((...)), ((...))"""
    COMMENT = "a comment"
    """# to the end of the line"""
    HEREDOC = "a here-document"
    """The lines after <<WORD"""


_BARE = "take it out of the quotes: a value is quoted for the shell by itself, as in name={{ value }}"

REFUSED: Mapping[Context, Refusal] = {
    Context.SINGLE: Refusal(problem="a value cannot stand inside single quotes", fix=_BARE),
    Context.DOUBLE: Refusal(problem="a value cannot stand inside double quotes", fix=_BARE),
    Context.BACKQUOTES: Refusal(problem="a value cannot stand inside backquotes", fix="write $(...) instead of `...`"),
    Context.ARITHMETIC: Refusal(
        problem="a value cannot stand inside ((...))", fix="compute it in the template, as in {{ (n | int) + 1 }}"
    ),
    Context.COMMENT: Refusal(problem="a value cannot stand in a comment of the shell", fix="write a YAML comment"),
    Context.HEREDOC: Refusal(
        problem="a value cannot stand inside a here-document",
        fix="write printf '%s\\n' {{ value }} | ... in its place",
    ),
}
