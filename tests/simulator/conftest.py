from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.simulator import SimulatorSettings

MakeSettings = Callable[..., SimulatorSettings]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def settings(tmp_path: Path) -> MakeSettings:
    """A small fleet in the test's own directory, with whatever the test wants otherwise."""

    def make(**wanted: Any) -> SimulatorSettings:
        return SimulatorSettings(**{"hosts": 2, "dir": tmp_path / "fleet", **wanted})

    return make
