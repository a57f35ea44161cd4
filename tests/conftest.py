"""What holds for every test: the loop is asyncio's, and the user's own settings steer nothing."""

import os

import pytest
from hypothesis import settings

settings.register_profile("project", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("project")  # a test that fails on a busy machine only, or on some days, says nothing

SETTINGS = ("HOSTUP_API_KEY", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES")
"""Variables, besides every `ORC_...`, that people have in their environment and the tool reads."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """More workers than cores: every other second of a test it waits, for commands in a guest or for a gate's time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 2


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tuple(os.environ):
        if name.startswith("ORC_") or name in SETTINGS:
            monkeypatch.delenv(name)
