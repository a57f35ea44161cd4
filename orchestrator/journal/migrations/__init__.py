"""The journal's migrations, run by Alembic; `versions` has one file for each."""
