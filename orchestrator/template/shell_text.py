"""A template and its values to the text of a shell command, every value written for the place where it stands."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from orchestrator.model.ids import Value
from orchestrator.model.origin import Problem, Text
from orchestrator.template import languages, placing, shell
from orchestrator.template.compiled import Compiled, compile_text, compiled
from orchestrator.template.contexts import WORDS
from orchestrator.template.error import Fault, origin_at
from orchestrator.template.filters import Args, Mark, Raw
from orchestrator.template.language import Hole
from orchestrator.template.placing import Place
from orchestrator.template.render import bounded, expand
from orchestrator.template.words import word_of

Note = Callable[[Problem], None]
"""Takes what a person should know of a value; its problem is a sentence."""


class Slot(NamedTuple):
    """A value on its way into a command. mark: its last filter. whole: whether it is a whole number for sure."""

    value: object
    mark: Mark | None = None
    whole: bool = False


def render_shell(text: Text, values: Mapping[str, Value], note: Note | None = None) -> str:
    """The text of a shell command: the author's text as it is, every value as what it is, and never more.

    What is marked `| raw` is the author's text. Raises TemplateError, also where a value, or this value, cannot stand
    where it does.
    """
    if (quick := _quickly(text, values)) is not None:
        return quick
    template, chunks, holes = expand(text, values, marks=True)
    chunks, holes = _with_raw(chunks, holes)
    slots = [Slot(hole.value, template.marks[hole.number], template.whole[hole.number]) for hole in holes]
    written: list[str] = []
    try:
        written.extend(fill(chunks, slots, lambda remark: _tell(note, text, template, holes[len(written)], remark)))
    except Fault as fault:
        fault.offset = template.holes[holes[len(written)].number]
        raise fault.of(text) from None
    pieces = (piece for pair in zip(chunks, [*written, ""], strict=True) for piece in pair)
    return bounded(text, [*pieces])


class _Spot(NamedTuple):
    """A place for a variable's value, and the author's text after it. written: values as they were written there."""

    name: str
    place: Place
    after: str
    written: dict[object, str]


_MOST_WRITTEN = 1_000
"""Values that a place remembers; those of a fleet's hosts that all differ are not worth it."""


def _quickly(text: Text, values: Mapping[str, Value]) -> str | None:
    """What `render_shell` gives, without Jinja: where every value is a variable's, and there is nothing to say of it.

    None where it takes more: a plan of a large fleet is made of texts that do not.
    """
    spots = _spots(text.source)
    if spots is None:
        return None
    first, rest = spots
    pieces = [first]
    for name, place, after, written in rest:
        value = values.get(name)
        if not isinstance(value, str | int | float):
            return None
        key: object = value if type(value) is str else (type(value), repr(value))  # 1 == True, 0.0 == -0.0
        found = written.get(key)
        if found is None:
            if _is_option(value, place):
                return None
            try:
                found = _written(Slot(value), place)
            except Fault:
                return None
            if len(written) < _MOST_WRITTEN:
                written[key] = found
        pieces += found, after
    return bounded(text, pieces)


@lru_cache(maxsize=2048)
def _spots(source: str) -> tuple[str, tuple[_Spot, ...]] | None:
    try:
        template = compiled(source)
    except Fault:
        return None
    if template.straight is None or not template.plain:
        return None
    places = shell.places(template.straight)
    if any(at.refusal or at.document or at.remarks for at in places):
        return None
    first, *rest = template.straight
    return first, tuple(map(_Spot, template.plain, places, rest, [{} for _ in rest]))


