"""The error tree: what is drawn in `errors.py` is what there is, and every branch has its exit status."""

import ast
import inspect
import re
from pathlib import Path
from typing import NamedTuple

import pytest

import orchestrator
from orchestrator import errors
from orchestrator.errors import Held, InputError, OrcError
from orchestrator.model.origin import COMMAND_LINE, Origin, Problem

EXITS = {0, 1, 2, 3, 4, 5, 6, 7, 8, 130}
"""The exit statuses that `orc` promises."""


class Drawn(NamedTuple):
    parent: str
    exit_code: int | None


def drawing(docstring: str) -> dict[str, Drawn]:
    """Every error in the drawing by name; one line of it is `│   └── Name   exit status   a sentence`."""
    found: dict[str, Drawn] = {}
    path: list[str] = []
    for line in docstring.splitlines():
        match = re.fullmatch(r"(?P<indent>(?:[│ ]   )*(?:[├└]── )?)(?P<name>[A-Z]\w+)(?P<rest>(?: {2,}.*)?)", line)
        if not match:
            continue
        depth = len(match["indent"]) // 4
        exit_code = re.match(r" +(\d+) ", match["rest"])
        path[depth:] = [match["name"]]
        found[match["name"]] = Drawn(path[depth - 1] if depth else "", int(exit_code[1]) if exit_code else None)
    return found


def tree() -> dict[str, type[OrcError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, OrcError) and value.__module__ == errors.__name__
    }


DRAWN = drawing(errors.__doc__ or "")


def test_the_drawing_has_every_error_and_no_other() -> None:
    assert set(DRAWN) == set(tree())


@pytest.mark.parametrize("name", sorted(tree()))
def test_an_error_stands_where_it_is_drawn(name: str) -> None:
    parent = tree()[name].__bases__[0]

    assert DRAWN[name].parent == ("" if parent is Exception else parent.__name__)


@pytest.mark.parametrize("name", sorted(tree()))
def test_every_branch_is_drawn_with_its_exit_status_and_what_hangs_on_it_has_the_same(name: str) -> None:
    branch = name
    while DRAWN[branch].parent not in {"", OrcError.__name__}:
        branch = DRAWN[branch].parent
    drawn = DRAWN[branch].exit_code

    assert drawn == tree()[name].exit_code or name == OrcError.__name__
    assert tree()[name].exit_code in EXITS - {0}


def test_errors_are_declared_in_one_place() -> None:
    package = Path(orchestrator.__file__).parent
    elsewhere = [
        f"{file.relative_to(package)}:{node.lineno}: {node.name}"
        for file in sorted(package.rglob("*.py"))
        if file.name != "errors.py"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).split(".")[-1] in DRAWN for base in node.bases)
    ]

    assert not elsewhere, f"move to orchestrator/errors.py and draw there: {elsewhere}"


def test_an_input_error_says_every_problem_with_its_place() -> None:
    first = Problem(origin=Origin(file="deploy.yml", line=3, column=7), path="steps[0].runn", problem="unknown key")
    second = Problem(origin=Origin(file="deploy.yml", line=9, column=1), problem="a step needs a name")
    error = InputError([first, second])

    assert error.problems == (first, second)
    assert str(error) == "deploy.yml:3:7: unknown key\ndeploy.yml:9:1: a step needs a name"


def test_a_problem_without_a_file_is_one_of_the_command_line() -> None:
    error = InputError.of("no such inventory: prod.yml", fix="look at -i")

    assert str(error) == "command line: no such inventory: prod.yml"
    assert error.problems == (Problem(origin=COMMAND_LINE, problem="no such inventory: prod.yml", fix="look at -i"),)


def test_an_error_carries_the_commands_to_type_next() -> None:
    assert Held("locked by run 7", next=["orc status 7", "orc unlock web-001"]).next == (
        "orc status 7",
        "orc unlock web-001",
    )
