"""The template language: Jinja in its sandbox, cut down to what commands need, and made to yield values apart."""

import operator
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, cast

from jinja2 import StrictUndefined, Undefined, UndefinedError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import TemplateRuntimeError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from orchestrator.template.error import Fault
from orchestrator.template.filters import FILTERS
from orchestrator.template.words import kind_of

TAGS = frozenset({"if", "elif", "else", "endif", "for", "endfor", "set"})
"""The words that may stand after `{%`, besides raw: no macros, blocks or captured text, no other files."""

METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset({"endswith", "isdigit", "lstrip", "rstrip", "split", "splitlines", "startswith", "strip"}),
    Mapping: frozenset({"get", "items", "keys", "values"}),
    LoopContext: frozenset(
        {"first", "index", "index0", "last", "length", "nextitem", "previtem", "revindex", "revindex0"}
    ),
}
"""What may be called or read by `x.name`, beside the entries of a mapping."""


class Hole(NamedTuple):
    """A value on its way into the author's text. number: which `{{ }}` of the source it is of, from 0."""

    number: int
    value: Any


class Missing(UndefinedError):
    """Something undefined was used. owner: what has no such name (None: the template's variables have not)."""

    def __init__(self, hint: str | None, owner: object, name: object) -> None:
        self.hint = hint
        self.owner = None if owner is missing else owner
        self.name = name
        super().__init__(hint)


class Unknown(StrictUndefined):
    """An undefined value: nothing can be done with it but to ask whether it is defined, or give a default."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: type[TemplateRuntimeError] = UndefinedError,
    ) -> None:
        def tell(_message: str) -> Missing:
            return Missing(hint, obj, name)

        # Jinja calls it with its own message, which does not say what is known instead, and raises what it gets.
        super().__init__(hint, obj, name, cast(type[TemplateRuntimeError], tell))


class _Apart(CodeGenerator):
    """Generates code that yields the author's text as str and every `{{ }}` as a Hole: nothing is joined.

    The four methods are those by which jinja2.nativetypes does the same.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._holes = 0

    def _output_const_repr(self, group: Any) -> str:
        return repr("".join(group))

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return node.data

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write(f"environment.hole({self._holes}, ")
        self._holes += 1

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write(")")


class Language(ImmutableSandboxedEnvironment):
    """The one environment of all templates."""

    code_generator_class = _Apart
    hole = Hole
    intercepted_binops = frozenset({"*", "%", "**"})
    _ARITHMETIC: ClassVar = {"*": operator.mul, "%": operator.mod}

    def __init__(self) -> None:
        super().__init__(
            undefined=Unknown,
            keep_trailing_newline=True,
            # `{#` is shell: ${#name}. No text that a command can hold contains these.
            comment_start_string="\0#",
            comment_end_string="#\0",
        )
        self.globals = {"range": self.globals["range"]}
        self.filters = dict(FILTERS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`x.name`: a mapping's entry goes before its method of the same name (`values`, `items`)."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, Undefined):
            return obj  # so that `x.y | default(...)` does what it says when there is no x
        return (
            super().getattr(obj, attribute) if attribute in methods_of(obj) else self.undefined(obj=obj, name=attribute)
        )

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`x[name]`: entries only."""
        if isinstance(obj, Undefined):
            return obj
        try:
            return obj[argument]
        except (TypeError, LookupError):
            return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Numbers only, and no powers: a text times a billion, or formatted to that width, would fill the memory."""
        if operator not in self._ARITHMETIC:
            raise Fault("powers are not supported")
        for side in (left, right):
            if not isinstance(side, int | float):
                raise Fault(f"{kind_of(side)} cannot stand beside `{operator}`", "write `| int`, or `~` to join texts")
        return self._ARITHMETIC[operator](left, right)


def methods_of(obj: object) -> frozenset[str]:
    """The names that may be read from this object by a template, beside a mapping's entries."""
    return next((allowed for kind, allowed in METHODS.items() if isinstance(obj, kind)), frozenset())


LANGUAGE = Language()
