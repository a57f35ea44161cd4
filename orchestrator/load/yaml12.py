"""YAML text to a Document: events to values with their places, by the core schema of YAML 1.2. Alone imports yaml.

PyYAML's parser gives events without recursion, so neither depth nor aliases can exhaust us before they are counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml

from orchestrator.errors import InputError
from orchestrator.load.document import Document, Mark
from orchestrator.load.files import Source
from orchestrator.load.problems import Finding, Loc
from orchestrator.load.scalars import is_ambiguous, resolve
from orchestrator.load.yaml_words import in_plain_words
from orchestrator.model.ids import Value

MAX_DEPTH = 60
"""How deep lists and mappings may stand in each other, aliases included."""

MAX_ALIASED = 100_000
"""How many values aliases may add to those that are written."""

_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE = "tag:yaml.org,2002:"
_COLLECTIONS = {"list": f"{_CORE}seq", "mapping": f"{_CORE}map"}


@dataclass(slots=True, kw_only=True, eq=False)
class _Node:
    """A value as written. items: of a list; of a mapping, keys and values in turn. size and depth: aliases expanded."""

    kind: str
    mark: Mark
    tag: str | None = None
    text: str = ""
    style: str | None = None
    items: list["_Node"] = field(default_factory=list)
    size: int = 1
    depth: int = 0
    open: bool = False


def read_yaml_text(source: Source, *, number_keys: bool = False) -> Document:
    """The one document of a YAML text. Raises InputError when it is not YAML, or asks for too much.

    number_keys: a whole number may stand as a key, and is its digits (a file that names VPSes by their vmids).
    """
    try:
        root = _Composer(source).compose()
    except yaml.YAMLError as error:
        raise InputError([in_plain_words(error, source)]) from None
    builder = _Builder(number_keys=number_keys)
    data = builder.build(root, ()) if root else None
    return Document(
        source=source,
        data=data,
        values=builder.values,
        keys=builder.keys,
        styles=builder.styles,
        written=builder.written,
        ambiguous=builder.ambiguous,
        findings=tuple(builder.findings),
    )


class _Composer:
    """Events to nodes, counted as they come."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._stack: list[_Node] = []
        self._anchors: dict[str, _Node] = {}
        self._written = 0
        self._root: _Node | None = None

    def compose(self) -> _Node | None:
        for event in self._events():
            match event:
                case yaml.ScalarEvent():
                    self._add(self._node("scalar", event), event.anchor)
                case yaml.SequenceStartEvent():
                    self._open(self._node("list", event), event)
                case yaml.MappingStartEvent():
                    self._open(self._node("mapping", event), event)
                case yaml.CollectionEndEvent():
                    self._close(event)
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.DocumentStartEvent() if self._root:
                    raise self._refused("a second document begins", event, "keep one document a file, without `---`")
                case _:  # where the stream and its document begin and end
                    pass
        return self._root

    def _events(self) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(self._source.text, Loader=_LOADER)
        except (ValueError, OverflowError) as error:  # PyYAML's own parser, on an escape beyond Unicode
            raise yaml.YAMLError("an escape that is not a character") from error

    def _node(self, kind: str, event: Any) -> _Node:
        self._written += 1
        mark = (event.start_mark.line + 1, event.start_mark.column + 1)
        if kind != "scalar":
            return _Node(kind=kind, mark=mark, tag=event.tag)
        return _Node(kind=kind, mark=mark, tag=event.tag, text=event.value, style=event.style or None)

    def _open(self, node: _Node, event: Any) -> None:
        node.open = True
        if len(self._stack) >= MAX_DEPTH:
            raise self._refused(f"is nested more than {MAX_DEPTH} deep", event, "make it flatter")
        if event.anchor:
            self._anchors[event.anchor] = node
        self._stack.append(node)

    def _close(self, event: Any) -> None:
        node = self._stack.pop()
        node.open = False
        node.size += sum(item.size for item in node.items)
        node.depth = 1 + max((item.depth for item in node.items), default=0)
        if node.size > self._written + MAX_ALIASED:
            raise self._refused(f"its aliases stand for more than {MAX_ALIASED} values", event, "write them out")
        self._add(node, None)

    def _add(self, node: _Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if self._stack:
            self._stack[-1].items.append(node)
        else:
            self._root = node

    def _alias(self, event: Any) -> None:
        node = self._anchors.get(event.anchor)
        if node is None:
            fix = f"quote it if it is text: '*{event.anchor}'; or write &{event.anchor} where the value stands first"
            raise self._refused(f"*{event.anchor} has no anchor &{event.anchor} above it", event, fix)
        if node.open:
            raise self._refused(f"*{event.anchor} stands inside what it repeats", event, "write the value out")
        if len(self._stack) + node.depth > MAX_DEPTH:
            raise self._refused(f"is nested more than {MAX_DEPTH} deep", event, "make it flatter")
        self._add(node, None)

    def _refused(self, problem: str, event: Any, fix: str = "") -> InputError:
        mark = event.start_mark
        return InputError([self._source.problem(problem, line=mark.line + 1, column=mark.column + 1, fix=fix)])


class _Builder:
    """Nodes to values; an alias is built anew at every place where it stands."""

    def __init__(self, *, number_keys: bool = False) -> None:
        self.number_keys = number_keys
        self.values: dict[Loc, Mark] = {}
        self.keys: dict[Loc, Mark] = {}
        self.styles: dict[Loc, str] = {}
        self.written: dict[Loc, str] = {}
        self.ambiguous: dict[Loc, str] = {}
        self.findings: list[Finding] = []

    def build(self, node: _Node, loc: Loc) -> Value:
        self.values[loc] = node.mark
        if node.kind == "scalar":
            return self._scalar(node, loc)
        if node.tag not in (None, "!", _COLLECTIONS[node.kind]):
            self._wrong_tag(node, loc)
        if node.kind == "list":
            return [self.build(item, (*loc, index)) for index, item in enumerate(node.items)]
        return self._mapping(node, loc)

    def _scalar(self, node: _Node, loc: Loc) -> Value:
        if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in node.text):
            self.findings.append(Finding(loc=loc, problem="holds a NUL or half a character", fix="remove the escape"))
        if node.style:
            self.styles[loc] = node.style
        if node.tag in ("!", f"{_CORE}str") or (node.style and node.tag is None):
            return node.text
        try:
            value = resolve(node.text)
        except ValueError as error:
            self.findings.append(Finding(loc=loc, problem=f"{node.text[:40]} {error}", fix="quote it"))
            return node.text
        if not isinstance(value, str):
            self.written[loc] = node.text
        if node.tag is None and is_ambiguous(node.text):
            self.ambiguous[loc] = node.text
        if node.tag not in (None, _CORE + _TYPE_TAG[type(value)]):
            self._wrong_tag(node, loc)
        return value

    def _mapping(self, node: _Node, loc: Loc) -> dict[str, Value]:
        built: dict[str, Value] = {}
        for key, value in zip(node.items[::2], node.items[1::2], strict=True):
            name = self._key(key, loc)
            if name is None:
                continue
            at = (*loc, name)
            if name in built:
                first = self.keys[at]
                problem = f"the key {name} is here twice, first at line {first[0]}"
                self.findings.append(Finding(loc=at, problem=problem, fix="remove one of them", mark=key.mark))
                continue
            self.keys[at] = key.mark
            built[name] = self.build(value, at)
        return built

    def _key(self, key: _Node, loc: Loc) -> str | None:
        """The key as text; None, and a finding, for what is no text."""
        problem, fix = "a key must be text", "quote it"
        if key.kind != "scalar":
            fix = "quote a value that begins with {{, as in '{{ name }}'"
        elif key.text == "<<" and not key.style:
            problem, fix = "the merge key << is not supported", "write the keys out"
        elif key.style or key.tag == f"{_CORE}str" or _is_text(key.text) or self._may_be_a_number(key.text):
            return key.text
        at = (*loc, key.text) if key.text else loc
        self.findings.append(Finding(loc=at, problem=problem, fix=fix, mark=key.mark))
        return None

    def _may_be_a_number(self, text: str) -> bool:
        return self.number_keys and text.isascii() and text.isdigit()

    def _wrong_tag(self, node: _Node, loc: Loc) -> None:
        tag = (node.tag or "").replace(_CORE, "!!")
        fix = "remove it; a text that begins with ! stands in quotes"
        self.findings.append(Finding(loc=loc, problem=f"the tag {tag} is not supported", fix=fix))


_TYPE_TAG: dict[type, str] = {bool: "bool", int: "int", float: "float", str: "str", type(None): "null"}


@lru_cache(maxsize=1024)
def _is_text(text: str) -> bool:
    """Whether an unquoted scalar is text. Cached: an inventory says the same few keys for every host."""
    try:
        return isinstance(resolve(text), str)
    except ValueError:
        return False
