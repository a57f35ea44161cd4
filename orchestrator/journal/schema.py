"""The journal's tables."""

import sqlalchemy as sa

VERSION = "0003"
"""The newest migration: what an up-to-date journal has in `journal_version`. Versions sort as text."""

VERSION_TABLE = "journal_version"
"""Named by us, so that a database of another program that uses Alembic is not taken for a journal."""

METADATA = sa.MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s"},
)

RUN = sa.Table(
    "run",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("argv", sa.Text, nullable=False),
    sa.Column("playbook", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("hosts", sa.Integer, nullable=False),
    sa.Column("plan", sa.LargeBinary, nullable=False),
    sa.Index("ix_run_created_at", "created_at", "id"),
)

# Constant text and no bound parameters: a database uses a partial index only where it can see, while it prepares a
# query, that the query's condition implies the index's.
IS_INTENT = sa.text("type IN ('attempt_started', 'undo_started')")
IS_RUN_LEVEL = sa.text("type IN ('run_started', 'run_paused', 'run_resumed', 'run_finished')")

EVENT = sa.Table(
    "event",
    METADATA,
    sa.Column("run", sa.Text, sa.ForeignKey("run.id"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("host", sa.Text),
    sa.Column("step", sa.Text),
    sa.Column("attempt", sa.Integer),
    sa.Column("undo", sa.Boolean, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    # Last in the row: what stands before them is read without touching the pages that long outputs spill into.
    sa.Column("stdout", sa.Text),
    sa.Column("stderr", sa.Text),
    sa.Index(
        "uq_event_intent",
        *("run", "host", "step", "undo", "attempt"),
        unique=True,
        sqlite_where=IS_INTENT,
    ),
    sa.Index("ix_event_run_level", "run", "seq", sqlite_where=IS_RUN_LEVEL),
)

HOST_LOCK = sa.Table(
    "host_lock",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("run", sa.Text, sa.ForeignKey("run.id"), nullable=False),
    sa.Column("since", sa.Double, nullable=False),
)

REQUEST = sa.Table(
    "request",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run", sa.Text, sa.ForeignKey("run.id"), nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("host", sa.Text),
    sa.Column("gate", sa.Text),
    sa.Index("ix_request_run", "run", "id"),
)

HOST_FENCE = sa.Table(
    "host_fence",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("run", sa.Text, sa.ForeignKey("run.id"), nullable=False),
    sa.Column("since", sa.Double, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
)

OUTPUTS = ("stdout", "stderr")
FACTS = tuple(column for column in EVENT.c if column.name not in OUTPUTS)
"""The columns of an event without its outputs."""
