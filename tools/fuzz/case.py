"""A case, and its spelling in one word, with which it is run again alone."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from zlib import compress, decompress

from orchestrator.template.filters import Mark
from orchestrator.template.shell_text import fill
from tools.fuzz.grammar import Item, Use, chunks, slot


@dataclass(frozen=True, slots=True)
class Case:
    """A rendered template. expected: what it prints; None where nothing is expected but that no value is run."""

    items: tuple[Item, ...]
    values: tuple[str, ...]
    script: str
    expected: bytes | None
    contexts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """A case that went wrong in a shell: what it did."""

    shell: str
    case: Case
    what: str

    def __str__(self) -> str:
        case = self.case
        lines = (f"{self.what} in {self.shell}", repr(case.items), repr(case.values), repr(case.script))
        return "\n  ".join([*lines, f'again: make fuzz ARGS="--case {spelled(case)}"'])


def rendered(
    items: tuple[Item, ...], values: tuple[str, ...], expected: bytes | None, contexts: tuple[str, ...]
) -> Case:
    """The case as it would be rendered for a host. Raises Fault where a value cannot stand where it does."""
    texts, uses = chunks(items)
    written = [*fill(texts, [slot(use, values) for use in uses]), ""]
    script = "".join(text + value for text, value in zip(texts, written, strict=True))
    return Case(items, values, script, expected, contexts)


def spelled(case: Case) -> str:
    """The case in letters, digits, `-`, `_` and `=`."""
    items = [
        item if isinstance(item, str) else [item.value, item.mark.value if item.mark else None, item.whole]
        for item in case.items
    ]
    expected = None if case.expected is None else case.expected.decode()
    return urlsafe_b64encode(compress(json.dumps([items, case.values, expected, case.contexts]).encode())).decode()


def read(word: str) -> Case:
    """The case that is spelled so, rendered anew. Raises Fault where that is refused by now."""
    items, values, expected, contexts = json.loads(decompress(urlsafe_b64decode(word)))
    uses = (
        item if isinstance(item, str) else Use(item[0], Mark(item[1]) if item[1] else None, item[2]) for item in items
    )
    return rendered(tuple(uses), tuple(values), None if expected is None else expected.encode(), tuple(contexts))
