"""What Alembic executes: runs the migrations on the connection, in the transaction, that the journal hands over."""

from alembic import context

from orchestrator.journal.schema import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
