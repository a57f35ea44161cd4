"""Files of steps that a playbook includes."""

import hashlib
import os
from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.load import load_playbook
from orchestrator.model.origin import Origin
from tests.load.conftest import Write

BOOK = """
hosts: web
steps:
  - {name: first, run: date}
  - include: ../common/checks.yml
    when: zone == 'a'
    tags: checks
  - {name: last, run: date}
finally:
  - include: end.yml
"""


def problem(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_playbook(path)
    found = caught.value.problems[0]
    return f"{found.origin}: {found.path}: {found.problem}; {found.fix}"


def test_the_steps_of_a_file_stand_where_it_is_included(write: Write) -> None:
    write("common/checks.yml", "- {name: disk, run: df, tags: [disk]}\n- include: deep/more.yml\n  when: big\n")
    write("common/deep/more.yml", "- {run: free -m, when: memory}\n")
    write("books/end.yml", "- {name: unlock, run: rm lock}\n")
    book = load_playbook(write("books/deploy.yml", BOOK))

    assert [step.name for step in book.steps] == ["first", "disk", "free", "last"]
    assert [step.name for step in book.finally_] == ["unlock"]
    first, disk, free, last = book.steps
    assert (first.tags, disk.tags, free.tags, last.tags) == ((), ("checks", "disk"), ("checks",), ())
    assert [text.source for text in (*free.under, free.when) if text] == ["zone == 'a'", "big", "memory"]
    assert [text.origin.file for text in free.under] == ["books/deploy.yml", "common/checks.yml"]
    assert free.origin == Origin(file="common/deep/more.yml", line=1, column=3)
    assert (first.path, disk.path, last.path) == ("steps[0]", "[0]", "steps[2]")


def test_every_included_file_is_an_input_of_the_plan(write: Write) -> None:
    checks = write("common/checks.yml", "- {run: df}\n")
    end = write("books/end.yml", "- {run: rm lock}\n")
    book = load_playbook(write("books/deploy.yml", BOOK))

    assert {*book.inputs} == {"books/deploy.yml", "common/checks.yml", "books/end.yml"}
    for path in (checks, end):
        assert book.inputs[path.as_posix()] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_without_names_may_be_included_twice(write: Write) -> None:
    write("check.yml", "- run: df -h\n")
    book = load_playbook(write("deploy.yml", "hosts: a\nsteps: [{include: check.yml}, {include: check.yml}]\n"))

    assert [step.name for step in book.steps] == ["df", "df 2"]


def test_a_file_beside_the_playbook_may_be_included_wherever_that_is(
    write: Write, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write("here.yml", "")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "steps.yml").write_text("- run: df\n")
    (elsewhere / "deploy.yml").write_text("hosts: a\nsteps: [{include: steps.yml}]\n")

    assert [step.name for step in load_playbook(elsewhere / "deploy.yml").steps] == ["df"]


def test_no_include_leads_out_of_the_project(write: Write, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "steps.yml").write_text("- run: df\n")
    for name in (str(outside / "steps.yml"), f"../{outside.name}/steps.yml", "link.yml", "folder/steps.yml"):
        book = write("deploy.yml", f"hosts: a\nsteps: [{{include: {name}}}]\n")
        if not Path("link.yml").is_symlink():
            Path("link.yml").symlink_to(outside / "steps.yml")
            Path("folder").symlink_to(outside)
        assert "leads out of the project" in problem(book)


def test_a_link_within_the_project_is_followed(write: Write) -> None:
    write("real.yml", "- run: df\n")
    Path("link.yml").symlink_to("real.yml")

    assert len(load_playbook(write("deploy.yml", "hosts: a\nsteps: [{include: link.yml}]\n")).steps) == 1


def test_a_circle_is_named_also_through_links(write: Write) -> None:
    write("a.yml", "- {include: b.yml}\n")
    Path("b.yml").symlink_to("c.yml")
    write("c.yml", "- {include: a.yml}\n")

    said = problem(write("deploy.yml", "hosts: a\nsteps: [{include: a.yml}]\n"))
    assert said.startswith("b.yml:1:13: [0].include: the file includes itself: a.yml -> b.yml -> a.yml;")


def test_a_playbook_cannot_include_itself(write: Write) -> None:
    assert "includes itself: deploy.yml -> deploy.yml" in problem(
        write("deploy.yml", "hosts: a\nsteps: [{include: deploy.yml}]\n")
    )


def test_includes_have_a_depth(write: Write) -> None:
    for number in range(20):
        write(f"{number}.yml", f"- {{include: {number + 1}.yml}}\n")

    assert "more than 10 files include each other" in problem(
        write("deploy.yml", "hosts: a\nsteps: [{include: 0.yml}]\n")
    )


def test_includes_that_multiply_come_to_an_end(write: Write) -> None:
    for number in range(9):
        write(f"{number}.yml", f"- {{include: {number + 1}.yml}}\n" * 9)
    write("9.yml", "- run: df\n")

    assert "too many includes" in problem(write("deploy.yml", "hosts: a\nsteps: [{include: 0.yml}]\n"))


def test_a_pipe_is_not_read(write: Write) -> None:
    os.mkfifo("pipe.yml")

    assert "is not a file" in problem(write("deploy.yml", "hosts: a\nsteps: [{include: pipe.yml}]\n"))
