"""PyYAML's complaints in plain words: what is wrong, where it began, and what to write instead."""

import re

from orchestrator.load.files import Source
from orchestrator.model.origin import Problem

_TEMPLATE_BARE = re.compile(r"(?:^|[:\-,\[])\s*\{\{")
_QUOTE_TEMPLATE = "quote a value that begins with {{, as in '{{ name }}'"

# A part of what either of PyYAML's parsers says; our words; the fix; whether it is placed where the thing began.
_WORDS: tuple[tuple[str, str, str, bool], ...] = (
    ("mapping values are not allowed", "`: ` is not allowed here", "quote the text, or check the indentation", False),
    ("could not find expected ':'", "a key without its colon", "write `key: value`", True),
    ("',' or ']'", "a list that is not closed", "add the missing `]` or `,`", True),
    ("',' or '}'", "a mapping that is not closed", "add the missing `}` or `,`", True),
    ("unexpected end of stream", "a quote that is not closed", "close it", True),
    ("unknown escape", "an escape that YAML does not know", "use single quotes, where a backslash is itself", False),
    ("escape", "an escape that is not a character", "use single quotes, where a backslash is itself", False),
    ("cannot start any token", "an unquoted value cannot begin so", "quote it", False),
    ("sequence entries are not allowed", "`- ` is not allowed here", "put the list on lines of its own", False),
    ("expected key", "the indentation fits nothing above", "line it up with the keys around it", False),
    ("'-' indicator", "the indentation fits nothing above", "line it up with the list around it", False),
    ("<block end>", "the indentation fits nothing above", "line it up with what is around it", False),
    ("<document start>", "the document has ended above", "remove what follows", False),
    ("node content", "a value is missing", "write it, or remove the key", False),
)


def in_plain_words(error: Exception, source: Source) -> Problem:
    """One problem for an error of PyYAML's, whichever of its two parsers raised it."""
    complaint = str(getattr(error, "problem", None) or error).splitlines()[0]
    mark, began = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    unknown = ("", f"is not YAML: {complaint}", "", False)
    _, problem, fix, at_beginning = next((words for words in _WORDS if words[0] in complaint), unknown)
    place = began if at_beginning and began else mark or began
    line, column = (place.line + 1, place.column + 1) if place else (1, 1)
    text = source.line(line)
    if "node content" in complaint and not any(later.strip() for later in source.lines[line - 1 :]):
        problem, fix = "the file ends inside a list or a mapping", "close it with `]` or `}`"
    if "\t" in text[: max(column, len(text) - len(text.lstrip()))]:
        problem, fix = "a tab where YAML wants spaces", "indent with spaces"
        column = text.index("\t") + 1
    elif _TEMPLATE_BARE.search(text):
        fix = _QUOTE_TEMPLATE
    return source.problem(problem, line=line, column=column, fix=fix)
