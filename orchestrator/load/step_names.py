"""Names for steps that have none: the first words of their commands, each name once."""

import re
from collections.abc import Iterable, Sequence

from orchestrator.load.fields import NAME_LENGTH
from orchestrator.model.playbook import Body

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./:@+-]+")


def step_names(written: Sequence[str | None], bodies: Iterable[Body]) -> list[str]:
    """The name of each step, where None is written made of its body: `git fetch`, then `git fetch 2`."""
    taken = {name for name in written if name is not None}
    names = []
    for name, body in zip(written, bodies, strict=True):
        given = name if name is not None else _free(_from(body), taken)
        taken.add(given)
        names.append(given)
    return names


def _from(body: Body) -> str:
    """Worked example: `LANG=C /usr/bin/git fetch --tags origin` gives `git fetch`."""
    words = [word for text in body.texts for word in text.source.split()]
    while words and _ASSIGNMENT.match(words[0]):
        words.pop(0)
    chosen: list[str] = []
    for word in words[:2]:
        if not _PLAIN_WORD.fullmatch(word) or (chosen and word.startswith("-")):
            break
        chosen.append(word if chosen else word.rstrip("/").rpartition("/")[2])
    return " ".join(filter(None, chosen))[: NAME_LENGTH - 8].strip() or "step"


def _free(name: str, taken: set[str]) -> str:
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name} {number}"
    return candidate
