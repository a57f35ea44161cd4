"""Packages whose names are loaded when they are first used, so that a command waits for no more than it needs."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module


def on_first_use(package: str, **names: Sequence[str]) -> Callable[[str], object]:
    """A package's `__getattr__` (PEP 562): by module of the package, the names that are got from there.

    For type checkers, and for people, the same stands in imports beside it.
    """
    modules = {name: f"{package}.{module}" for module, each in names.items() for name in each}

    def get(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(modules[name]), name)
        setattr(sys.modules[package], name, found)
        return found

    return get
