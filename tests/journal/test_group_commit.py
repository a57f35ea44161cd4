"""Appending to a file: many at once, cancelled, refused by the disk, locked out, killed."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import sqlalchemy as sa
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint
from sqlalchemy.pool import Pool

from orchestrator.errors import Bug, JournalError
from orchestrator.journal.group_commit import LARGEST
from orchestrator.journal.sql import SqlJournal
from orchestrator.model.event import AttemptStarted, WaveOpened
from orchestrator.model.ids import RunId
from tests.journal.examples import RUN, CountingClock, child_environment, intent, new_run

pytestmark = pytest.mark.anyio

UNLIMITED = 1_073_741_823
"""SQLite's own bound on the pages of a file."""


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def journal(file: Path) -> SqlJournal:
    return SqlJournal(f"sqlite:///{file}", clock=CountingClock(), patience=0.05)


@contextmanager
def listening(target: Any, name: str, listener: Callable[..., None]) -> Iterator[None]:
    sa.event.listen(target, name, listener)
    try:
        yield
    finally:
        sa.event.remove(target, name, listener)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another program has the write lock."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def stored(journal: SqlJournal) -> list[int]:
    """The attempts in the journal, in its order, which numbers them without gaps."""
    events = await journal.events(RUN)
    assert [r.seq for r in events] == list(range(1, len(events) + 1))
    return [r.event.attempt for r in events if isinstance(r.event, AttemptStarted)]


class Appending:
    """Tasks that each append the intent of an attempt, and what came of it."""

    def __init__(self, journal: SqlJournal) -> None:
        self.journal = journal
        self.called: list[int] = []
        self.acknowledged: list[int] = []
        self.failed: list[JournalError] = []

    async def append(self, attempt: int) -> None:
        self.called.append(attempt)
        try:
            await self.journal.append(RUN, [WaveOpened(wave=attempt, hosts=1), intent(attempt, host="h" * 5_000)])
        except JournalError as error:
            self.failed.append(error)
        else:
            self.acknowledged.append(attempt)

    async def start(self, tasks: TaskGroup, attempts: Iterable[int]) -> None:
        """Start a task for each attempt, and return when all have called."""
        expected = len(self.called) + len([tasks.start_soon(self.append, attempt) for attempt in attempts])
        while len(self.called) < expected:
            await checkpoint()


async def test_many_appends_at_once_share_few_commits_in_the_order_of_the_calls(journal: SqlJournal) -> None:
    commits: list[None] = []
    appending = Appending(journal)

    async with journal:
        await journal.create(new_run())
        with listening(sa.Engine, "commit", lambda _: commits.append(None)):
            async with anyio.create_task_group() as tasks:
                await appending.start(tasks, range(200))

        assert await stored(journal) == appending.called
    assert 1 <= len(commits) <= 20


async def test_one_commit_takes_no_more_than_its_share(journal: SqlJournal) -> None:
    commits: list[None] = []

    async with journal:
        await journal.create(new_run())
        with listening(sa.Engine, "commit", lambda _: commits.append(None)):
            async with anyio.create_task_group() as tasks:
                await Appending(journal).start(tasks, range(2 * LARGEST + 2))
    assert len(commits) >= 3


async def test_a_cancelled_append_is_stored_and_the_next_one_works(journal: SqlJournal, file: Path) -> None:
    async with journal:
        await journal.create(new_run())
        with locked(file), anyio.move_on_after(0.01) as scope:
            await journal.append(RUN, [intent(1)])
        assert scope.cancelled_caught

        (recorded,) = await journal.append(RUN, [intent(2)])

        assert recorded.seq == 2
        assert await stored(journal) == [1, 2]


async def test_closing_stores_what_is_still_being_appended(journal: SqlJournal) -> None:
    appending = Appending(journal)

    async with anyio.create_task_group() as tasks, journal:
        await journal.create(new_run())
        await appending.start(tasks, range(50))

    assert sorted(appending.acknowledged) == list(range(50))
    async with journal:
        assert await stored(journal) == appending.called


