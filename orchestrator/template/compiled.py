"""A template's source, compiled once: its code, the names it reads, and where its values stand."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Template, TemplateSyntaxError, meta, nodes
from jinja2.parser import Parser

from orchestrator.model.near import did_you_mean_one_of
from orchestrator.model.origin import Origin, Text
from orchestrator.template import holes as holes_of
from orchestrator.template.error import Fault, origin_at
from orchestrator.template.filters import FILTERS, MARKS, REFUSED, Mark
from orchestrator.template.language import LANGUAGE, TAGS

MAX_TEXT = 128 * 1024
"""The longest text in characters, written or rendered. A command may have 4,096; this only bounds the work."""

_COMMENT = re.compile(r"(?<!\$)\{#.*?#\}", re.DOTALL)
_GUARDS = {"default", "d", "defined", "undefined"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A usable template.

    template: None when the source holds nothing but the author's text.
    names: the variables it reads. optional: those of them that it asks about or gives a default for.
    reads: (name, entry) for every `name.entry` of these. holes: the offset of every `{{`, in order.
    reads_of: for each of these holes, its reads. marks: its last filter, where that says how it stands in a command.
    whole: whether it is a whole number for sure.
    straight: the author's text between the values, when it is always that (no if, no for); else None.
    plain: the variable that each value is, when all are names of variables and nothing else; else None.
    """

    source: str
    expression: bool
    template: Template | None
    names: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    reads: frozenset[tuple[str, str]] = frozenset()
    holes: tuple[int, ...] = ()
    reads_of: tuple[frozenset[tuple[str, str]], ...] = ()
    marks: tuple[Mark | None, ...] = ()
    whole: tuple[bool, ...] = ()
    straight: tuple[str, ...] | None
    plain: tuple[str, ...] | None = None

    def find(self, word: object) -> int:
        """The offset of the first name, or quoted string, that is this word; 0 when there is none."""
        wanted = {word, f"'{word}'", f'"{word}"'}
        found = (at for at, kind, value in _tokens(self.source, self.expression) if value in wanted and kind != "data")
        return next(found, 0)

    def tag_on(self, line: int) -> int:
        """The offset of the first tag on this line (from 1), or of the line."""
        return _tag_on(self.source, line)


@lru_cache(maxsize=2048)
def compiled(source: str, expression: bool = False) -> Compiled:
    """The template of this source. Raises Fault when it is none, or uses what is not supported."""
    if len(source) > MAX_TEXT:
        raise Fault(f"the text is longer than {MAX_TEXT} characters")
    if not expression and not is_template(source):
        return Compiled(source=source, expression=False, template=None, straight=(source,))
    if "\r" in source:  # Jinja makes a newline of it
        raise Fault("a template cannot hold a carriage return", "write it as printf '\\r'", offset=source.index("\r"))
    try:
        holes = (0,) if expression else _scan(source)
        tree = _parse(source, expression)
        _check(tree, source, expression)
        values = tuple(holes_of.values(tree))
        return Compiled(
            source=source,
            expression=expression,
            template=LANGUAGE.from_string(tree),
            names=(names := frozenset(meta.find_undeclared_variables(tree))),
            optional=_optional(tree) & names,
            reads=frozenset((name, entry) for name, entry in holes_of.reads(tree) if name in names),
            holes=holes,
            reads_of=tuple(holes_of.reads_of(tree)),
            marks=tuple(map(holes_of.mark, values)),
            whole=tuple(map(holes_of.is_whole, values)),
            straight=(straight := _straight(tree)),
            plain=_plain(tree, values) if straight else None,
        )
    except TemplateSyntaxError as error:
        raise Fault(_sentence(error), _advice(source, expression), offset=_tag_on(source, error.lineno)) from None
    except (RecursionError, MemoryError, SyntaxError):  # of the parser, or of Python on the generated code
        raise Fault("the template is nested too deeply") from None
    except ValueError:  # of Python, for a number of some thousand digits
        raise Fault("the template holds a number that is too long") from None


def _sentence(error: TemplateSyntaxError) -> str:
    return f"not a template: {(error.message or '').rstrip('.')}"


def _advice(source: str, expression: bool) -> str:
    if not expression:
        return "for braces that are meant literally write {% raw %}...{% endraw %}"
    return "an expression stands alone, without {{ }}" if "{{" in source else ""


def _parse(source: str, expression: bool) -> nodes.Template:
    """The syntax tree; an expression is a template of one value."""
    if not expression:
        return LANGUAGE.parse(source)
    parser = Parser(LANGUAGE, source, state="variable")
    value = parser.parse_expression()
    if not parser.stream.eos:
        found = parser.stream.current
        raise TemplateSyntaxError(f"unexpected {found.value!r} after the expression", found.lineno)
    tree = nodes.Template([nodes.Output([value], lineno=1)], lineno=1)
    tree.set_environment(LANGUAGE)
    return tree


def _tokens(source: str, expression: bool) -> Iterator[tuple[int, str, str]]:
    """Offset, kind and text of every token. Jinja leaves out the white space before `{{-`: so each is searched for."""
    at = 0
    for _, kind, value in LANGUAGE.lexer.tokeniter(source, None, None, "variable" if expression else None):
        at = source.index(value, at)
        yield at, kind, value
        at += len(value)


