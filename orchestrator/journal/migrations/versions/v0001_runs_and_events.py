"""Runs and their events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables `run` and `event`."""
    op.create_table(
        "run",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("argv", sa.Text, nullable=False),
        sa.Column("playbook", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("hosts", sa.Integer, nullable=False),
        sa.Column("plan", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
    )
    op.create_index("ix_run_created_at", "run", ["created_at", "id"])
    op.create_table(
        "event",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("host", sa.Text),
        sa.Column("step", sa.Text),
        sa.Column("attempt", sa.Integer),
        sa.Column("undo", sa.Boolean, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("stdout", sa.Text),
        sa.Column("stderr", sa.Text),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_event_run"),
        sa.PrimaryKeyConstraint("run", "seq", name="pk_event"),
    )
    is_intent = sa.text("type IN ('attempt_started', 'undo_started')")
    op.create_index(
        "uq_event_intent",
        "event",
        ["run", "host", "step", "undo", "attempt"],
        unique=True,
        sqlite_where=is_intent,
        postgresql_where=is_intent,
    )
    is_run_level = sa.text("type IN ('run_started', 'run_paused', 'run_resumed', 'run_finished')")
    op.create_index(
        "ix_event_run_level",
        "event",
        ["run", "seq"],
        sqlite_where=is_run_level,
        postgresql_where=is_run_level,
    )
