"""How problems are written, and what a message must never repeat."""

import pytest

from orchestrator.load.problems import dotted, render_problems, without_secrets
from orchestrator.model.near import did_you_mean
from orchestrator.model.origin import Origin, Problem


def test_a_problem_is_a_line_its_source_and_a_caret() -> None:
    problem = Problem(
        origin=Origin(file="p.yml", line=3, column=5),
        path="steps[2].timeot",
        problem="unknown key timeot",
        fix="did you mean timeout?",
        line="    timeot: 5m",
    )

    assert render_problems([problem]) == (
        "p.yml:3:5: error: steps[2].timeot: unknown key timeot, did you mean timeout?\n   |     timeot: 5m\n   |     ^"
    )


def test_a_problem_without_a_line_is_its_words() -> None:
    problem = Problem(origin=Origin(file="command line"), problem="no host matches 'x'")

    assert render_problems([problem, problem]).splitlines() == ["command line: error: no host matches 'x'"] * 2


def test_a_long_line_is_shown_around_its_column() -> None:
    line = "x" * 5000 + "!" + "y" * 5000
    shown = render_problems([Problem(origin=Origin(file="f", line=1, column=5001), problem="p", line=line)])
    _, source, caret = shown.splitlines()

    assert len(source) < 200
    assert source[caret.index("^")] == "!"


def test_a_terminal_is_not_told_what_to_do() -> None:
    problem = Problem(
        origin=Origin(file="f\x1b[2J", line=1, column=1), problem="p\x1b[31m", line="a\x1b]0;x\x07\tb\u202e"
    )

    assert all(char.isprintable() or char == "\n" for char in render_problems([problem]))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("api_key: abc", "api_key: ***"),
        ('  "apiKey": "a b",', '  "apiKey": "***",'),
        ("{token: abc, x: 1}", "{token: ***, x: 1}"),
        ("DB_PASSWORD=abc", "DB_PASSWORD=***"),
        ("api_key: env:HOSTUP_API_KEY", "api_key: env:HOSTUP_API_KEY"),
        ("url: postgresql://me:abc@db/x", "url: postgresql://me:***@db/x"),
        ("run: echo hello", "run: echo hello"),
    ],
)
def test_a_shown_line_holds_no_secret(line: str, shown: str) -> None:
    assert without_secrets(line) == shown
    assert len(shown) == len(line)


@pytest.mark.parametrize("above", ["api_key:", "  token: |", "password: >-"])
def test_a_secret_below_its_key_is_not_shown_either(above: str) -> None:
    assert without_secrets("  abc d", above=above) == "  *** *"


def test_paths_are_dotted() -> None:
    assert dotted(("steps", 2, "timeout")) == "steps[2].timeout"
    assert dotted(()) == ""


def test_the_nearest_name_is_offered_or_none() -> None:
    assert did_you_mean("timeot", ["timeout", "until"]) == "did you mean timeout?"
    assert did_you_mean("x", ["timeout", "until"]) == ""
    assert did_you_mean("web-050001", (f"web-{n:05d}" for n in range(100_000)), within=3) != ""
