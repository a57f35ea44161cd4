"""What may import what, and what a module may look like. docs/architecture.md says why.

Every rule says where it is broken and what to do. A rule that turns out wrong is changed here, for all to see.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = "orchestrator"
Breach = tuple[int, str]  # a line of the module; what is wrong there and what to do

MAY_IMPORT: dict[str, set[str]] = {
    "errors": {"model"},
    "model": set(),
    "ports": {"model"},
    "first_use": set(),
    "clock": set(),
    "log": set(),
    "http": {"log"},
    "codec": {"model"},
    "template": {"model"},
    "steps": {"model"},
    "gates": {"model"},
    "guest": {"model", "ports"},
    "core": {"model", "template", "steps", "gates", "guest", "ports", "codec"},
    "load": {"model", "steps", "gates", "first_use"},
    "lint": {"model", "template", "steps"},
    "report": {"model", "core", "gates", "lint", "codec", "ports"},
    "providers": {"model", "guest", "ports", "http", "log"},
    "journal": {"model", "ports", "log", "codec"},
    "controller": {"model", "http", "log"},
    "engine": {"model", "core", "gates", "guest", "ports", "log"},
    "simulator": {"model", "ports", "log", "codec"},
    "selection": {"core", "load", "model", "journal", "log"},
    "saved_plan": {"model", "codec", "core"},
    "cli": {"wiring", "selection", "saved_plan", "load", "lint", "core", "engine", "report"}
    | {"model", "ports", "log", "codec", "simulator", "first_use"},
}
MAY_IMPORT["wiring"] = set(MAY_IMPORT) - {"cli", "report"}
"""The layers of ours that a layer may import, besides itself and (for all but `model`) `errors`."""

NOT_YET: set[str] = set()
"""Layers that have a rule already and no module so far."""

NARROWED: dict[tuple[str, str], tuple[str, str]] = {
    ("errors", "model"): ("orchestrator.errors", "orchestrator.model.origin"),
    ("cli", "simulator"): ("orchestrator.cli.simulator", "orchestrator.simulator"),
}
"""Of the permissions above, those of one module only, for one module (or package) only."""

PURE = {"model", "core", "guest", "steps", "gates", "template", "lint", "report", "codec", "errors"}
IMPURE = set(
    "_thread aiohttp anyio asyncio concurrent ctypes fcntl fileinput ftplib getpass glob h11 http httpcore httpx "
    "logging mmap multiprocessing os pathlib platform pty queue random resource secrets select selectors shelve "
    "shutil signal socket socketserver sqlalchemy sqlite3 ssl structlog subprocess syslog tempfile termios threading "
    "time trio tty urllib.request urllib3 uuid".split()
)
"""Modules through which a pure layer would meet files, networks, processes, the time or chance. Paths: posixpath."""
IMPURE_CALLS = {"open", "print", "input", "date.today", "datetime.date.today"} | {
    f"{prefix}datetime.{name}" for prefix in ("", "datetime.") for name in ("now", "utcnow", "today")
}

OWNERS: dict[str, set[str]] = {
    "alembic": {"journal"},
    "h11": {"http", "simulator"},
    "httpx": {"http.client"},
    "jinja2": {"template"},
    "rich": {"cli"},
    "sqlalchemy": {"journal"},
    "sqlite3": {"journal"},
    "time": {"clock", "simulator"},
    "typer": {"cli"},
    "yaml": {"load"},
    "asyncio": set(),
    "importlib.import_module": {"cli.main", "first_use"},  # what a command needs and no more
    "pkgutil": set(),
    "trio": set(),
    "uvloop": set(),
    "anyio.sleep": {"clock", "simulator"},
    "anyio.sleep_until": {"clock", "simulator"},
}
"""Modules that are the business of some layers (or of one module of a layer) only, or of none."""
SHARED = {"anyio", "pydantic", "pydantic_core", "structlog", "typing_extensions"}
"""Third-party packages that are no layer's own."""

LONGEST_MODULE = 300
LONGEST_FUNCTION = 60
NO_NAMES = set(
    "base common handle handler handlers helper helpers manage manager managers misc util utils "
    "backend batch compensate deployment driver heartbeat mask quota recipe revert target".split()
)
"""Words that say nothing of what is in a file, and what others call our nouns: one noun has one word here."""
EMPTY_VERBS = {"handle", "help", "helper", "manage", "process", "util"}
CALLED_BY_OTHERS = {"handle_async_request"}  # a library finds them by these names


class Import(NamedTuple):
    """deferred: the import is inside a function."""

    name: str
    line: int
    deferred: bool


