"""All that is peculiar to SQLite: the file, how it is opened, and what its errors mean."""

import os
import shlex
import sqlite3
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.pool import ConnectionPoolEntry

from orchestrator.errors import InputError, JournalError
from orchestrator.journal.folder import make_private
from orchestrator.journal.schema import VERSION_TABLE

CONNECTIONS = 5
"""One that writes and the rest to read."""

_WAL_TRIES = 10


def file_of(url: sa.URL) -> Path:
    """The file that a URL names. Raises InputError where it names none, or asks for what is not supported."""
    if url.drivername not in {"sqlite", "sqlite+pysqlite"} or url.query:
        raise InputError.of("the journal's URL has a driver or a query of its own", fix="write sqlite:///PATH")
    if not url.database or url.database.startswith((":", "file:")):
        raise InputError.of("the journal's URL names no file", fix="write sqlite:///PATH")
    return Path(url.database)


def open_engine(url: sa.URL, *, patience: float) -> sa.Engine:
    """An engine over the file, created when there is none; patience: seconds to wait for another program's lock.

    A connection with the execution option `writes` takes the write lock when its transaction begins.
    Raises JournalError where the file cannot be made.
    """
    _create(file_of(url))
    engine = sa.create_engine(
        url, connect_args={"timeout": patience}, pool_size=CONNECTIONS, max_overflow=0, hide_parameters=True
    )
    sa.event.listen(engine, "connect", _connected)
    sa.event.listen(engine, "begin", _begun)
    return engine


def _create(file: Path) -> None:
    """An empty file that only its owner may read, before SQLite would make one with the usual mode.

    Never opened when it exists: closing it would drop the locks that SQLite holds on it in this process.
    """
    make_private(file.parent)
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise _broken(file, f"it cannot be created ({error.strerror})", _ELSEWHERE, _LOOK) from error


def _connected(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # sqlite3 would begin transactions by itself, and not before DDL; `_begun` does it.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        _switch_to_wal(cursor)
        # fullfsync: on macOS a plain fsync leaves the data in the drive's cache.
        for pragma in ("synchronous = FULL", "fullfsync = ON", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise


def _switch_to_wal(cursor: DBAPICursor) -> None:
    """Make the file's journal a write-ahead log: for good, so that it is done once in a file's life.

    The switch does not wait for a process that is doing the same; BEGIN IMMEDIATE waits for it.
    A database of another program, which is about to be refused, keeps the journal that it has.
    """
    tables = {name for (name,) in cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and VERSION_TABLE not in tables:
        return
    for tries_left in reversed(range(_WAL_TRIES)):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not tries_left or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("COMMIT")


def _begun(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def explain(error: sa.exc.DBAPIError, file: Path) -> JournalError:
    """What SQLite's error means for a person: where, what, and what to do."""
    code = _code(error).removeprefix("SQLITE_")
    what, do, command = _MEANINGS.get(code.partition("_")[0], (f"{error.orig}", "it may be damaged", "file {file}"))
    if file.is_dir():
        what = "it is a folder, not a file"
    return _broken(file, what, do, command)


def _code(error: sa.exc.DBAPIError) -> str:
    return getattr(error.orig, "sqlite_errorname", "") if isinstance(error.orig, sqlite3.Error) else ""


def _broken(file: Path, what: str, do: str, command: str) -> JournalError:
    next = command.format(file=shlex.quote(str(file)), folder=shlex.quote(str(file.parent)))
    return JournalError(f"journal {file}: {what}; {do}", next=(next,))


_ELSEWHERE = "make a place that you may write to, or name another with ORC_STATE_DIR"
_LOOK = "ls -ld {folder} {file}"

_MEANINGS = {
    "FULL": ("the disk is full", "nothing acknowledged is lost; free some space and go on", "df -h {folder}"),
    "IOERR": ("the disk reported a fault", "look at the system's log before you go on", "df -h {folder}"),
    "BUSY": ("another program keeps it locked", "end that program, or wait for it, and go on", "lsof {file}"),
    "NOTADB": (
        "it is not a journal (no SQLite database)",
        "move it away, or name another with ORC_DATABASE_URL",
        "file {file}",
    ),
    "CORRUPT": (
        "it is damaged",
        "put your newest backup in its place; `.dump` shows what can still be read",
        "sqlite3 {file} .dump",
    ),
    "CANTOPEN": ("it may not be opened for writing", _ELSEWHERE, _LOOK),
    "READONLY": ("it may not be written to", _ELSEWHERE, _LOOK),
    "PERM": ("it may not be opened", _ELSEWHERE, _LOOK),
}
"""What is wrong, what to do, and what to type: by primary result code (https://sqlite.org/rescode.html)."""
