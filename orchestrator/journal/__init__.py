"""The journal: SQLite embedded in the project's state directory, and a twin in memory for tests."""
