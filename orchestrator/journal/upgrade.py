"""Brings a journal's schema up to date, and refuses one that is not ours or too new."""

import sqlalchemy as sa

from orchestrator.errors import JournalError
from orchestrator.journal.schema import VERSION, VERSION_TABLE


def bring_up_to_date(engine: sa.Engine, where: str) -> None:
    """Migrate an older or empty database to VERSION, all or nothing. where: how messages call it.

    Raises JournalError for a newer schema and for a database of another program.
    """
    with engine.connect() as connection:
        found = _version(connection, where)
    if found == VERSION:
        return
    if found is not None and not found.isdigit():
        raise _not_ours(where)
    if found is not None and found > VERSION:
        raise JournalError(
            f"{where}: its schema is {found}, written by a newer orchestrator; this one knows up to {VERSION}; "
            "install the newer one, or name another journal with ORC_DATABASE_URL",
            next=("orc --version",),
        )
    _migrate(engine, where)


def _version(connection: sa.Connection, where: str) -> str | None:
    """The schema's version, None for an empty database."""
    inspector = sa.inspect(connection)
    if inspector.has_table(VERSION_TABLE):
        version: str | None = connection.scalar(
            sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE))
        )
        return version
    if inspector.get_table_names():
        raise _not_ours(where)
    return None


def _migrate(engine: sa.Engine, where: str) -> None:
    # Imported here: it takes a third of a second, and hardly any start needs it.
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "orchestrator.journal:migrations")
    # Alembic reads the version again, under the write lock: another process may have migrated in the meantime.
    with engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:  # no migration of ours made what is there
            raise _not_ours(where) from error


def _not_ours(where: str) -> JournalError:
    return JournalError(f"{where}: it is a database of another program; name another journal with ORC_DATABASE_URL")
