"""Brings the database's schema to a version: `migrate.py up` to this release's, `migrate.py to N`, up or down.

`migrate.py version` prints where it is. Each migration is a pair migrations/NNN_name.{up,down}.sql and one row of the
table schema_version. A command that says where to go is right whether or not the last one had an effect.
"""

import sqlite3
import sys
from pathlib import Path

DATABASE = Path.home() / "guestbook.db"
FOLDER = Path(__file__).with_name("migrations")


def current(database: sqlite3.Connection) -> int:
    """The schema's version: 0 for an empty database."""
    database.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at TEXT)")
    ((version,),) = database.execute("SELECT coalesce(max(version), 0) FROM schema_version")
    return int(version)


def scripts(direction: str) -> dict[int, Path]:
    return {int(file.name[:3]): file for file in sorted(FOLDER.glob(f"*.{direction}.sql"))}


def apply(database: sqlite3.Connection, script: Path, record: str) -> None:
    """Run one script and record it: both or neither."""
    database.executescript(f"BEGIN IMMEDIATE;\n{script.read_text()}\n{record};\nCOMMIT;")
    print(script.name)


def go_to(database: sqlite3.Connection, wanted: int) -> None:
    """Apply what is missing, or take back what is too much, newest first."""
    while (version := current(database)) != wanted:
        if version < wanted:
            after = version + 1
            apply(database, scripts("up")[after], f"INSERT INTO schema_version VALUES ({after}, datetime('now'))")
        else:
            apply(database, scripts("down")[version], f"DELETE FROM schema_version WHERE version = {version}")


def main(argv: list[str]) -> None:
    database = sqlite3.connect(DATABASE, isolation_level=None)
    try:
        match argv:
            case ["version"]:
                print(current(database))
            case ["up"]:
                go_to(database, max(scripts("up")))
            case ["to", version]:
                go_to(database, int(version))
            case _:
                sys.exit("usage: migrate.py up|to VERSION|version")
    finally:
        database.close()


if __name__ == "__main__":
    main(sys.argv[1:])
