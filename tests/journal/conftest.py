"""A journal that others can be compared with, or that is damaged on purpose."""

from pathlib import Path

import pytest

from tests.journal.examples import RUN, intent, journal_in, new_run


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """A journal of one run with 40 events, closed."""
    file = tmp_path / "state" / "journal.db"
    async with journal_in(file) as journal:
        await journal.create(new_run())
        await journal.append(RUN, [intent(attempt, host="h" * 1_000) for attempt in range(40)])
    return file
