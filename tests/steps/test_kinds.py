"""Every step kind: its table, what it reads and what it becomes."""

import re
import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import orchestrator.steps
from orchestrator.model.origin import Origin, Text
from orchestrator.steps import KINDS

FOLDER = Path(orchestrator.steps.__file__).parent
HERE = Origin(file="deploy.yml", line=7, column=10)


def locate(path: tuple[int | str, ...]) -> Origin:
    return Origin(file="deploy.yml", line=7, column=10 + sum(int(at) for at in path))


def text(source: str) -> Text:
    return Text(source=source, origin=HERE)


def shell(template: Text) -> str:
    return template.source.replace("{{ x }}", shlex.quote("a b"))


def word(template: Text) -> str:
    return template.source.replace("{{ x }}", "a b")


def test_table_and_folder_agree() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "kind"}

    assert set(KINDS) == files
    assert all(name == kind.name for name, kind in KINDS.items())


def test_every_spelling_belongs_to_one_kind() -> None:
    spellings = [spelling for kind in KINDS.values() for spelling in (kind.name, *kind.aliases)]

    assert len(spellings) == len(set(spellings))


def test_run_is_one_text_that_the_shell_reads() -> None:
    texts = KINDS["run"].read("echo {{ x }} | cat", locate)

    assert texts == (text("echo {{ x }} | cat"),)
    assert KINDS["run"].command(texts, shell, word) == "echo 'a b' | cat"


def test_argv_is_words_each_with_its_place() -> None:
    texts = KINDS["argv"].read(["printf", "%s", "{{ x }}"], locate)

    assert [(t.source, t.origin.column) for t in texts] == [("printf", 10), ("%s", 11), ("{{ x }}", 12)]
    assert KINDS["argv"].command(texts, shell, word) == "printf %s 'a b'"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), min_size=1))
@settings(derandomize=True, max_examples=200)
def test_the_shell_reads_argv_back_as_the_same_words(words: list[str]) -> None:
    command = KINDS["argv"].command(tuple(text(w) for w in words), shell, lambda template: template.source)

    assert shlex.split(command) == words


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        ("run", ["ls"], "must be a command, written as text; a list of words stands under argv"),
        ("run", None, "must be a command, written as text; a list of words stands under argv"),
        ("run", " \n", "the command is empty: write one, or remove the step"),
        ("argv", "ls -l", "must be a list, a program and its arguments, such as [systemctl, restart, web]"),
        ("argv", [], "must be a list, a program and its arguments, such as [systemctl, restart, web]"),
        ("argv", ["sleep", 5], "word 2 must be text: quote it"),
        ("argv", ["", "x"], "the first word, the program, is empty: write it"),
    ],
)
def test_a_wrong_shape_is_refused_in_words(kind: str, value: object, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        KINDS[kind].read(value, locate)
