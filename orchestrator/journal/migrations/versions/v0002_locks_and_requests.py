"""Host locks, and what people ask of runs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables `host_lock` and `request`."""
    op.create_table(
        "host_lock",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_host_lock_run"),
        sa.PrimaryKeyConstraint("key", name="pk_host_lock"),
    )
    op.create_table(
        "request",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("host", sa.Text),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_request_run"),
        sa.PrimaryKeyConstraint("id", name="pk_request"),
    )
    op.create_index("ix_request_run", "request", ["run", "id"])
