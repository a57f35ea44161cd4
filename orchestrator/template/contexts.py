"""What a shell may be reading where a value stands: how the value is written there, or what to write in its place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from orchestrator.template import escapes
from orchestrator.template.refusal import Refusal, Unless


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
    DOCUMENT = "here-document"
    """The lines after <<WORD, in which $ and ` are still special."""
    LITERAL = "literal here-document"
    """The lines after <<'WORD'"""
    ARITHMETIC = "arithmetic"
    """An expression, in which bash even runs what a variable's value says: $((...)), ((...))"""
    BACKQUOTES = "backquotes"
    """A command whose text is unescaped once more before it is read: `...`"""
    COMMENT = "comment"
    """# to the end of the line"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How a value is written in a context. example: a command with a value there.

    escape: of the value's text; None where it is a word or part of one (`escapes.word`), or where it cannot stand.
    refusal: None where any text can stand.
    """

    example: str
    escape: Callable[[str], str] | None = None
    refusal: Refusal | None = None


CONTEXTS: Mapping[Context, Row] = {
    Context.COMMAND: Row(example="git checkout {{ release }}"),
    Context.SUBSTITUTION: Row(example='size=$(stat -c %s {{ file }}); echo "$size"'),
    Context.PARENTHESES: Row(example="rev=$( (cd {{ repo }} && git rev-parse HEAD) )"),
    Context.SINGLE: Row(example="echo 'release {{ release }}'", escape=escapes.in_single_quotes),
    Context.DOUBLE: Row(example='logger "release {{ release }} on $HOSTNAME"', escape=escapes.in_double_quotes),
    Context.DOCUMENT: Row(example="cat > app.env <<EOF\nNAME={{ name }}\nEOF", escape=escapes.in_document),
    Context.LITERAL: Row(example="cat > app.env <<'EOF'\nNAME={{ name }}\nEOF", escape=escapes.as_it_is),
    Context.ARITHMETIC: Row(
        example="echo $(( {{ port | int }} + 1 ))",
        escape=escapes.as_it_is,
        refusal=Refusal(
            problem="only a whole number can stand inside ((...)), in which shells run what a text says",
            fix="write {{ n | int }}, or compute it in the template, as in {{ (n | int) + 1 }}",
            unless=Unless.NUMBER,
        ),
    ),
    Context.BACKQUOTES: Row(
        example="echo `cat {{ file }}`",
        refusal=Refusal(problem="a value cannot stand inside backquotes", fix="write $(...) instead of `...`"),
    ),
    Context.COMMENT: Row(
        example="true # {{ note }}",
        refusal=Refusal(problem="a value cannot stand in a comment of the shell", fix="write a YAML comment"),
    ),
}
"""The table of contexts: docs/quoting.md shows it, and says what is refused besides."""

WORDS = frozenset({Context.COMMAND, Context.SUBSTITUTION, Context.PARENTHESES})
"""Where a value is a word, or part of one."""
DOCUMENTS = frozenset({Context.DOCUMENT, Context.LITERAL})
EXPANDING = frozenset({Context.DOUBLE, Context.DOCUMENT})
"""Where nothing parts a value from a `$name` before it."""
