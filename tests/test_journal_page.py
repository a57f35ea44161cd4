"""docs/journal.md names all that the journal's tables hold."""

import re
from pathlib import Path
from typing import get_args

import pytest
import sqlalchemy as sa

from orchestrator.journal.schema import METADATA
from orchestrator.model.event import Event
from orchestrator.model.request import Act

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "journal.md").read_text(encoding="utf-8")
TABLES = PAGE.partition("## What is in it")[2].partition("`journal_version`")[0]


def part(table: str) -> str:
    """What stands of a table: from its name to the next table's."""
    return re.split(r"^`\w+`: ", TABLES.partition(f"\n`{table}`: ")[2], maxsplit=1, flags=re.MULTILINE)[0]


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def test_every_type_of_event_stands_on_the_page_in_its_column() -> None:
    (listed,) = re.findall(r"^\| type \| `([^`]*)` \|$", part("event"), re.MULTILINE)
    assert sorted(listed.split()) == sorted(event.type for event in get_args(Event))


def test_every_act_stands_on_the_page() -> None:
    (listed,) = re.findall(r" act \(`([^`]*)`\)", part("request"))
    assert sorted(listed.split()) == sorted(act.value for act in Act)


@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=lambda table: table.name)
def test_every_table_stands_on_the_page_with_its_columns(table: sa.Table) -> None:
    assert {column.name for column in table.columns} <= words(part(table.name))
