"""PyYAML's complaints in plain words: what is wrong, where it began, and what to write instead."""

import re

from orchestrator.load.files import Source
from orchestrator.model.origin import Problem

_TEMPLATE_BARE = re.compile(r"(?:^|[:\-,\[])\s*\{\{")
_NO_BLANK = re.compile(r"[ -]*[A-Za-z_][\w-]*:[^\s:/]")
_BLOCK = re.compile(r"( *(?:- +)*)[\w-]+:\s+[|>][-+0-9]*\s*(?:#.*)?")
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
    ("alphabetic or numeric", "`*` and `&` do not stand at the beginning of a value", "quote it", False),
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
    if found := _earlier(complaint, source, line):
        line, column, problem, fix = found
        text = source.line(line)
    elif "node content" in complaint and not any(later.strip() for later in source.lines[line - 1 :]):
        problem, fix = "the file ends inside a list or a mapping", "close it with `]` or `}`"
    if "\t" in text[: max(column, len(text) - len(text.lstrip()))]:
        problem, fix = "a tab where YAML wants spaces", "indent with spaces"
        column = text.index("\t") + 1
    elif _TEMPLATE_BARE.search(text):
        fix = _QUOTE_TEMPLATE
    return source.problem(problem, line=line, column=column, fix=fix)


def _earlier(complaint: str, source: Source, line: int) -> tuple[int, int, str, str] | None:
    """The place and the words of a mistake that YAML stumbles over only after it: in the lines right above, or here."""
    above = [number for number in range(min(line - 1, len(source.lines)), 0, -1) if source.lines[number - 1].strip()]
    if "mapping values" in complaint:
        for number in above[:1]:
            if found := _NO_BLANK.match(source.lines[number - 1]):
                return number, found.end() - 1, "a `:` with no blank behind it", "write `key: value`"
    if "expected ':'" in complaint:
        for number in above:
            if found := _BLOCK.fullmatch(source.lines[number - 1]):
                fix = f"indent it by more than {len(found[1])} spaces"
                return number + 1, 1, "the text of a block is not indented below its key", fix
            if re.match(r"[ -]*[\w-]+:(?:\s|$)", source.lines[number - 1]):
                break
    return None
