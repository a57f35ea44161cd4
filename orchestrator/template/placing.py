"""Where a value stands in a shell command: what can be written there, and how."""

from dataclasses import dataclass
from functools import partial
from posixpath import commonprefix

from orchestrator.template import escapes
from orchestrator.template.contexts import CONTEXTS, WORDS, Context
from orchestrator.template.filters import Args, Mark, Quoted
from orchestrator.template.refusal import Refusal, Unless
from orchestrator.template.words import word_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Heredoc:
    """A here-document. literal: nothing is special in it. tabs: those that begin its lines are taken away (<<-)."""

    delimiter: str
    literal: bool
    tabs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one value stands.

    strict: it is written in quotes whatever it holds. alone: it is a word by itself. opens: its word begins with it.
    refusal: why it cannot stand there. document: the here-document that it stands in.
    program: what reads the word as an argument; '' where nothing does, or where no option can be meant any more.
    counted: whether it matters to a program which of its words this is. remarks: what a person should know of it.
    """

    context: Context
    strict: bool = False
    alone: bool = False
    opens: bool = False
    refusal: Refusal | None = None
    document: Heredoc | None = None
    program: str = ""
    counted: bool = False
    remarks: tuple[str, ...] = ()


_ARGS = Refusal(
    problem="`| args` gives several words, which can only stand by themselves, bare, where no matter how many",
    fix="put blanks around it and take quotes away, or write `| join(' ')` for one word",
)


def refusal(place: Place, mark: Mark | None, *, whole: bool) -> Refusal | None:
    """Why no value can stand there; None where some can. mark: its last filter. whole: it is a whole number."""
    if mark is Mark.ARGS:
        return place.refusal or (None if place.context in WORDS and place.alone and not place.counted else _ARGS)
    found = place.refusal
    if found is None:
        return None
    match found.unless:
        case Unless.QUOTED:
            return None if whole or mark is Mark.QUOTE else found
        case Unless.NUMBER:
            return None if whole and mark is None else found
        case None:
            return found


def write(value: object, place: Place) -> str:
    """The value as the shell has to see it at this place. Raises Fault where it is no text, or no list for `args`."""
    if isinstance(value, Args):
        return " ".join(_word(word_of(each), place) for each in value)
    text = word_of(value)
    return _word(escapes.in_quotes(text) if isinstance(value, Quoted) else text, place)


def _word(text: str, place: Place) -> str:
    if place.context in WORDS:
        return escapes.word(text, strict=place.strict)
    escape = CONTEXTS[place.context].escape
    return escape(text) if escape else text


def collision(line: str, value: str, rest: str, document: Heredoc) -> Refusal | None:
    """Why this value cannot stand in this here-document, all as it is written there; None where it can.

    line: what stands before it on its line. rest: what follows it, up to the end of its last line or the next value.
    """
    lines = (line + value + rest).split("\n")
    if document.tabs and ((value.startswith("\t") and not line.strip("\t")) or "\n\t" in value):
        problem = "a line of the value begins with a tab, which <<- takes away"
        return Refusal(problem=problem, fix="write << in place of <<-")
    if document.tabs:
        lines = [each.lstrip("\t") for each in lines]
    if document.delimiter in lines:
        problem = f"with this value a line is {document.delimiter}, which ends the here-document"
        return Refusal(problem=problem, fix="choose another delimiter, or write printf '%s\\n' {{ value }} | ...")
    if any(map(partial(_swallowed, delimiter=document.delimiter), lines)):
        problem = f"with this value a line begins like {document.delimiter} and goes on with what is not ASCII"
        return Refusal(problem=f"{problem}: dash loses a byte there", fix="choose another delimiter")
    return None


def _swallowed(line: str, *, delimiter: str) -> bool:
    """Whether dash (0.5.12) loses the byte after what the line has in common with the delimiter."""
    common = len(commonprefix((line, delimiter)))
    return common > 0 and not line[common : common + 1].isascii()
