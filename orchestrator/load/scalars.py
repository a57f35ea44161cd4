"""Plain scalars by the core schema of YAML 1.2 (section 10.3.2), and those that YAML 1.1 tools read differently."""

import math
import re

Scalar = bool | int | float | str | None

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_PREFIXED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
# YAML 1.1 (https://yaml.org/type/): y/n/yes/no/on/off are booleans, 0644 is octal, 12:30 is sexagesimal,
# 1_000 and 0b11 are integers, 2026-01-31 is a date.
_AMBIGUOUS = re.compile(
    r"y|Y|n|N|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF"
    r"|[-+]?0[0-9_]+|0o[0-7]+|[-+]?0b[01_]+|[-+]?[0-9][0-9_]*_[0-9_]*"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?"
)
_LONGEST = 400


def resolve(text: str) -> Scalar:
    """The value of an unquoted scalar. Raises ValueError for a number that JSON or 64 bits cannot hold."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) or _PREFIXED.fullmatch(text):
        number = int(text, 0 if text[:2] in ("0o", "0x") else 10) if len(text) < _LONGEST else 2**64
        if not -(2**63) <= number < 2**63:
            raise ValueError("is a number of more than 64 bits")
        return number
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("is not a finite number")
    if _FLOAT.fullmatch(text):
        value = float(text)
        if not math.isfinite(value):
            raise ValueError("is a number too large for a computer")
        return value
    return text


def is_ambiguous(text: str) -> bool:
    """Whether YAML 1.1 and 1.2 read this unquoted scalar differently."""
    return len(text) < _LONGEST and _AMBIGUOUS.fullmatch(text) is not None