async def test_leaving_because_of_cancellation_stores_what_was_being_appended(journal: SqlJournal) -> None:
    appending = Appending(journal)

    with anyio.CancelScope() as scope:
        async with journal, anyio.create_task_group() as tasks:
            await journal.create(new_run())
            await appending.start(tasks, range(50))
            scope.cancel()

    async with journal:
        assert await stored(journal) == appending.called
    assert len(appending.called) == 50


async def test_a_full_disk_fails_what_was_being_appended_and_nothing_else(journal: SqlJournal) -> None:
    pages = [UNLIMITED]
    appending = Appending(journal)

    def limit(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages[0]}")

    with listening(Pool, "checkout", limit):
        async with journal:
            await journal.create(new_run())
            await appending.append(1)
            pages[0] = 1  # SQLite makes it the pages that there are: the file cannot grow
            async with anyio.create_task_group() as tasks:
                await appending.start(tasks, range(2, 12))
            pages[0] = UNLIMITED
            assert await stored(journal) == [1]

            await appending.append(12)

            assert await stored(journal) == [1, 12]
    assert len(appending.failed) == 10
    assert "the disk is full" in str(appending.failed[0])
    assert appending.failed[0].next[0].startswith("df -h ")


async def test_a_locked_file_fails_what_was_being_appended_and_nothing_else(journal: SqlJournal, file: Path) -> None:
    async with journal:
        await journal.create(new_run())
        with locked(file):
            with pytest.raises(JournalError, match="another program keeps it locked") as caught:
                await journal.append(RUN, [intent(1)])
            assert await journal.events(RUN) == ()

        (recorded,) = await journal.append(RUN, [intent(1)])

    assert recorded.seq == 1
    assert caught.value.next == (f"lsof {file}",)


async def test_a_fault_of_ours_in_the_writer_reaches_the_caller_and_does_not_stop_it(journal: SqlJournal) -> None:
    async with journal:
        await journal.create(new_run())

        with pytest.raises(Bug, match="OverflowError"):
            await journal.append(RUN, [intent(2**70)])

        assert len(await journal.append(RUN, [intent(1)])) == 1


KILLED = """
import sys, anyio
from orchestrator.journal.sql import SqlJournal
from tests.journal.examples import RUN, CountingClock, intent, new_run

async def main(url, first):
    async with SqlJournal(url, clock=CountingClock()) as journal:
        if first == 1:
            await journal.create(new_run())
        async def append(lane):
            attempt = first
            while True:
                (recorded,) = await journal.append(RUN, [intent(attempt, host=f"web-{lane}")])
                print(recorded.seq, flush=True)
                attempt += 1
        async with anyio.create_task_group() as tasks:
            for lane in range(8):
                tasks.start_soon(append, lane)

anyio.run(main, sys.argv[1], int(sys.argv[2]))
"""


def test_every_acknowledged_event_survives_kill_9(journal: SqlJournal, file: Path) -> None:
    acknowledged: set[int] = set()
    for life in range(3):
        command = [sys.executable, "-c", KILLED, f"sqlite:///{file}", str(1 + life * 100_000)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, env=child_environment())
        assert child.stdout
        with child, closing(child.stdout) as lines:
            for _ in range(200 + 37 * life):
                acknowledged.add(int(lines.readline()))
            child.kill()
            acknowledged |= {int(line) for line in lines if line.endswith(b"\n")}

    assert acknowledged <= set(anyio.run(seqs, journal))
    with closing(sqlite3.connect(file)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def seqs(journal: SqlJournal) -> list[int]:
    async with journal:
        await stored(journal)
        return [r.seq for r in await journal.events(RUN)]


async def test_two_journals_over_one_file_may_append_at_the_same_time(journal: SqlJournal, file: Path) -> None:
    other = SqlJournal(f"sqlite:///{file}", clock=CountingClock())
    async with journal, other:
        await journal.create(new_run("run-a"))
        await other.create(new_run("run-b"))
        async with anyio.create_task_group() as tasks:
            for attempt in range(50):
                tasks.start_soon(journal.append, RunId("run-a"), [intent(attempt)])
                tasks.start_soon(other.append, RunId("run-b"), [intent(attempt)])

        for run in ("run-a", "run-b"):
            assert [r.seq for r in await other.events(RunId(run))] == list(range(1, 51))
