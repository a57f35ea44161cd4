"""What is said of a journal's file that is damaged, not ours, or in the way: never a traceback, never overwritten."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.errors import JournalError
from tests.journal.examples import RUN, journal_in, new_run

pytestmark = pytest.mark.anyio


def change(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(statement)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def no_database(file: Path) -> None:
    file.write_text("this is a shopping list\n" * 100)


def cut_in_half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def cut_in_the_header(file: Path) -> None:
    os.truncate(file, 50)


def garbage_inside(file: Path) -> None:
    with file.open("r+b") as pages:
        pages.seek(4096)
        pages.write(b"\xa5" * 4096 * 3)


def of_another_program(file: Path) -> None:
    file.unlink()
    change(file, "CREATE TABLE invoice (id INTEGER)")


def of_another_program_that_uses_alembic(file: Path) -> None:
    change(file, "UPDATE journal_version SET version_num = 'ae1027a6acf'")


def of_a_version_that_never_was(file: Path) -> None:
    change(file, "UPDATE journal_version SET version_num = '0000'")


def of_a_newer_orchestrator(file: Path) -> None:
    change(file, "UPDATE journal_version SET version_num = '0999'")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (no_database, "no SQLite database"),
        (cut_in_half, "it is damaged"),
        (cut_in_the_header, "it is damaged"),
        (garbage_inside, "it is damaged"),
        (of_another_program, "of another program; name another journal"),
        (of_another_program_that_uses_alembic, "of another program; name another journal"),
        (of_a_version_that_never_was, "of another program; name another journal"),
        (of_a_newer_orchestrator, "its schema is 0999, .* this one knows up to 0003; install the newer one"),
    ],
)
async def test_a_file_that_is_no_journal_of_ours_is_refused_and_left_as_it_is(
    file: Path, damage: Callable[[Path], None], said: str
) -> None:
    damage(file)
    before = contents(file.parent)

    with pytest.raises(JournalError, match=said) as caught:
        async with journal_in(file) as journal:
            await journal.record(RUN)

    assert str(file) in str(caught.value)
    assert contents(file.parent) == before


async def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="it is a folder, not a file"):
        async with journal_in(tmp_path):
            pass


async def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")

    with pytest.raises(JournalError, match=r"state: the folder cannot be created") as caught:
        async with journal_in(tmp_path / "state" / "journal.db"):
            pass

    assert caught.value.next == (f"ls -ld {tmp_path}",)


@pytest.fixture
def folder_of_an_ordinary_user() -> Iterator[Path]:
    """A folder, and the rights of a user for whom modes count: root may write anywhere."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))  # pytest's own folders may be entered by their owner only
    nobody = 65534 if os.geteuid() == 0 else os.geteuid()
    os.chown(folder, nobody, -1)
    before = os.geteuid()
    os.seteuid(nobody)
    try:
        yield folder
    finally:
        os.seteuid(before)
        folder.chmod(0o700)
        shutil.rmtree(folder)


async def test_a_folder_that_may_not_be_written_to_is_named(folder_of_an_ordinary_user: Path) -> None:
    os.chmod(folder_of_an_ordinary_user, 0o500)

    with pytest.raises(JournalError, match=r"journal\.db: it cannot be created \(Permission denied\)") as caught:
        async with journal_in(folder_of_an_ordinary_user / "journal.db"):
            pass

    assert caught.value.next[0].startswith("ls -ld ")


@pytest.mark.parametrize("rights", [0o000, 0o400])
async def test_a_file_that_may_not_be_read_or_written_is_named(folder_of_an_ordinary_user: Path, rights: int) -> None:
    file = folder_of_an_ordinary_user / "journal.db"
    async with journal_in(file):
        pass
    os.chmod(file, rights)

    with pytest.raises(JournalError, match=r"journal\.db: it may not be (opened for writing|written to)"):
        async with journal_in(file) as journal:
            await journal.create(new_run())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET body = '{' WHERE seq = 7",
        "UPDATE event SET body = '[]' WHERE seq = 7",
        "UPDATE event SET body = '{}' WHERE seq = 7",
        "UPDATE event SET type = 'host_teleported' WHERE seq = 7",
    ],
)
async def test_an_event_that_cannot_be_understood_is_named(file: Path, statement: str) -> None:
    change(file, statement)

    async with journal_in(file) as journal:
        with pytest.raises(JournalError, match=rf"{file}: event 7 of run {RUN} cannot be read"):
            await journal.events(RUN)


async def test_a_plan_that_cannot_be_understood_is_named(file: Path) -> None:
    change(file, "UPDATE run SET plan = x'00'")

    async with journal_in(file) as journal:
        with pytest.raises(JournalError, match=f"the plan of run {RUN} cannot be read"):
            await journal.record(RUN)
