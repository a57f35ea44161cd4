"""The API dies and comes back in mid-run: the real commands, and a simulator that is killed and started again."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from tests.e2e.test_control import INVENTORY, Project
from tests.orc_calls import Orc

pytestmark = pytest.mark.anyio

PLAYBOOK = """
name: slow
hosts: all
rollout: {waves: [2, 100%]}
steps:
  - {name: one, run: "echo x >> one; until [ -e ../../../go ]; do sleep 0.1; done", timeout: 20s}
  - {name: two, run: echo x >> two}
"""
RUN = ("run", "slow.yml", "-i", "inventory.yml", "--yes", "-q")


class Api:
    """A simulator in a process of its own, always on one port and one directory."""

    def __init__(self, project: Project, port: int) -> None:
        self._project, self._port = project, port
        self._process: Orc | None = None

    async def start(self) -> None:
        """Start it, and wait until it serves."""
        words = ("simulator", "--port", str(self._port), "--hosts", "4", "--dir", str(self._project.fleet))
        self._process = self._project.start(*words)
        assert self._process.stdout
        said = await anyio.to_thread.run_sync(self._process.stdout.readline)
        assert b"simulating 4" in said, said

    async def kill(self) -> None:
        """SIGKILL: what it started goes on running."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            await anyio.to_thread.run_sync(self._process.communicate)
            self._process = None

    def end(self) -> None:
        """Ctrl-C: what it started ends, too."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.communicate(timeout=30)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "slow.yml").write_text(PLAYBOOK)
    return Project(tmp_path, tmp_path / "fleet")


@pytest.fixture
def api(project: Project) -> Iterator[Api]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (project.folder / "inventory.yml").write_text(INVENTORY.format(url=f"http://127.0.0.1:{port}"))
    made = Api(project, port)
    yield made
    project.go()
    made.end()


async def until_ill(project: Project) -> dict[str, Any]:
    """The status of the run, once it says that the API is ill."""
    with anyio.fail_after(60):
        while "the API gives no usable answer" not in (status := await project.status())["cause"]:
            pass
    return status


async def test_an_api_that_dies_and_comes_back_in_mid_run_costs_no_host_anything(project: Project, api: Api) -> None:
    await api.start()
    running = project.start(*RUN)
    await project.until(lambda: project.lines("one") == [1, 1, 0, 0])
    await api.kill()
    assert (await until_ill(project))["status"] == "running"
    assert "API PAUSED  the API gives no usable answer since" in await project.orc("status", "last")
    project.go()
    await api.start()
    await project.end(running, 0)
    assert [project.lines(name) for name in ("one", "two")] == [[1] * 4] * 2
    assert (await project.status())["status"] == "succeeded"


async def test_an_api_that_stays_away_leaves_the_run_to_a_person_and_resume_goes_on(project: Project, api: Api) -> None:
    project.environment["ORC_API_PATIENCE"] = "3s"
    await api.start()
    running = project.start(*RUN)
    await project.until(lambda: project.lines("one") == [1, 1, 0, 0])
    await api.kill()
    said = await project.end(running, 7)
    assert "WAITING  the API gives no usable answer since" in said
    status = await project.status()
    assert (status["status"], status["lists"]["running"]) == ("waiting", ["vps-1", "vps-2"])
    assert status["next"] == [f"orc resume {status['run']}"]
    project.go()
    await api.start()
    await project.orc("resume", "last", "-q")
    assert [project.lines(name) for name in ("one", "two")] == [[1] * 4] * 2
