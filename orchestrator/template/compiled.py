"""A template's source, compiled once: its code, the names it reads, and where its values stand."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Template, TemplateSyntaxError, meta, nodes
from jinja2.parser import Parser

from orchestrator.model.near import did_you_mean_one_of
from orchestrator.model.origin import Origin, Text
from orchestrator.template.error import Fault, origin_at
from orchestrator.template.filters import FILTERS, REFUSED
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
    reads_of: for each of these holes, its reads.
    straight: the author's text between the values, when it is always that (no if, no for); else None.
    """

    source: str
    expression: bool
    template: Template | None
    names: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    reads: frozenset[tuple[str, str]] = frozenset()
    holes: tuple[int, ...] = ()
    reads_of: tuple[frozenset[tuple[str, str]], ...] = ()
    straight: tuple[str, ...] | None

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
        return Compiled(
            source=source,
            expression=expression,
            template=LANGUAGE.from_string(tree),
            names=(names := frozenset(meta.find_undeclared_variables(tree))),
            optional=_optional(tree) & names,
            reads=frozenset((name, entry) for name, entry in _reads(tree) if name in names),
            holes=holes,
            reads_of=tuple(_reads_of_values(tree)),
            straight=_straight(tree),
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
    for node in tree.find_all((nodes.Filter, nodes.Test, nodes.For, nodes.AssignBlock)):
        match node:
            case nodes.AssignBlock() | nodes.For(recursive=True):
                problem, fix = "text cannot be captured or repeated by name", "write {% set x = ... %} or a plain for"
                raise Fault(problem, fix, offset=_tag_on(source, node.lineno))
            case nodes.Filter(name=name) if name in REFUSED:
                offset = _place(source, expression, name)
                raise Fault(f"not yet supported: the filter `{name}`", REFUSED[name], offset=offset)
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


def _reads(tree: nodes.Node) -> Iterator[tuple[str, str]]:
    """(name, entry) for every `name.entry` and `name['entry']`."""
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        if not isinstance(node, nodes.Getattr | nodes.Getitem) or not isinstance(node.node, nodes.Name):
            continue
        if isinstance(node, nodes.Getattr):
            yield node.node.name, node.attr
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            yield node.node.name, node.arg.value


def _reads_of_values(tree: nodes.Template) -> Iterator[frozenset[tuple[str, str]]]:
    """What each value reads, in the order of the source; by way of `{% set %}`, too."""
    through: dict[str, frozenset[tuple[str, str]]] = {}
    for node in tree.find_all((nodes.Assign, nodes.Output)):
        if isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name):
            through[node.target.name] = _read_by(node.node, through)
        elif isinstance(node, nodes.Output):
            yield from (_read_by(each, through) for each in node.nodes if not isinstance(each, nodes.TemplateData))


def _read_by(node: nodes.Node, through: Mapping[str, frozenset[tuple[str, str]]]) -> frozenset[tuple[str, str]]:
    whole = nodes.Output([node])  # `find_all` leaves out the node that it is called on
    named = (through.get(name.name, frozenset()) for name in whole.find_all(nodes.Name))
    return frozenset(_reads(whole)).union(*named)


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


def _tag_on(source: str, line: int) -> int:
    start = sum(map(len, source.split("\n")[: line - 1])) + line - 1
    tag = re.compile(r"[^\n]*?(?=\{[{%])").match(source, start)
    return tag.end() if tag else start


def is_template(source: str) -> bool:
    """Whether there is anything in it to be rendered."""
    return "{{" in source or "{%" in source or bool(_COMMENT.search(source))


def compile_text(text: Text, *, expression: bool = False) -> Compiled:
    """The compiled template of a text. Raises TemplateError."""
    try:
        return compiled(text.source, expression)
    except Fault as fault:
        raise fault.of(text) from None


def check(text: Text, *, expression: bool = False) -> None:
    """Raises TemplateError when the text is no template (or no expression), or uses what is not supported."""
    compile_text(text, expression=expression)


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
