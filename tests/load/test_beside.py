"""Files beside a playbook, which its scripts and copies name."""

import hashlib
import os
from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.load import load_playbook
from orchestrator.load.beside import MOST_BINARY, MOST_TEXT
from orchestrator.model.playbook import File
from tests.load.conftest import Write

STEP = "hosts: web\nsteps:\n  - {{name: a, {body}}}\n"
SCRIPT, SRC, TEMPLATE = "script: f", "copy: {src: f, dest: /f}", "copy: {template: f, dest: /f}"


def problem(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_playbook(path)
    (found,) = caught.value.problems
    return found.problem


def test_a_file_is_named_relative_to_the_file_that_names_it(write: Write) -> None:
    write("books/more/steps.yml", "- {name: x, script: f}\n")
    write("books/more/f", "echo deep\n")
    write("books/f", "echo high\n")
    book = load_playbook(
        write("books/deploy.yml", "hosts: web\nsteps: [{include: more/steps.yml}, {script: f}, {script: ../books/f}]\n")
    )
    texts = [step.body.file.text for step in book.steps if step.body.file]
    assert texts == ["echo deep\n", "echo high\n", "echo high\n"]
    assert [step.name for step in book.steps] == ["x", "f", "f 2"]


@pytest.mark.parametrize(
    "where",
    [
        "steps:\n  - {name: a, run: date, rollback: {script: f}}",
        "steps:\n  - {name: a, run: date, rollback: {steps: [{script: f}], verify: {script: f}}}",
        "steps: [{name: a, run: date}]\nhandlers: [{name: h, script: f}]",
        "steps: [{name: a, run: date}]\nafter_rollback: [{script: f}]",
        "steps: [{name: a, run: date}]\nfinally: [{script: f}]",
    ],
)
def test_a_script_may_stand_wherever_a_command_does_and_is_an_input(write: Write, where: str) -> None:
    write("f", "echo it\n")
    book = load_playbook(write("deploy.yml", f"hosts: web\n{where}\n"))
    assert book.inputs["f"] == hashlib.sha256(b"echo it\n").hexdigest()
    assert [*book.inputs] == ["deploy.yml", "f"]


def test_words_and_expressions_of_a_step_have_their_places(write: Write) -> None:
    write("page", "one\n{{ two }}\n")
    text = """
        hosts: web
        steps:
          - script: {file: page, args: [x, '{{ y }}']}
          - copy: {template: page, dest: '/{{ z }}'}
        """
    book = load_playbook(write("deploy.yml", text))
    script, copy = book.steps
    assert [str(each.origin) for each in script.body.texts[1:]] == ["deploy.yml:4:33", "deploy.yml:4:37"]
    assert [str(each.origin) for each in copy.body.texts if "z" in each.source] == ["deploy.yml:5:35"]
    template = copy.body.texts[-1]
    assert (template.source, str(template.origin)) == ("one\n{{ two }}\n", "page:1:1")


@pytest.mark.parametrize("body", [SCRIPT, SRC, TEMPLATE])
def test_no_link_leads_out_of_the_project(write: Write, tmp_path: Path, body: str) -> None:
    book = write("project/deploy.yml", STEP.format(body=body))
    write("f", "outside\n")
    os.chdir(tmp_path / "project")
    Path("f").symlink_to("../f")
    assert problem(Path(book.name)) == "f leads out of the project"
    Path("f").unlink()
    Path("g").write_text("inside")
    Path("f").symlink_to("g")
    assert [*load_playbook(Path(book.name)).inputs] == ["deploy.yml", "f"]


@pytest.mark.parametrize("body", [SCRIPT, SRC, TEMPLATE])
def test_only_a_file_is_read(write: Write, body: str) -> None:
    book = write("deploy.yml", STEP.format(body=body))
    assert problem(book) == "there is no file f"
    os.mkfifo("f")
    assert problem(book) == "f is not a file"
    Path("f").unlink()
    Path("f").symlink_to("f")
    assert problem(book) == "'f' is not the name of a file"


@pytest.mark.parametrize(
    ("body", "content", "why"),
    [
        (SCRIPT, b"x" * (MOST_TEXT + 1), "f is larger than 64 KiB"),
        (TEMPLATE, b"x" * (MOST_TEXT + 1), "f is larger than 64 KiB"),
        (SRC, b"x" * (MOST_TEXT + 1), "f is larger than 64 KiB"),
        (SRC, b"\0" * (MOST_BINARY + 1), "f is no text, and larger than 24 KiB"),
        (SCRIPT, b"echo \0", "f is no UTF-8 text without a NUL, which a script must be"),
        (SCRIPT, b"echo \xff", "f is no UTF-8 text without a NUL, which a script must be"),
        (TEMPLATE, b"\xff", "f is no UTF-8 text without a NUL, which a template must be"),
        (
            SCRIPT,
            b"#!/bin/sh\r\necho\r\n",
            "f has lines that end in a carriage return, and no system finds such an interpreter",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused(write: Write, body: str, content: bytes, why: str) -> None:
    Path(book := write("deploy.yml", STEP.format(body=body))).with_name("f").write_bytes(content)
    assert problem(book) == why


@pytest.mark.parametrize(
    ("content", "file"),
    [
        (b"", File(name="f", text="")),
        (b"x" * MOST_TEXT, File(name="f", text="x" * MOST_TEXT)),
        ("åä\r\n".encode(), File(name="f", text="åä\r\n")),
        (b"\xef\xbb\xbfx", File(name="f", text="\ufeffx")),
        (b"a\0b", File(name="f", text="a\0b", binary=True)),
        (bytes(range(256)), File(name="f", text="".join(map(chr, range(256))), binary=True)),
    ],
)
def test_a_file_is_kept_byte_for_byte(write: Write, content: bytes, file: File) -> None:
    Path(book := write("deploy.yml", STEP.format(body=SRC))).with_name("f").write_bytes(content)
    assert load_playbook(book).steps[0].body.file == file
    assert file.content == content


def test_all_that_is_wrong_with_files_is_said_at_once(write: Write) -> None:
    book = write("deploy.yml", "hosts: web\nsteps: [{script: a}, {script: b}]\nfinally: [{script: c}]\n")
    with pytest.raises(InputError) as caught:
        load_playbook(book)
    assert [each.problem[-1] for each in caught.value.problems] == ["a", "b", "c"]
