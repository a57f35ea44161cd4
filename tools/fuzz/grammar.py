"""Random templates that are well formed, and what must come out of them, whatever their values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from orchestrator.template.filters import Args, Mark, Quoted
from orchestrator.template.shell_text import Slot

PRELUDE = r"""
p() { for _each in "$@"; do printf '%s\000' "$_each"; done; }
w() { printf '%s' "$1"; }
c() { while IFS= read -r _line; do printf '%s\n' "$_line"; done; printf '\000'; }
sh() {
  case $1 in
    -c) shift; _code=$1; shift; [ $# = 0 ] || shift; eval "$_code" ;;
    "" | -s) _code=; while IFS= read -r _line; do _code="$_code$_line
"; done; eval "$_code" ;;
  esac
}
ssh() { shift; case $# in 0) sh ;; *) eval "$*" ;; esac; }
"""
"""What the templates call. `sh` and `ssh` do in this process what those programs do in another."""


@dataclass(frozen=True, slots=True)
class Use:
    """A value's place in a template. value: its number. mark: its last filter. whole: it is an integer."""

    value: int
    mark: Mark | None = None
    whole: bool = False


Item = str | Use
Text = Callable[[Sequence[str]], str]
"""What comes out, given the values."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a template. contexts: the names of the places in which its values stand."""

    items: tuple[Item, ...]
    text: Text
    contexts: tuple[str, ...] = ()


def chunks(items: Sequence[Item]) -> tuple[list[str], list[Use]]:
    """The author's text before, between and after the uses, and the uses."""
    texts, uses = [""], list[Use]()
    for item in items:
        if isinstance(item, str):
            texts[-1] += item
        else:
            uses.append(item)
            texts.append("")
    return texts, uses


def slot(use: Use, values: Sequence[str]) -> Slot:
    """The value that a use stands for."""
    value = values[use.value]
    match use.mark:
        case Mark.QUOTE:
            return Slot(Quoted(value), use.mark)
        case Mark.ARGS:
            return Slot(Args(values), use.mark)
        case _:
            return Slot(number(value) if use.whole else value, None, use.whole)


def number(value: str) -> int:
    return len(value) - 3


class Grammar:
    """Draws templates of `count` values."""

    def __init__(self, chance: Random, count: int) -> None:
        self.chance = chance
        self.count = count

    def script(self) -> Part:
        """Some statements, a line or more each."""
        return self._joined([self.statement() for _ in range(self.chance.randint(1, 3))], "\n")

    def _value(self) -> int:
        return self.chance.randrange(self.count)

    def _joined(self, parts: Sequence[Part], between: str) -> Part:
        items: list[Item] = []
        for part in parts:
            items += [*part.items, between]
        contexts = tuple(name for part in parts for name in part.contexts)
        return Part(tuple(items), lambda values: "".join(part.text(values) for part in parts), contexts)

    # words

    def word(self) -> Part:
        """A word of one to three pieces, each in its own quotes."""
        pieces = [self._piece() for _ in range(self.chance.choice((1, 1, 1, 2, 3)))]
        items = tuple(item for piece in pieces for item in piece.items)
        contexts = tuple(name for piece in pieces for name in piece.contexts)
        return Part(items, lambda values: "".join(piece.text(values) for piece in pieces), contexts)

    def _piece(self) -> Part:
        chance, at = self.chance, self._value()
        before, after = (
            chance.choice(("", "a", "--tag=", "/srv/", "x.", "1")),
            chance.choice(("", "b", "/bin", ".0", "2")),
        )
        match chance.randrange(9):
            case 0 | 1:
                items: tuple[Item, ...] = (before, Use(at), after)
                return Part(items, lambda values: before + values[at] + after, ("command",))
            case 2 | 3:
                items = ('"', before, Use(at), after, '"')
                return Part(items, lambda values: before + values[at] + after, ("double quotes",))
            case 4:
                items = ("'", before, Use(at), after, "'")
                return Part(items, lambda values: before + values[at] + after, ("single quotes",))
            case 5:
                literal = chance.choice(
                    ("${V}", "$V ", "\\\\", "\\$", "it's ", "# ", "\\`", "; ", "$(w x)", "$((1 + 1))")
                )
                shown = {
                    "${V}": "v v",
                    "$V ": "v v ",
                    "\\\\": "\\",
                    "\\$": "$",
                    "\\`": "`",
                    "$(w x)": "x",
                    "$((1 + 1))": "2",
                }
                text = shown.get(literal, literal)
                return Part(('"', literal, Use(at), '"'), lambda values: text + values[at], ("double quotes",))
            case 6:
                inner = self.word()
                items = ('"$(w ', *inner.items, ')"')
                return Part(items, lambda values: inner.text(values).rstrip("\n"), ("substitution", *inner.contexts))
            case 7:
                items = (chance.choice(("$((1 + ", '"$((1 +')), Use(at, None, True), " ))")
                items = (*items, '"') if str(items[0])[0] == '"' else items
                return Part(items, lambda values: str(1 + number(values[at])), ("arithmetic",))
            case _:
                inner = self.word()
                items = ('"$( (w ', *inner.items, '; w .) )"')
                return Part(items, lambda values: inner.text(values) + ".", ("parentheses", *inner.contexts))

    # statements

    def statement(self) -> Part:
        """A command that prints its words, each followed by a NUL."""
        kinds = (
            self._print, self._print, self._assign, self._loop, self._case, self._test, self._call, self._document,
            self._document, self._group, self._evaluated, self._evaluated, self._piped, self._all, self._beside,
        )  # fmt: skip
        return self.chance.choice(kinds)()

    def _print(self) -> Part:
        words = [self.word() for _ in range(self.chance.choice((1, 1, 2, 3)))]
        items: list[Item] = ["p"]
        for word in words:
            items += [" ", *word.items]
        contexts = tuple(name for word in words for name in word.contexts)
        return Part(tuple(items), lambda values: "".join(word.text(values) + "\0" for word in words), contexts)

    def _around(self, before: str, after: str, word: Part | None = None, *more: str) -> Part:
        """A command that prints this word once."""
        word = word or self.word()
        items = (before, *word.items, after, *more)
        return Part(items, lambda values: word.text(values) + "\0", word.contexts)

    def _assign(self) -> Part:
        before = self.chance.choice(("x=", "export x=", "x=; x=${x}", "readonly_=1 x="))
        return self._around(before, '; p "$x"')

    def _loop(self) -> Part:
        return self._around("for i in ", '; do p "$i"; done')

    def _call(self) -> Part:
        return self._around('f() { p "$1"; }; f ', "")

    def _group(self) -> Part:
        before, after = self.chance.choice(
            (
                ("(p ", ")"),
                ("{ p ", "; }"),
                ("true && p ", " || p no"),
                ("! false || p no; p ", " # it's"),
                ("if p ", "; then :; fi"),
            )
        )
        return self._around(before, after)

    def _case(self) -> Part:
        at = self._value()
        word, pattern = (
            self.chance.choice((('"', '"'), ("", ""))),
            self.chance.choice((('"', '"'), ("a", ""), ("", ""), ("'", "'"))),
        )
        prefix = "a" if pattern[0] == "a" else ""
        items: tuple[Item, ...] = ("case ", prefix, word[0], Use(at), word[1], " in ", pattern[0], Use(at), pattern[1])
        return Part((*items, ") p yes;; *) p no;; esac"), lambda _: "yes\0", ("command",))

    def _test(self) -> Part:
        at = self._value()
        items: tuple[Item, ...] = ("if [ x", Use(at), ' = "x', Use(at), '" ]; then p yes; else p no; fi')
        return Part(items, lambda _: "yes\0", ("command", "double quotes"))

    def _beside(self) -> Part:
        at = self._value()
        items: tuple[Item, ...] = ("if [ ", Use(at, None, True), " -lt 1000 ]; then p yes; fi")
        return Part(items, lambda _: "yes\0", ("command",))

    def _all(self) -> Part:
        text: Text = lambda values: "".join(f"{value}\0" for value in values)  # noqa: E731
        return Part(("p ", Use(0, Mark.ARGS)), text, ("command",))

    def _document(self) -> Part:
        chance, at, other = self.chance, self._value(), self._value()
        literal, tabs = chance.random() < 0.5, chance.random() < 0.3
        word = "'EOF'" if literal else chance.choice(("EOF", "EOF", "EOF "))
        tab = "\t" if tabs else ""
        if not literal and chance.random() < 0.2:
            inside: tuple[Item, ...] = ("c <<EOF\n$(w a", Use(at, None, True), "b)", "\nEOF")
            return Part(inside, lambda values: f"a{number(values[at])}b\n\0", ("substitution in a here-document",))
        live = "" if literal else chance.choice(("", "", "${V}", "\\$V", "$(w x)"))
        shown = {"${V}": "v v", "\\$V": "$V", "$(w x)": "x"}.get(live, "")
        middle = chance.choice((" ", "\"'", "b", "\n" + tab, " # it's ", "\nEOF"))
        items = (f"c <<{'-' if tabs else ''}{word}\n{tab}{live}", Use(at), middle, Use(other), f"\n{tab}EOF")
        name = "literal here-document" if literal else "here-document"

        def text(values: Sequence[str]) -> str:
            return f"{shown}{values[at]}{middle.replace(tab, '') if tabs else middle}{values[other]}\n\0"

        return Part(items, text, (name,))

    def _evaluated(self) -> Part:
        """What is read twice."""
        at = self._value()
        quoted, handed = Use(at, Mark.QUOTE), Use(at)
        items: tuple[Item, ...] = self.chance.choice(
            (
                ("eval p ", quoted), ('eval "p ', quoted, '"'), ("eval 'p ", quoted, "'"),
                ('sh -c "p ', quoted, '; p"'),
                ("sh -c 'p ", quoted, "'"), ("ssh host p ", quoted), ('ssh host "true && p ', quoted, '"'),
                ("sh -c 'p \"$1\"' sh ", handed), ("sh <<EOF\np ", quoted, "\nEOF"),
                ("sh <<'EOF'\np a", quoted, "\nEOF"),
                ("ssh host <<'EOF'\n# it's\np ", quoted, "\nEOF"), ('(trap "p ', quoted, '" EXIT)'),
                ('eval "x=', quoted, '; p \\"\\$x\\""'),
            )
        )  # fmt: skip
        prefix = "a" if items[0] == "sh <<'EOF'\np a" else ""
        return Part(items, lambda values: f"{prefix}{values[at]}\0", ("read twice",))

    def _piped(self) -> Part:
        word = self.word()
        return Part(("{ w ", *word.items, "; echo; } | c"), lambda values: word.text(values) + "\n\0", word.contexts)
