"""The schema's versions: what migrations make is what the code expects, and an upgrade is all or nothing."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.pool import Pool

from orchestrator.errors import JournalError
from orchestrator.journal.schema import METADATA, VERSION, VERSION_TABLE
from orchestrator.journal.sql import SqlJournal
from tests.journal.examples import CountingClock, child_environment, new_run

pytestmark = pytest.mark.anyio


@pytest.fixture
async def migrated(tmp_path: Path) -> Path:
    file = tmp_path / "journal.db"
    async with SqlJournal(f"sqlite:///{file}", clock=CountingClock()):
        pass
    return file


def schema_of(file: Path) -> dict[str, str]:
    """Every table and index as SQL without its spacing, by name."""
    with closing(sqlite3.connect(file)) as database:
        found = database.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: " ".join(sql.split()) for name, sql in found if name != VERSION_TABLE}


async def test_migrations_make_the_tables_that_the_code_expects(migrated: Path, tmp_path: Path) -> None:
    declared = tmp_path / "declared.db"
    engine = sa.create_engine(f"sqlite:///{declared}")
    METADATA.create_all(engine)
    engine.dispose()

    assert schema_of(migrated) == schema_of(declared)


async def test_alembic_finds_nothing_to_migrate(migrated: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{migrated}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        differences = compare_metadata(context, METADATA)
    engine.dispose()

    assert differences == []


def test_the_newest_migration_is_the_version_that_the_code_knows() -> None:
    config = Config()
    config.set_main_option("script_location", "orchestrator.journal:migrations")

    scripts = ScriptDirectory.from_config(config)

    assert scripts.get_heads() == [VERSION]
    for script in scripts.walk_revisions():
        assert Path(script.path).name.startswith(f"v{script.revision}_")


OPENS = """
import sys, anyio
from orchestrator.clock import SystemClock
from orchestrator.journal.sql import SqlJournal

async def main():
    async with SqlJournal(sys.argv[1], clock=SystemClock()) as journal:
        await journal.runs()

anyio.run(main)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_alembic_is_imported_for_an_upgrade_only(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPENS, f"sqlite:///{tmp_path}/journal.db"]
    environment = child_environment()

    first, second = (
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    )

    assert "alembic" in first
    assert "alembic" not in second
    assert "sqlalchemy" in second


async def test_an_upgrade_that_fails_changes_nothing_and_can_be_repeated(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"

    def limit(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA max_page_count = 4")

    sa.event.listen(Pool, "checkout", limit)
    try:
        with pytest.raises(JournalError, match="the disk is full"):
            async with SqlJournal(f"sqlite:///{file}", clock=CountingClock()):
                pass
    finally:
        sa.event.remove(Pool, "checkout", limit)
    assert schema_of(file) == {}

    async with SqlJournal(f"sqlite:///{file}", clock=CountingClock()) as journal:
        await journal.create(new_run())
