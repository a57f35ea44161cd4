"""A journal that cannot be written to in the middle of a run: new work stops, nothing is lost, the run can go on."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from orchestrator.simulator import SimulatorSettings, running_simulator

pytestmark = pytest.mark.anyio

HOSTS, STEPS = 4, 6
INVENTORY = """
provider: {{kind: simulator, url: {url}, api_key: env:ORC_SIMULATOR_KEY}}
hosts:
  vps-[1:4]: {{vmid: '[10000:10003]'}}
"""
PLAYBOOK = "name: wordy\nhosts: all\nrollout: {rollback: none}\nsteps:\n" + "".join(
    f"  - {{name: s{step}, run: \"echo x >> s{step}; head -c 60000 /dev/zero | tr '\\\\0' x\"}}\n"
    for step in range(STEPS)
)


@dataclass(frozen=True)
class Project:
    folder: Path
    fleet: Path

    def start(self, *words: str, state: Path, limit: str = "unlimited") -> subprocess.Popen[str]:
        """`orc`, which keeps its journal in `state` and may write files of up to `limit` blocks of 512 bytes."""
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment |= {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "ORC_SIMULATOR_KEY": "demo-key",
            "ORC_STATE_DIR": str(state),
        }
        limited = ["/bin/sh", "-c", f'ulimit -f {limit}; exec "$@"', "sh", sys.executable, "-m", "orchestrator", *words]
        return subprocess.Popen(
            limited, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    async def end(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        text, _ = await anyio.to_thread.run_sync(lambda: process.communicate(timeout=100))
        return process.returncode, text

    def counters(self) -> list[int]:
        """How often each step has run on each host, as the VPSes themselves tell."""
        files = [self.fleet / str(10000 + host) / "home" / f"s{s}" for host in range(HOSTS) for s in range(STEPS)]
        return [len(file.read_text().splitlines()) if file.exists() else 0 for file in files]


RUN = ("run", "wordy.yml", "-i", "inventory.yml", "--yes", "-q")


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Project]:
    fleet = tmp_path / "fleet"
    async with running_simulator(SimulatorSettings(hosts=HOSTS, dir=fleet)) as simulator:
        (tmp_path / "inventory.yml").write_text(INVENTORY.format(url=simulator.url))
        (tmp_path / "wordy.yml").write_text(PLAYBOOK)
        yield Project(tmp_path, fleet)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A file system of its own of this size; called again, it gets another size."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = False

    def mount(size: str) -> Path:
        nonlocal mounted
        options = f"size={size}" + (",remount" if mounted else "")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("who may not mount cannot make a small disk; the limit on a file's size is tried too")
        mounted = True
        return place

    yield mount
    if mounted:
        subprocess.run(["umount", "-l", place], check=True)


async def test_a_full_disk_stops_new_work_loses_nothing_and_the_run_goes_on_once_there_is_room(
    project: Project, small_disk: Callable[[str], Path]
) -> None:
    if shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    state = small_disk("900k")
    status, said = await project.end(project.start(*RUN, state=state))
    assert (status, "the disk is full" in said, "orc resume" in said) == (1, True, True), said
    stopped = project.counters()
    assert 0 in stopped, "it went on without a journal"
    assert max(stopped) == 1

    small_disk("64m")
    status, said = await project.end(project.start("resume", "last", "-q", state=state))
    assert (status, project.counters()) == (0, [1] * HOSTS * STEPS), said


async def test_a_journal_that_may_grow_no_further_stops_new_work_and_the_run_goes_on_once_it_may(
    project: Project, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    status, said = await project.end(project.start(*RUN, state=state, limit="900"))
    assert (status, "journal" in said, "orc resume" in said) == (1, True, True), said
    assert 0 in project.counters(), "it went on without a journal"
    assert max(project.counters()) == 1

    status, said = await project.end(project.start("resume", "last", "-q", state=state))
    assert (status, project.counters()) == (0, [1] * HOSTS * STEPS), said


async def test_a_journal_that_another_program_locks_stops_new_work_and_the_run_goes_on_once_it_is_free(
    project: Project, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    process = project.start(*RUN, state=state)
    with anyio.fail_after(60):
        while not any(project.counters()):  # noqa: ASYNC110 - another process writes what is waited for
            await anyio.sleep(0.02)
    with closing(sqlite3.connect(state / "journal.sqlite3", timeout=30, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        status, said = await project.end(process)
        assert (status, "keeps it locked" in said, "orc resume" in said) == (1, True, True), said
        assert 0 in project.counters(), "it went on without a journal"
        other.execute("ROLLBACK")

    status, said = await project.end(project.start("resume", "last", "-q", state=state))
    assert (status, project.counters()) == (0, [1] * HOSTS * STEPS), said
