"""Every error is a sentence that says what to do, and a status."""

import pytest

from orchestrator import log
from orchestrator.cli.explain import explain
from orchestrator.errors import Bug, Held, IllegalTransition, InputError, JournalError
from orchestrator.model.origin import Origin, Problem

PROBLEM = Problem(
    origin=Origin(file="p.yml", line=3, column=5),
    path="steps[0].runn",
    problem="unknown key",
    fix="did you mean run?",
    line="  - runn: true",
)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (
            InputError([PROBLEM], next=("orc schema playbook",)),
            2,
            "p.yml:3:5: error: steps[0].runn: unknown key, did you mean run?\n   |   - runn: true\n   |     ^\n"
            "next:\n    orc schema playbook\n",
        ),
        (Held("the run is driven by process 7", next=("orc status r1",)), 7,
         "error: the run is driven by process 7\nnext:\n    orc status r1\n"),
        (JournalError("the disk is full"), 1, "error: the disk is full\n"),
        (Held("a \x1b[31mred\n word"), 7, "error: a \\x1b[31mred\\n word\n"),
    ],
)  # fmt: skip
def test_an_error_of_ours_is_a_sentence(
    error: Exception, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(error, debug=False) == status
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("error", [KeyError("x"), Bug("x"), IllegalTransition("x")])
def test_what_nobody_expected_is_called_a_bug_of_ours(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(error, debug=False) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: this is a bug in orc: {type(error).__name__}: ")
    assert "ORC_DEBUG=1" in said
    assert "Traceback" not in said


def test_the_traceback_is_for_those_who_ask(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise KeyError("x")
    except KeyError as error:
        explain(error, debug=True)

    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_of_errors_of_many_tasks_one_is_told_and_a_bug_before_all_others(capsys: pytest.CaptureFixture[str]) -> None:
    held = ExceptionGroup("tasks", [ExceptionGroup("more", [Held("no"), Held("no")])])
    assert explain(held, debug=False) == 7
    assert capsys.readouterr().err == "error: no\n"

    assert explain(ExceptionGroup("tasks", [Held("no"), TypeError("oops")]), debug=False) == 1
    assert "TypeError: oops" in capsys.readouterr().err


def test_a_secret_does_not_come_out_in_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    log.register_secret("hunter22")
    try:
        explain(ValueError("key hunter22"), debug=True)
    finally:
        log._forms.clear()

    assert "hunter22" not in capsys.readouterr().err
