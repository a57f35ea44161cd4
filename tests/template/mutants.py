"""Mutants of the modules that place and write values: each lacks one guard, one word of a table, or one row."""

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from orchestrator.template import (
    commands,
    contexts,
    escapes,
    lexer,
    placing,
    record,
    rereads,
    shell,
    shell_text,
    syntax,
    variables,
)

MODULES: tuple[ModuleType, ...] = (escapes, lexer, placing, record, rereads, syntax, variables, commands)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """What is taken away, and a way to have it so for a while."""

    what: str
    apply: Callable[[], Any]


def mutants() -> Iterator[Mutant]:
    """All of them, in a fixed order."""
    for context in contexts.CONTEXTS:
        yield from _rows(context)
    for module in MODULES:
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        for number, what in enumerate(_cuts(ast.parse(source))):
            name = module.__name__.rpartition(".")[2]
            yield Mutant(what=f"{name}:{what}", apply=partial(_without, module, source, number))


def _rows(context: contexts.Context) -> Iterator[Mutant]:
    row = contexts.CONTEXTS[context]
    if (
        row.escape and row.escape.__name__ != escapes.as_it_is.__name__
    ):  # another object once its module was loaded anew
        weaker = replace(row, escape=escapes.as_it_is)
        yield Mutant(what=f"the escape of {context.value}", apply=partial(_row, context, weaker))
    if row.refusal:
        weaker = replace(row, refusal=None)
        yield Mutant(what=f"the refusal of {context.value}", apply=partial(_row, context, weaker))


def _forget() -> None:
    """What is kept of places, and of how values were written there, is not that of the mutant."""
    shell.places.cache_clear()
    shell_text._spots.cache_clear()


@contextmanager
def _row(context: contexts.Context, row: contexts.Row) -> Iterator[None]:
    table: dict[contexts.Context, contexts.Row] = contexts.CONTEXTS  # type: ignore[assignment]
    whole = table[context]
    table[context] = row
    _forget()
    yield
    table[context] = whole
    _forget()


@contextmanager
def _without(module: ModuleType, source: str, number: int) -> Iterator[None]:
    """The module without its cut of this number; whoever has imported something of it has the new one."""
    tree = ast.parse(source)
    for at, _ in enumerate(_cuts(tree, number)):
        if at >= number:
            break
    _load(module, tree)
    _forget()
    yield
    _load(module, ast.parse(source))
    _forget()


def _load(module: ModuleType, tree: ast.Module) -> None:
    before = dict(vars(module))
    exec(compile(ast.fix_missing_locations(tree), str(module.__file__), "exec"), vars(module))
    new = {id(old): vars(module)[name] for name, old in before.items() if not name.startswith("__")}
    for other in [*sys.modules.values()]:
        if getattr(other, "__name__", "").startswith("orchestrator.template") and other is not module:
            for name, value in [*vars(other).items()]:
                if id(value) in new and not isinstance(value, ModuleType | str | int):
                    setattr(other, name, new[id(value)])


def _cuts(tree: ast.Module, wanted: int = -1) -> Iterator[str]:
    """What can be cut out of a module, in order; the one of the wanted number is cut out of the tree."""
    number = 0
    for node in [*ast.walk(tree)]:
        for what, cut in _cuts_of(node):
            if number == wanted:
                cut()
            number += 1
            yield f"{getattr(node, 'lineno', 0)}: {what}"


def _cuts_of(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="lose"))) | ast.Expr(value=ast.Yield() | ast.YieldFrom()):
            what = ast.unparse(node)[:90]
            nothing = (
                ast.YieldFrom(value=ast.Tuple(elts=[], ctx=ast.Load())) if "yield" in what[:6] else ast.Constant(None)
            )
            yield what, lambda: setattr(node, "value", nothing)
        case ast.Return(
            value=ast.Call(func=ast.Name(id="Refusal")) | ast.Subscript(value=ast.Name(id="_NUMBERS_ONLY"))
        ):
            yield ast.unparse(node)[:90], lambda: setattr(node, "value", ast.Constant(None))
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="split")):
            constant = node.func
            assert isinstance(constant, ast.Attribute)
            for word in text.split():
                rest = " ".join(each for each in text.split() if each != word)
                yield f"the word {word}", lambda r=rest: setattr(constant.value, "value", r)  # type: ignore[misc]
        case ast.Set(elts=elements) | ast.Tuple(elts=elements) if len(elements) > 1:
            if all(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in elements):
                for at, each in enumerate(elements):
                    rest_of = [*elements[:at], *elements[at + 1 :]]
                    yield f"the word {ast.unparse(each)}", lambda r=rest_of: setattr(node, "elts", r)  # type: ignore[misc]
        case ast.Call(func=ast.Name(id="Place"), keywords=keywords):
            for at, keyword in enumerate(keywords):
                if keyword.arg != "context":
                    left = [*keywords[:at], *keywords[at + 1 :]]
                    yield f"{keyword.arg} of a place", lambda r=left: setattr(node, "keywords", r)  # type: ignore[misc]
        case ast.BoolOp(op=ast.Or(), values=values) if not any(isinstance(value, ast.Constant) for value in values):
            for at, value in enumerate(values):
                others = [*values[:at], *values[at + 1 :], ast.Constant(False)]
                yield f"`or {ast.unparse(value)[:80]}`", lambda r=others: setattr(node, "values", r)  # type: ignore[misc]
        case _:
            pass
