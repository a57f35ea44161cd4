"""docs/quoting.md: its tables are the code's, and its examples come out as it says."""

import re
from pathlib import Path

import pytest

from orchestrator.model.origin import Origin, Text
from orchestrator.template import TemplateError, check_shell, names, render_shell
from orchestrator.template.contexts import CONTEXTS, Row

PAGE = Path(__file__).parents[2].joinpath("docs", "quoting.md").read_text(encoding="utf-8")
COMMANDS = PAGE.split("```sh\n")[1].split("```")[0].splitlines()
MOST_REFUSED = 3


def text(source: str) -> Text:
    return Text(source=source, origin=Origin(file="deploy.yml", line=1, column=1))


def refusal(source: str) -> TemplateError | None:
    try:
        check_shell(text(source))
        values = {name: ["a b", "c"] if name == "packages" else "it's $(x) `y` \"" for name in names(text(source))}
        render_shell(text(source), {**values, "limit": 5, "port": 8000})
    except TemplateError as error:
        return error
    return None


def test_the_table_of_contexts_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| ([a-z -]+) \| `+(.*?)`+ \|", PAGE.split("## Filters")[0], re.MULTILINE)
    shown = [
        (name, example.replace("⏎", "\n").replace("\\|", "|").strip()) for name, example in rows if name != "place"
    ]

    assert shown == [(context.value, row.example) for context, row in CONTEXTS.items()]


@pytest.mark.parametrize("row", CONTEXTS.values(), ids=[context.value for context in CONTEXTS])
def test_each_example_of_a_context_can_stand_or_is_refused_as_the_page_says(row: Row) -> None:
    refused = row.refusal is not None and row.refusal.unless is None

    assert (refusal(row.example) is not None) == refused


def test_of_fifty_everyday_commands_at_most_three_are_refused_each_with_what_to_write() -> None:
    refused = {command: error for command in COMMANDS if (error := refusal(command))}

    assert len(COMMANDS) == 50
    assert len(refused) <= MOST_REFUSED, "\n".join(f"{command}: {error}" for command, error in refused.items())
    assert all("{{" in error.problem.fix for error in refused.values())
