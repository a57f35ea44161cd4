"""Text from guests, providers and files, made safe for a terminal.

A terminal obeys control sequences: they can hide a failure, retitle a window, and in some terminals type commands.
"""

import re

TAB = 4

# ECMA-48: CSI and OSC (and DCS, SOS, PM, APC) sequences with 7-bit and 8-bit introducers, then two-character escapes.
# One that is never ended ends with its line, or it would hide all that comes after it.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
)
_LINE_END = re.compile(r"\r*\n")
_SPELLED = {"\n": "\\n", "\r": "\\r", "\t": " " * TAB}


def visible(text: str) -> str:
    """A text as one line that a terminal can be given: control sequences taken out, the rest spelled out."""
    return text if text.isprintable() else spelled(_SEQUENCE.sub("", text))


def spelled(text: str) -> str:
    r"""A text as one line, nothing of it left out: what is no printable character is spelled, as in `\x1b`, `\u202e`.

    That covers what has no form of its own or turns the direction of writing. Spaces of every kind become a space.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _spell(c) for c in text)


def _spell(char: str) -> str:
    code = ord(char)
    if char in _SPELLED:
        return _SPELLED[char]
    if char.isspace() and code > 0x9F and char not in "\u2028\u2029":
        return " "
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def output_lines(text: str) -> list[str]:
    """The lines of an output as a terminal would have left them, each of them visible.

    Where a line was written over after a carriage return (a progress bar), what was written last is kept.
    """
    lines = _LINE_END.split(_SEQUENCE.sub("", text))
    if not lines[-1]:
        lines.pop()
    return [spelled(_last_written(line).expandtabs(TAB)).rstrip() for line in lines]


def _last_written(line: str) -> str:
    return next((part for part in reversed(line.split("\r")) if part), "")


def command_lines(command: str) -> list[str]:
    """The lines of a command, nothing of it left out: what it does must not hide behind a control sequence."""
    return [spelled(line) for line in command.removesuffix("\n").split("\n")]
