"""Edits of a file's text, at the places where what they replace is really there; every other byte stays."""

import re
from collections.abc import Sequence

from orchestrator.lint.finding import Edit
from orchestrator.model.origin import Origin

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


def make(text: str, edits: Sequence[Edit]) -> tuple[str, int]:
    """The text with the edits made, and how many could be: of two that overlap, the earlier.

    A line that an edit leaves empty goes with its line break.
    """
    starts = [0, *(found.end() for found in _LINE_BREAK.finditer(text))]
    made, end, pieces = 0, 0, []
    for edit in sorted(set(edits), key=lambda each: (each.origin.line, each.origin.column)):
        line = edit.origin.line
        if not 0 < line <= len(starts):
            continue
        start = starts[line - 1] + edit.origin.column - 1
        stop = start + len(edit.old)
        if start < end or text[start:stop] != edit.old or _LINE_BREAK.search(edit.old):
            continue
        if not edit.new and start == starts[line - 1] and (found := _LINE_BREAK.match(text, stop)):
            stop = found.end()
        pieces += [text[end:start], edit.new]
        made, end = made + 1, stop
    return "".join([*pieces, text[end:]]), made


_BARE = re.compile(r"(\s*(?:-\s+)*(?:[\w.-]+:\s+)?)(\{\{.*?)(?:\s+#.*|\s*)")


def quote_template(origin: Origin, line: str) -> Edit | None:
    """Quotes around a value that begins with `{{` and is the rest of its line; nothing where it is something else.

    Without them YAML reads a mapping as the key of a mapping, which no file of ours means.
    """
    found = _BARE.fullmatch(line)
    if not found or not found[1] or origin.column <= len(found[1]):
        return None
    start = Origin(file=origin.file, line=origin.line, column=len(found[1]) + 1)
    return Edit(origin=start, old=found[2], new="'" + found[2].replace("'", "''") + "'")
