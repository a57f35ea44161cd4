"""The journal's file: who may read it, how it is opened and asked."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import anyio
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from orchestrator.errors import InputError, JournalError
from orchestrator.journal import queries
from orchestrator.journal.sql import SqlJournal
from tests.journal.examples import RUN, CountingClock, child_environment, journal_in, new_run

pytestmark = pytest.mark.anyio


async def test_nobody_else_may_read_the_file_or_enter_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "state" / "journal.db"
    before = os.umask(0)
    try:
        async with journal_in(file) as journal:
            await journal.create(new_run())
            modes = {name: mode(file.parent / name) for name in os.listdir(file.parent)}
    finally:
        os.umask(before)

    assert modes == {"journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}
    assert mode(file.parent) == 0o700


async def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o755)

    async with journal_in(tmp_path / "journal.db"):
        pass

    assert mode(tmp_path) == 0o755


async def test_every_commit_is_durable_and_goes_to_a_write_ahead_log(file: Path) -> None:
    async with journal_in(file) as journal:
        settings = await journal._read(
            lambda connection: {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "fullfsync", "busy_timeout")
            }
        )

    full = 2
    assert settings == {
        "journal_mode": "wal",
        "synchronous": full,
        "foreign_keys": 1,
        "fullfsync": 1,
        "busy_timeout": 50,
    }


async def test_an_empty_file_becomes_a_journal(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    file.touch()

    async with journal_in(file) as journal:
        assert await journal.runs() == ()


async def test_without_outputs_their_columns_are_not_read(file: Path) -> None:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    async with journal_in(file) as journal:
        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        try:
            await journal.events(RUN, outputs=False)
            await journal.runs()
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", note)

    reads = [statement for statement in statements if statement.startswith("SELECT")]
    assert len(reads) == 2, "one query each"
    assert not any("stdout" in statement or "stderr" in statement for statement in reads)


async def test_the_list_of_runs_is_found_by_indexes_alone(file: Path) -> None:
    query = queries.RUNS.limit(50).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})

    with closing(sqlite3.connect(file)) as database:
        steps = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {query}")]

    assert any("ix_run_created_at" in step for step in steps)
    assert any("ix_event_run_level" in step for step in steps)
    assert not any("TEMP B-TREE" in step or step.startswith("SCAN event") for step in steps)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("journal.db", "cannot be read"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:x?mode=memory&uri=true", "query"),
        ("sqlite+aiosqlite:///x.db", "driver"),
        ("postgresql+psycopg://ada:hunter2@db/orc", "postgresql is not yet supported"),
    ],
)
def test_a_url_that_names_no_sqlite_file_is_an_input_error(url: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        SqlJournal(url, clock=CountingClock())

    assert "hunter2" not in str(caught.value)


async def test_opening_waits_for_another_program_that_is_about_to_write(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.2, other.close).start()

    async with SqlJournal(f"sqlite:///{file}", clock=CountingClock(), patience=20.0) as journal:
        assert await journal.runs() == ()


async def test_a_new_file_that_another_program_keeps_locked_is_named(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(JournalError, match="another program keeps it locked"):
            async with journal_in(file):
                pass


OPENS = """
import sys, anyio
import alembic.command
from orchestrator.journal.sql import SqlJournal
from tests.journal.examples import CountingClock, new_run

async def main(url, name):
    async with SqlJournal(url, clock=CountingClock()) as journal:
        await journal.create(new_run(name))

print("ready", flush=True)
sys.stdin.readline()
anyio.run(main, *sys.argv[1:])
"""


def test_processes_that_open_a_new_journal_at_once_all_succeed(tmp_path: Path) -> None:
    file = tmp_path / "state" / "journal.db"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", OPENS, f"sqlite:///{file}", f"run-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=child_environment(),
        )
        for number in range(4)
    ]
    for child in children:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        child.communicate(timeout=30)

    assert [child.returncode for child in children] == [0, 0, 0, 0]
    assert anyio.run(runs_in, file) == {f"run-{number}" for number in range(4)}


async def runs_in(file: Path) -> set[str]:
    async with journal_in(file) as journal:
        return {run.id for run in await journal.runs()}