class Module(NamedTuple):
    """path: from the project's folder, `orchestrator/core/host.py`."""

    path: PurePosixPath
    source: str
    tree: ast.Module

    @classmethod
    def parse(cls, path: str, source: str) -> "Module":
        return cls(PurePosixPath(path), source, ast.parse(source))

    @property
    def name(self) -> str:
        return ".".join(self.path.with_suffix("").parts).removesuffix(".__init__")

    @property
    def layer(self) -> str:
        """The first name below `orchestrator`; empty for the package's own `__init__` and `__main__`, and for tools."""
        parts = self.path.with_suffix("").parts
        return parts[1] if parts[0] == OURS and not parts[1].startswith("__") else ""

    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    def imports(self) -> Iterator[Import]:
        """Every import, dotted to the last name: `from a.b import c` is `a.b.c`; a relative one begins with a dot."""
        deferred = {id(inner) for function in self.functions() for inner in ast.walk(function)}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names]
            else:
                continue
            yield from (Import(name, node.lineno, id(node) in deferred) for name in names)

    def calls(self) -> Iterator[tuple[str, int]]:
        """Every call of something with a plain dotted name, and its line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                yield ast.unparse(node.func), node.lineno


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def layer_of(imported: str) -> str:
    """The layer of ours that a dotted name is in; empty for all else (`orchestrator.__version__`)."""
    parts = imported.split(".")
    return parts[1] if parts[0] == OURS and len(parts) > 1 and parts[1] in MAY_IMPORT else ""


def imports_of_other_layers(module: Module) -> Iterator[Breach]:
    me = module.layer
    allowed = MAY_IMPORT.get(me, set()) | {me, "errors"} - ({"errors"} if me == "model" else set())
    for used in module.imports():
        other = layer_of(used.name)
        narrowed = NARROWED.get((me, other))
        if not me or not other:
            continue
        if other not in allowed:
            yield used.line, f"{me} may not import {other}: pass it in, or move what you need down into model"
        elif narrowed and not (within(module.name, narrowed[0]) and within(used.name, narrowed[1])):
            yield used.line, f"only {narrowed[0]} may import from {other}, and only {narrowed[1]}: pass it in"


def io_in_pure_layers(module: Module) -> Iterator[Breach]:
    for used in module.imports() if module.layer in PURE else []:
        if any(within(used.name, impure) for impure in IMPURE):
            yield used.line, f"{module.layer} is pure and may not use {used.name}: take the value as a parameter"
    for called, line in module.calls() if module.layer in PURE else []:
        if called in IMPURE_CALLS:
            yield line, f"{module.layer} is pure and may not call {called}(): take the value as a parameter"


def packages_of_others(module: Module) -> Iterator[Breach]:
    names = [(used.name, used.line) for used in module.imports()]
    for name, line in [*names, *module.calls()] if module.layer else []:
        for owned, owners in OWNERS.items():
            if within(name, owned) and not any(within(module.name, f"{OURS}.{owner}") for owner in owners):
                place = " and ".join(sorted(owners)) or "nowhere"
                yield line, f"{owned} belongs in {place}: call that layer, or give it a function"
    for root, line in ((name.split(".")[0], line) for name, line in names if module.layer):
        if root not in {OURS, *SHARED, *OWNERS, *sys.stdlib_module_names}:
            yield line, f"{root} has no rule: say in OWNERS here which layer owns it, and add it to pyproject.toml"


def imports_that_hide(module: Module) -> Iterator[Breach]:
    for used in module.imports():
        if used.name.startswith("."):
            yield used.line, "relative import: write the whole name"
        elif used.deferred and within(used.name, OURS):
            yield used.line, f"{used.name} is imported inside a function: import it at the top, and break the cycle"
    for called, line in module.calls():
        if called == "__import__":
            yield line, "__import__() hides what is used: write an import"


def parts_that_are_told_twice(module: Module) -> Iterator[Breach]:
    """`on_first_use` says to Python what imports beside it say to type checkers; __all__ says it to people."""
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) == "on_first_use"
            and module.name != f"{OURS}.first_use"
        ):
            later = {
                f"{module.name}.{part.arg}.{name}" for part in node.keywords for name in ast.literal_eval(part.value)
            }
            typed = {used.name for used in module.imports() if within(used.name, module.name)}
            if later != typed:
                yield node.lineno, f"on_first_use and the imports beside it differ in {sorted(later ^ typed)}"


def long_stretches(module: Module) -> Iterator[Breach]:
    lines = len(module.source.splitlines())
    if lines > LONGEST_MODULE:
        yield lines, f"{lines} lines, more than {LONGEST_MODULE}: two nouns in one room; give one a module of its own"
    for function in module.functions():
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > LONGEST_FUNCTION:
            yield function.lineno, f"{function.name} has {length} lines, more than {LONGEST_FUNCTION}: cut it in two"


def empty_names(module: Module) -> Iterator[Breach]:
    for word in set(module.name.lower().replace("_", ".").split(".")) & NO_NAMES:
        yield 1, f"{word!r} is no name for a file: use the word of the vocabulary, or say what is in it"
    for function in module.functions():
        if function.name.strip("_").split("_")[0] in EMPTY_VERBS and function.name not in CALLED_BY_OTHERS:
            yield function.lineno, f"{function.name} does not say what it does: use a verb that does"


Rule = Callable[[Module], Iterator[Breach]]
BREACHES: list[tuple[Rule, str, str]] = [
    (imports_of_other_layers, "orchestrator/core/host.py", "from orchestrator import engine"),
    (imports_of_other_layers, "orchestrator/model/plan.py", "from orchestrator.errors import Bug"),
    (imports_of_other_layers, "orchestrator/errors.py", "from orchestrator.model.plan import Plan"),
    (imports_of_other_layers, "orchestrator/cli/run.py", "from orchestrator.simulator import fleet"),
    (io_in_pure_layers, "orchestrator/core/host.py", "import datetime\nnow = datetime.datetime.now()"),
    (io_in_pure_layers, "orchestrator/report/text.py", "from os import environ"),
    (packages_of_others, "orchestrator/engine/runs.py", "import anyio\nasync def f(): await anyio.sleep(1)"),
    (packages_of_others, "orchestrator/engine/runs.py", "from asyncio import sleep"),
    (packages_of_others, "orchestrator/http/pool.py", "import httpx"),
    (packages_of_others, "orchestrator/load/files.py", "from importlib import import_module"),
    (packages_of_others, "orchestrator/load/playbook.py", "import tomlkit"),
    (imports_that_hide, "orchestrator/engine/runs.py", "def f():\n    from orchestrator.core import host"),
    (imports_that_hide, "orchestrator/core/host.py", "from . import rollout"),
    (
        parts_that_are_told_twice,
        "orchestrator/load/__init__.py",
        "from orchestrator.load.files import a, b\n__getattr__ = on_first_use(__name__, files=['a'])",
    ),
    (long_stretches, "orchestrator/engine/runs.py", "def f():\n" + "    x = 1\n" * LONGEST_FUNCTION),
    (long_stretches, "orchestrator/core/host.py", "\n" * (LONGEST_MODULE + 1)),
    (empty_names, "orchestrator/core/host_utils.py", ""),
    (empty_names, "orchestrator/core/host.py", "def handle_failure(): ..."),
]
"""For every rule of a single module, modules as small as can be that break it once."""

MODULES = [
    Module.parse(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8"))
    for folder in (OURS, "tools")
    for file in sorted((ROOT / folder).rglob("*.py"))
]


def cycle(modules: list[Module]) -> list[str]:
    """Modules of which each imports the next, the last being the first again; empty where there are none."""
    graph: dict[str, set[str]] = {module.name: set() for module in modules}
    for module in modules:
        for used in module.imports():  # `from a.b import c` means the module a.b.c, or a name in the module a.b
            named = next((name for name in (used.name, used.name.rpartition(".")[0]) if name in graph), module.name)
            graph[module.name] |= {named} - {module.name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("rule", dict.fromkeys(rule for rule, _, _ in BREACHES), ids=lambda rule: rule.__name__)
def test_no_module_has(rule: Rule) -> None:
    breaches = [f"{module.path}:{line}: {what}" for module in MODULES for line, what in rule(module)]

    assert not breaches, "\n" + "\n".join(breaches)


def test_no_modules_import_each_other_in_a_circle() -> None:
    circle = cycle(MODULES)

    assert not circle, f"{' <- '.join(circle)}: move what both need into a module below them"


def test_every_layer_has_a_rule_and_every_rule_a_layer() -> None:
    layers = {module.layer for module in MODULES} - {""}

    assert not layers - set(MAY_IMPORT), "say in MAY_IMPORT here what these layers may import"
    assert set(MAY_IMPORT) - layers == NOT_YET, "a rule without a layer is dropped, or stands in NOT_YET"


def test_the_layers_do_not_stand_on_each_other_in_a_circle() -> None:
    assert list(TopologicalSorter(MAY_IMPORT).static_order())


@pytest.mark.parametrize(("rule", "path", "source"), BREACHES)
def test_a_rule_sees_what_breaks_it(rule: Rule, path: str, source: str) -> None:
    assert len(list(rule(Module.parse(path, source)))) == 1


def test_a_circle_of_modules_is_seen() -> None:
    one = Module.parse("orchestrator/core/one.py", "from orchestrator.core import two")
    two = Module.parse("orchestrator/core/two.py", "from orchestrator.core.one import first")

    assert set(cycle([one, two])) == {one.name, two.name}
    assert not cycle([one, two._replace(tree=ast.parse(""))])
