"""Machines on which systemd runs: a real one, where one can be had, and always its stand-in."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.guest.machines import Machine, RealMachine, StandInMachine, why_no_stand_in
from tests.guest.real_systemd import Systemd, Unavailable, running

_runs = count(1)


@pytest.fixture(scope="session")
def systemd() -> Iterator[tuple[Systemd, Path]]:
    """A real systemd, and the folder that it can write to. Skips, and says why, where there is none to be had."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="systemd-")))
        try:
            if os.geteuid() != 0:
                raise Unavailable("only root can have a systemd in namespaces of its own")
            found = stack.enter_context(running(folder))
        except Unavailable as reason:
            if os.environ.get("REAL_SYSTEMD") == "required":
                pytest.fail(str(reason))
            pytest.skip(f"nothing is tested against a real systemd: {reason}")
        yield found, folder


@pytest.fixture(scope="session")
def _stand_in() -> None:
    if reason := why_no_stand_in():
        pytest.skip(f"no namespace can be made in which systemd seems to run: {reason}")


@pytest.fixture(params=["real", "stand-in"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    """A VPS on which systemd runs."""
    run = f"r{next(_runs)}"
    found: Machine
    if request.param == "real":
        systemd, folder = request.getfixturevalue("systemd")
        (folder / run).mkdir()
        found = RealMachine(folder / run, run, systemd)
    else:
        request.getfixturevalue("_stand_in")
        found = StandInMachine(tmp_path, run)
    yield found
    found.close()