def _scan(source: str) -> tuple[int, ...]:
    """The offset of every `{{`. Raises Fault for a tag that is not supported."""
    holes = []
    previous = ""
    for at, kind, value in _tokens(source, False):
        if kind == "variable_begin":
            holes.append(at)
        elif kind == "name" and previous == "block_begin" and value not in TAGS:
            known = "only if, for, set and raw can stand in {% %}"
            raise Fault(f"{{% {value} %}} is not supported", known, offset=at)
        elif kind == "data" and previous != "raw_begin" and (comment := _COMMENT.search(value)):
            fix = "write a YAML comment, or {% raw %}...{% endraw %} to have it literally"
            raise Fault("{# #} is not supported", fix, offset=at + comment.start())
        if kind != "whitespace":
            previous = kind
    return tuple(holes)


def _check(tree: nodes.Template, source: str, expression: bool) -> None:
    """Raises Fault for filters and tests that do not exist, and for what the renderer cannot follow."""
    last = tuple(holes_of.values(tree))
    for node in tree.find_all((nodes.Filter, nodes.Test, nodes.For, nodes.AssignBlock)):
        match node:
            case nodes.AssignBlock() | nodes.For(recursive=True):
                problem, fix = "text cannot be captured or repeated by name", "write {% set x = ... %} or a plain for"
                raise Fault(problem, fix, offset=_tag_on(source, node.lineno))
            case nodes.Filter(name=name) if name in REFUSED:
                offset = _place(source, expression, name)
                raise Fault(f"the filter `{name}` is not supported", REFUSED[name], offset=offset)
            case nodes.Filter(name=name) if name in MARKS and (expression or not any(node is each for each in last)):
                problem = f"`| {name}` must be the last of a {{{{ }}}} in shell text"
                fix = "put it at the end" if not expression else "an expression is no shell text; leave it out"
                raise Fault(problem, fix, offset=_place(source, expression, name))
            case nodes.Filter(name=name) if name not in FILTERS:
                fix = did_you_mean_one_of(name, FILTERS) or f"there are {', '.join(sorted(FILTERS))}"
                raise Fault(f"there is no filter `{name}`", fix, offset=_place(source, expression, name))
            case nodes.Test(name=name) if name not in LANGUAGE.tests:
                fix = did_you_mean_one_of(name, LANGUAGE.tests) or "write `x is defined`, or compare with == and in"
                raise Fault(f"there is no test `{name}`", fix, offset=_place(source, expression, name))
            case _:
                pass


def _place(source: str, expression: bool, word: str) -> int:
    return next((at for at, kind, value in _tokens(source, expression) if value == word and kind == "name"), 0)


def _optional(tree: nodes.Template) -> frozenset[str]:
    """The names of what stands before `| default` or `is defined`: x in `x is defined` and in `x.y[0] | default(1)`."""
    found = set()
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        if isinstance(node, nodes.Filter | nodes.Test) and node.name in _GUARDS:
            guarded: nodes.Node | None = node.node
            while isinstance(guarded, nodes.Getattr | nodes.Getitem):
                guarded = guarded.node
            if isinstance(guarded, nodes.Name):
                found.add(guarded.name)
    return frozenset(found)


def _straight(tree: nodes.Template) -> tuple[str, ...] | None:
    chunks = [""]
    for statement in tree.body:
        if isinstance(statement, nodes.Assign):
            continue
        if not isinstance(statement, nodes.Output):
            return None
        for node in statement.nodes:
            if isinstance(node, nodes.TemplateData):
                chunks[-1] += node.data
            else:
                chunks.append("")
    return tuple(chunks)


def _plain(tree: nodes.Template, values: Sequence[nodes.Expr]) -> tuple[str, ...] | None:
    if any(isinstance(statement, nodes.Assign) for statement in tree.body):
        return None
    found = tuple(value.name for value in values if isinstance(value, nodes.Name))
    return found if len(found) == len(values) else None


def _tag_on(source: str, line: int) -> int:
    start = sum(map(len, source.split("\n")[: line - 1])) + line - 1
    tag = re.compile(r"[^\n]*?(?=\{[{%])").match(source, start)
    return tag.end() if tag else start


def is_template(source: str) -> bool:
    """Whether there is anything in it to be rendered."""
    return "{{" in source or "{%" in source or bool(_COMMENT.search(source))


def compile_text(text: Text, *, expression: bool = False, marks: bool = True) -> Compiled:
    """The compiled template of a text. marks: it may say how a value stands in a command. Raises TemplateError."""
    try:
        template = compiled(text.source, expression)
        for offset, mark in zip(template.holes, template.marks, strict=True):
            if mark and not marks:
                fix = "no shell reads this text: leave it out"
                raise Fault(f"`| {mark.value}` is for shell text only", fix, offset=offset)
        return template
    except Fault as fault:
        raise fault.of(text) from None


def check(text: Text, *, expression: bool = False) -> None:
    """Raises TemplateError when the text is no word's template (or no expression), or uses what is not supported."""
    compile_text(text, expression=expression, marks=False)


def names(text: Text, *, expression: bool = False) -> frozenset[str]:
    """The variables that a text reads. Raises TemplateError."""
    return compile_text(text, expression=expression).names


def needs(text: Text, *, expression: bool = False) -> frozenset[str]:
    """The variables that must be defined: all but those that stand before `| default` or `is defined`."""
    template = compile_text(text, expression=expression)
    return template.names - template.optional


def reads(text: Text, *, expression: bool = False) -> frozenset[tuple[str, str]]:
    """(name, entry) for every `name.entry` that a text reads of a variable. Raises TemplateError."""
    return compile_text(text, expression=expression).reads


def place(text: Text, word: str, *, expression: bool = False) -> Origin:
    """Where a text first has this word as a name or a string; its beginning when it has not. Raises TemplateError."""
    return origin_at(text, compile_text(text, expression=expression).find(word))
