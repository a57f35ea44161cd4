"""What a value is called, and what it is as the text of one word."""

from collections.abc import Mapping, Sequence

from jinja2 import Undefined

from orchestrator.template.error import Fault

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a boolean"),
    (str, "a string"),
    ((int, float), "a number"),
    (Mapping, "a mapping"),
    (Sequence, "a list"),
    (type(None), "null"),
)


def kind_of(value: object) -> str:
    """The value's type, in the words of YAML and with an article; never the value: it may be a secret."""
    return next((name for kind, name in _KINDS if isinstance(value, kind)), f"a {type(value).__name__}")


def word_of(value: object) -> str:
    """A scalar as text; booleans as YAML spells them, `true` and `false`.

    Raises Fault for a list, a mapping, null, and for text that no command can hold; jinja2.UndefinedError for nothing.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _digits(value)
        case str():
            return whole(str(value))
        case None:
            raise Fault("the value is null", "write `| default('...', true)`, or guard it with {% if %}")
        case Mapping():
            raise Fault("a mapping cannot stand here", "write the entry that you mean, `x.key`, or `| tojson`")
        case Sequence():
            fix = "write `| join(',')` for one word, or {% for each in x %} {{ each }}{% endfor %} for a word each"
            raise Fault("a list cannot stand here", fix)
        case Undefined():
            return str(value)  # raises what Jinja raises
        case _:
            raise Fault(f"{kind_of(value)} cannot stand here", "write a variable's name; a method is called with ()")


def _digits(number: float) -> str:
    try:
        return str(number)
    except ValueError:  # of Python, above some thousand digits
        raise Fault("the number is too long") from None


def whole(text: str) -> str:
    """The text itself. Raises Fault when the operating system could not pass it on: NUL, or a lone surrogate."""
    if "\0" in text:
        raise Fault("the text contains a NUL character, which no command can hold")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Fault("the text contains half a character (a lone surrogate), which no command can hold") from None
    return text
