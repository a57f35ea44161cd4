"""Which gate a request is about, and hosts that no run may have until a person has looked at them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column `request.gate` and the table `host_fence`."""
    op.add_column("request", sa.Column("gate", sa.Text))
    op.create_table(
        "host_fence",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_host_fence"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_host_fence_run"),
    )
