"""Runs paused, resumed, aborted and kept apart from other terminals: the real commands on the real simulator."""

import json
import os
import pty
import shlex
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from orchestrator.simulator import SimulatorSettings, running_simulator
from tests.orc_calls import Orc

pytestmark = pytest.mark.anyio

INVENTORY = """
provider: {{kind: simulator, url: {url}, api_key: env:ORC_SIMULATOR_KEY}}
hosts:
  vps-[1:4]: {{vmid: '[10000:10003]'}}
"""
PLAYBOOK = """
name: slow
hosts: all
rollout: {rollback: none}
steps:
  - {name: one, run: "echo x >> one; until [ -e ../../../go ]; do sleep 0.1; done"}
  - {name: two, run: echo x >> two}
finally:
  - {name: last, run: echo x >> last}
"""


class Project:
    """A folder with a playbook and an inventory, and `orc` in it."""

    def __init__(self, folder: Path, fleet: Path) -> None:
        self.folder, self.fleet = folder, fleet
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "ORC_SIMULATOR_KEY": "demo-key",
        }

    def start(self, *words: str, terminal: int | None = None) -> Orc:
        """terminal: the descriptor of one, which orc then may ask on."""
        place = {} if terminal is None else {"stdin": terminal, "stderr": terminal}
        return Orc(*words, folder=self.folder, environment=self.environment, **place)

    async def orc(self, *words: str, status: int = 0) -> str:
        return await self.end(self.start(*words), status)

    async def end(self, process: Orc, status: int) -> str:
        out, _ = await anyio.to_thread.run_sync(process.communicate)
        text = out.decode()
        assert process.returncode == status, text
        return text

    async def status(self, run: str = "last") -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(await self.orc("status", run, "--output", "json"))
        return answer

    def go(self) -> None:
        """Let the first step end everywhere."""
        (self.folder / "go").touch()

    async def becomes(self, status: str) -> dict[str, Any]:
        """The status of the latest run, once it is this."""
        with anyio.fail_after(30):
            while (found := await self.status())["status"] != status:
                pass
        return found

    def lines(self, name: str) -> list[int]:
        """How often each VPS has counted under a name."""
        files = [self.fleet / str(vmid) / "home" / name for vmid in range(10000, 10004)]
        return [len(file.read_text().splitlines()) if file.exists() else 0 for file in files]

    async def until(self, holds: Callable[[], bool]) -> None:
        with anyio.fail_after(30):
            while not holds():  # noqa: ASYNC110 - other processes write what is waited for
                await anyio.sleep(0.05)

    def asked(self, act: str) -> bool:
        """Whether the journal holds that a run is to be steered so, and the run has heeded it."""
        with closing(sqlite3.connect(self.folder / ".orchestrator" / "journal.sqlite3")) as journal:
            found = journal.execute("SELECT body FROM event WHERE type = 'run_paused'").fetchall()
        return any(act in body for (body,) in found)

    def requests(self) -> str:
        """All that people have asked of runs."""
        with closing(sqlite3.connect(self.folder / ".orchestrator" / "journal.sqlite3")) as journal:
            return str(journal.execute("SELECT * FROM request").fetchall())

    def processes(self) -> list[str]:
        """The command lines of what still runs in the fleet, the simulator's own helpers left aside."""
        found = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            try:
                if f"ORC_STATE={self.fleet}/".encode() in environ.read_bytes():
                    found.append((environ.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return [line for line in found if line]


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Project]:
    fleet = tmp_path / "fleet"
    async with running_simulator(SimulatorSettings(hosts=4, dir=fleet)) as simulator:
        (tmp_path / "inventory.yml").write_text(INVENTORY.format(url=simulator.url))
        (tmp_path / "slow.yml").write_text(PLAYBOOK)
        yield Project(tmp_path, fleet)


RUN = ("run", "slow.yml", "-i", "inventory.yml", "--yes", "-q")


async def test_a_run_that_is_paused_from_elsewhere_lets_what_is_under_way_end_and_goes_on_when_resumed(
    project: Project,
) -> None:
    running = project.start(*RUN)
    await project.until(lambda: project.lines("one") == [1, 1, 1, 1])
    assert "asked to start nothing more" in await project.orc("pause", "last", "-m", "lunch")
    assert "lunch" in (await project.becomes("paused"))["cause"]
    project.go()
    await project.end(running, 130)
    assert project.lines("two") == [0, 0, 0, 0]
    await project.orc("continue", "last", "-q")
    assert [project.lines(name) for name in ("one", "two", "last")] == [[1] * 4] * 3


async def test_an_aborted_run_ends_after_what_is_under_way_and_its_finally_and_undoes_nothing(project: Project) -> None:
    running = project.start(*RUN)
    await project.until(lambda: project.lines("one") == [1, 1, 1, 1])
    aborting = project.start("abort", "last")
    await project.until(lambda: project.asked("abort"))
    project.go()
    await project.end(aborting, 130)
    await project.end(running, 130)
    status = await project.status()
    assert (status["status"], len(status["lists"]["stopped"])) == ("aborted", 4)
    assert [project.lines(name) for name in ("one", "two", "last")] == [[1] * 4, [0] * 4, [1] * 4]


async def test_an_abort_now_leaves_no_process_of_ours_in_any_guest(project: Project) -> None:
    (project.folder / "slow.yml").write_text(PLAYBOOK.replace("until ", "sleep 300 & until "))
    running = project.start(*RUN)
    await project.until(lambda: project.lines("one") == [1, 1, 1, 1])
    await project.orc("abort", "last", "--now", "-m", "wrong release", status=130)
    await project.end(running, 130)
    assert (await project.status())["status"] == "aborted"
    await project.until(lambda: not any("sleep 300" in line for line in project.processes()))
    assert project.lines("last") == [0] * 4


async def test_a_run_whose_process_is_gone_can_be_aborted_too(project: Project) -> None:
    (project.folder / "slow.yml").write_text(PLAYBOOK.replace("until ", "sleep 300 & until "))
    running = project.start(*RUN)
    await project.until(lambda: project.lines("one") == [1, 1, 1, 1])
    running.send_signal(signal.SIGKILL)
    await project.end(running, -signal.SIGKILL)
    await project.orc("abort", "last", "--now", status=130)
    assert (await project.status())["status"] == "aborted"
    await project.until(lambda: not any("sleep 300" in line for line in project.processes()))


async def test_an_abort_is_not_lost_with_the_process_that_it_was_asked_of(project: Project) -> None:
    running = project.start(*RUN)
    await project.until(lambda: project.lines("one") == [1, 1, 1, 1])
    running.send_signal(signal.SIGSTOP)
    aborting = project.start("abort", "last", "--now", "-m", "wrong release")
    await project.until(lambda: "abort" in project.requests())
    running.send_signal(signal.SIGKILL)
    await project.end(running, -signal.SIGKILL)
    assert "wrong release" in await project.end(aborting, 130)
    assert (await project.status())["status"] == "aborted"


async def test_two_runs_never_share_a_host(project: Project) -> None:
    running = project.start(*RUN)
    await project.until(lambda: project.lines("one") == [1, 1, 1, 1])
    first = (await project.status())["run"]
    text = await project.orc(*RUN, "-l", "vps-2", status=7)
    assert f"vps-2 belongs to run {first}" in text
    assert "orc unlock vps-2 -m WHY" in text
    assert (await project.status())["status"] == "held"
    waiting = project.start(*RUN, "-l", "vps-2", "--lock-wait", "1m")
    await anyio.sleep(2)
    assert project.lines("one") == [1, 1, 1, 1], "it did not wait for the other run"
    project.go()
    await project.end(running, 0)
    await project.end(waiting, 0)
    assert project.lines("one") == [1, 2, 1, 1]


async def test_a_run_that_waits_for_hosts_can_be_aborted_and_then_starts_nothing(project: Project) -> None:
    first = project.start(*RUN)
    await project.until(lambda: project.lines("one") == [1, 1, 1, 1])
    second = project.start(*RUN, "--lock-wait", "100s")
    with anyio.fail_after(60):
        while (waiting := await project.status())["lists"]["never_started"] == []:
            pass
    await project.orc("abort", waiting["run"], status=130)
    await project.end(second, 130)
    project.go()
    await project.end(first, 0)
    assert (await project.status(waiting["run"]))["status"] == "aborted"
    assert project.lines("one") == [1, 1, 1, 1]


async def test_a_host_can_be_taken_from_a_run_whose_process_is_gone_and_from_no_other(project: Project) -> None:
    running = project.start(*RUN)
    await project.until(lambda: project.lines("one") == [1, 1, 1, 1])
    assert "drives at this moment" in await project.orc("unlock", "vps-1", "-m", "mine", status=7)
    running.send_signal(signal.SIGKILL)
    await project.end(running, -signal.SIGKILL)
    await project.orc(*RUN, "-l", "vps-1", status=7)
    await project.orc("unlock", "vps-1", "-m", "its terminal was closed")
    project.go()
    await project.orc(*RUN, "-l", "vps-1")
    assert (project.lines("one")[0], project.lines("two")[0]) == (2, 1)
    assert "no run has the host nosuch" in await project.orc("unlock", "nosuch", "-m", "x", status=2)


async def test_a_run_can_be_followed_from_elsewhere_to_its_end(project: Project) -> None:
    running = project.start(*RUN)
    await project.until(lambda: project.lines("one") == [1, 1, 1, 1])
    watching = project.start("watch", "last", "--output", "plain")
    await anyio.sleep(1)
    project.go()
    await project.end(running, 0)
    text = await project.end(watching, 0)
    assert "vps-1  one: started" in text
    assert "finished: ok" in text
    assert text.splitlines()[-1].startswith("OK  4 hosts, nothing failed")


async def test_a_run_beside_one_that_has_not_ended_offers_to_go_on_with_that(project: Project) -> None:
    driver = project.start(*RUN)
    await project.until(lambda: project.lines("one") == [1, 1, 1, 1])
    driver.kill()
    await project.end(driver, -signal.SIGKILL)
    left = (await project.status())["run"]
    project.go()
    said = await project.orc(*RUN, status=7)
    assert f"orc resume {left}" in said, "nobody was there to ask, and nothing was said of it"

    terminal, side = pty.openpty()
    asked = project.start(*(word for word in RUN if word != "--yes"), terminal=side)
    os.close(side)
    os.write(terminal, b"r\n")
    assert left in await project.end(asked, 0)
    os.close(terminal)
    assert project.lines("one") == project.lines("two") == [1, 1, 1, 1]
    assert (await project.status(left))["status"] == "succeeded"


ASKING = """
name: asking
hosts: all
steps:
  - {name: one, run: echo x >> one}
  - {name: two, run: "echo x >> two; [ -e ok ]", on_failure: pause}
"""


async def test_a_host_that_waits_for_a_person_goes_on_as_that_one_says_from_any_terminal(project: Project) -> None:
    (project.folder / "asking.yml").write_text(ASKING)
    for vmid in (10000, 10001):
        (project.fleet / str(vmid) / "home" / "ok").touch()
    said = await project.orc("run", "asking.yml", "-i", "inventory.yml", "--yes", "-q", status=7)
    waiting = await project.status()
    assert (waiting["status"], waiting["lists"]["ok"]) == ("waiting", ["vps-1", "vps-2"])
    assert waiting["next"][0] in said, "status and report advise different things"
    await project.orc("continue", "last", "--host", "vps-1", "skip", status=2)

    (project.fleet / "10002" / "home" / "ok").touch()
    retry = shlex.split(waiting["next"][0])[1:]
    await project.orc(*retry, "-q", status=7)
    assert (await project.status())["lists"]["ok"] == ["vps-1", "vps-2", "vps-3"]
    assert project.lines("two") == [1, 1, 2, 2]

    await project.orc("continue", "--host", "vps-4", "skip", "-q", "-m", "done by hand")
    assert (await project.status())["status"] == "succeeded"
    assert project.lines("two") == [1, 1, 2, 2]


async def test_a_retry_goes_on_at_the_failed_step_and_repeats_nothing_that_was_done(project: Project) -> None:
    project.go()
    text = PLAYBOOK.replace("echo x >> two", "echo x >> two; test -e mended")
    (project.folder / "slow.yml").write_text(text)
    await project.orc(*RUN, "--max-failures", "9", status=3)
    for vmid in range(10000, 10004):
        (project.fleet / str(vmid) / "home" / "mended").touch()
    await project.orc("retry", "last", "--yes", "-q")
    assert [project.lines(name) for name in ("one", "two", "last")] == [[1] * 4, [2] * 4, [2] * 4]
    assert "no host of run" in await project.orc("retry", "last", "--yes", status=2)


async def test_a_retry_of_changed_steps_says_which_and_asks(project: Project) -> None:
    project.go()
    (project.folder / "slow.yml").write_text(PLAYBOOK.replace("echo x >> two", "exit 1"))
    await project.orc(*RUN, status=3)
    (project.folder / "slow.yml").write_text(PLAYBOOK)
    assert "not what they were" in (text := await project.orc("retry", "last", status=7))
    assert "two" in text
    for answer, status in (("n", 7), ("y", 0)):
        terminal, side = pty.openpty()
        asked = project.start("retry", "last", "-q", terminal=side)
        os.close(side)
        os.write(terminal, answer.encode() + b"\n")
        await project.end(asked, status)
        os.close(terminal)
    assert (await project.status())["status"] == "succeeded"


CHOSEN = """
name: chosen
hosts: all
steps:
  - {name: one, run: echo x >> one, tags: web}
  - {include: more.yml, tags: more, when: "vmid != '10000'"}
  - {name: two, run: "echo {{ item }} >> two; test -e mended", loop: "[1] if vmid == '10003' else [1, 2]", tags: web}
"""


async def test_a_retry_keeps_to_the_tags_and_files_of_its_run_and_goes_on_in_the_midst_of_a_loop(
    project: Project,
) -> None:
    (project.folder / "chosen.yml").write_text(CHOSEN)
    (project.folder / "more.yml").write_text("- {name: three, run: echo x >> three}\n- {name: four, run: exit 1}\n")
    words = ("run", "chosen.yml", "-i", "inventory.yml", "--yes", "-q", "--max-failures", "9")
    assert "no step has this tag" in await project.orc(*words, "-t", "wbe", status=2)
    for vmid in (10000, 10001, 10002):
        (project.fleet / str(vmid) / "home" / "mended").touch()
    said = await project.orc(*words, "-t", "web", status=3)
    assert f"orc retry {(await project.status())['run']}" in said

    (project.fleet / "10003" / "home" / "mended").touch()
    await project.orc("retry", "last", "--yes", "-q")
    assert [project.lines(name) for name in ("one", "two", "three")] == [[1] * 4, [2] * 4, [0] * 4]