def fill(chunks: Sequence[str], slots: Sequence[Slot], tell: Callable[[str], None] | None = None) -> Iterator[str]:
    """Each value as it is written at its place; chunks: the author's text before, between and after them.

    tell: takes what a person should know of the value that comes next. Raises Fault where that cannot stand there.
    """
    line = chunks[0]
    for slot, at, chunk in zip(slots, shell.places(tuple(chunks)), chunks[1:], strict=True):
        written = _written(slot, at)
        line = line[line.rfind("\n") + 1 :]
        if at.document and (found := placing.collision(line, written, chunk.partition("\n")[0], at.document)):
            raise Fault(found.problem, found.fix)
        if tell:
            for remark in (*at.remarks, *_of_option(slot.value, at)):
                tell(remark)
        yield written
        line += written + chunk


def check_shell(text: Text) -> None:
    """Raises TemplateError for a value that stands where none can, as far as that is known without the values."""
    template = compile_text(text)
    for number, at in _known(template):
        if found := placing.refusal(at, template.marks[number], whole=template.whole[number]):
            raise Fault(found.problem, found.fix, offset=template.holes[number]).of(text)


def remarks(text: Text) -> tuple[Problem, ...]:
    """What a person should know of a shell text whatever the values, in their order. Raises TemplateError."""
    template = compile_text(text)
    found = [(number, RAW_REMARK) for number, mark in enumerate(template.marks) if mark is Mark.RAW]
    for number, at in _known(template):
        found += [(number, remark) for remark in (*at.remarks, *_of_quote(template.marks[number], at))]
    return tuple(_problem(text, template, number, remark) for number, remark in sorted(found))


RAW_REMARK = "the value is filled in as it is (raw): the shell runs what it says"


def _known(template: Compiled) -> Iterator[tuple[int, Place]]:
    """The number and place of each value, as far as that does not depend on the values: up to an if, a for or a raw."""
    if template.straight is None:
        return
    raw = next((at for at, mark in enumerate(template.marks) if mark is Mark.RAW), len(template.marks))
    chunks = template.straight[: raw + 1]
    yield from enumerate(shell.places(chunks))


def _with_raw(chunks: list[str], holes: list[Hole]) -> tuple[list[str], list[Hole]]:
    """Raw values become the author's text: what they open or close is then known."""
    if not any(isinstance(hole.value, Raw) for hole in holes):
        return chunks, holes
    joined, kept = [chunks[0]], list[Hole]()
    for hole, chunk in zip(holes, chunks[1:], strict=True):
        if isinstance(hole.value, Raw):
            joined[-1] += hole.value + chunk
        else:
            joined.append(chunk)
            kept.append(hole)
    return joined, kept


def _written(slot: Slot, at: Place) -> str:
    if found := placing.refusal(at, slot.mark, whole=slot.whole):
        raise Fault(found.problem, found.fix)
    written = placing.write(slot.value, at)
    if at.program in languages.RUN_CODE and _is_option(slot.value, at):
        fix = "write -- or ./ before it, or give its parameter a pattern"
        raise Fault(f"the value begins with `-`, and {at.program} has options that run programs", fix)
    return written


def _is_option(value: object, at: Place) -> bool:
    """Whether the program that gets this value, or some of these, reads it as an option."""
    if isinstance(value, int | float) or not (at.program and at.opens):
        return False
    texts = map(word_of, value) if isinstance(value, Args) else [word_of(value)]
    return any(text[:1] in ("-", "+") and len(text) > 1 for text in texts)


def _of_option(value: object, at: Place) -> Iterator[str]:
    if _is_option(value, at):
        yield f"the value begins with `-`, so that {at.program} may take it for an option; write -- before it"


def _of_quote(mark: Mark | None, at: Place) -> Iterator[str]:
    if mark is Mark.QUOTE and at.refusal is None and at.context in WORDS and at.program not in ("", "echo", "printf"):
        yield f"the value is quoted twice; leave `| quote` out unless {at.program} reads it as shell text again"


def _tell(note: Note | None, text: Text, template: Compiled, hole: Hole, remark: str) -> None:
    if note:
        note(_problem(text, template, hole.number, remark))


def _problem(text: Text, template: Compiled, number: int, remark: str) -> Problem:
    return Problem(origin=origin_at(text, template.holes[number]), problem=remark)
