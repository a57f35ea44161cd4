"""What keeps a run from starting at all, `limits` and fences: the real commands on the real simulator."""

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from _pytest.mark.structures import ParameterSet
from anyio.from_thread import start_blocking_portal

from orchestrator.cli.main import run
from orchestrator.simulator import SimulatorSettings, running_simulator

INVENTORY = """
provider: {{kind: simulator, url: '{url}', api_key: env:ORC_SIMULATOR_KEY}}
hosts:
  vps-[1:4]: {{vmid: '[10000:10003]'}}
"""
STEPS = "steps: [{name: one, run: echo x >> ../one}]"


class Project:
    """A folder in which `orc` is run, and a fleet of four."""

    def __init__(self, folder: Path, fleet: Path) -> None:
        self.folder, self.fleet = folder, fleet

    def orc(self, *words: str) -> tuple[int, str]:
        """The exit status, and all that was said."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return run(words), said.getvalue()

    def run(self, playbook: str, *words: str) -> tuple[int, str]:
        (self.folder / "p.yml").write_text(f"name: p\nhosts: all\n{playbook}\n")
        return self.orc("run", "p.yml", "-i", "i.yml", "--yes", "-q", *words)

    def touched(self) -> int:
        """On how many hosts the first step was really run."""
        return len(list(self.fleet.glob("*/one")))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.chdir(tmp_path)
    settings = SimulatorSettings(hosts=4, dir=tmp_path / "fleet")
    monkeypatch.setenv("ORC_SIMULATOR_KEY", settings.key)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running_simulator(settings)) as simulator:
        (tmp_path / "i.yml").write_text(INVENTORY.format(url=simulator.url))
        yield Project(tmp_path, tmp_path / "fleet")


class Limit(NamedTuple):
    """of: the key. words: typed besides. says: what is said where it is held; empty: it runs."""

    of: str
    rule: str
    limits: str
    words: tuple[str, ...] = ()
    says: str = ""

    @property
    def name(self) -> str:
        """The key and the rule."""
        return f"{self.of.partition('.')[2]}: {self.rule}"

    def playbook(self) -> str:
        """The playbook, but for its hosts."""
        return f"limits: {self.limits}\n{STEPS}"


ROWS = [
    Limit("LimitsShape.max_hosts", "as many as it says run", "{max_hosts: 4}"),
    Limit("LimitsShape.max_hosts", "more are held before anything is started", "{max_hosts: 3}",
          says="this would run on 4 hosts, and limits.max_hosts is 3; nothing was started"),
    Limit("LimitsShape.max_hosts", "unless the number is typed", "{max_hosts: 3}", ("--yes-really", "4")),
    Limit("LimitsShape.max_hosts", "another number than it is does not count", "{max_hosts: 3}", ("--yes-really", "3"),
          says="--yes-really says 3, and this would run on 4 hosts"),
    Limit("LimitsShape.max_hosts", "it counts what a limit leaves", "{max_hosts: 3}", ("-l", "vps-[1-3]")),
    Limit("LimitsShape.max_share", "as large a part of the inventory runs", "{max_share: 100%}"),
    Limit("LimitsShape.max_share", "a larger part is held, the share rounded down", "{max_share: 74%}",
          ("-l", "vps-[1-3]"), says="limits.max_share is 2 (74% of the inventory's 4 hosts)"),
    Limit("PlaybookShape.limits", "both are told of at once", "{max_hosts: 3, max_share: 50%}",
          says="limits.max_hosts is 3 and limits.max_share is 2 (50% of the inventory's 4 hosts)"),
]  # fmt: skip


def _cases() -> list[ParameterSet]:
    return [pytest.param(row, id=row.name) for row in ROWS]


@pytest.mark.parametrize("row", _cases())
def test_a_run_over_its_limits_is_held(row: Limit, project: Project) -> None:
    status, said = project.run(row.playbook(), *row.words)
    wanted = re.search(r"vps-\[1-(\d)\]", " ".join(row.words))
    hosts = int(wanted[1]) if wanted else 4
    assert (status, project.touched()) == ((7, 0) if row.says else (0, hosts)), said
    assert row.says in " ".join(said.split())


def test_a_host_whose_rollback_failed_is_fenced_from_every_later_run_until_it_is_marked(project: Project) -> None:
    broken = "steps: [{name: one, run: 'test $host != vps-2', env: {host: '{{ host }}'}, rollback: exit 3}]"
    assert project.run(f"rollout: {{max_failures: 1}}\n{broken}")[0] == 5
    status, said = project.run(STEPS)
    assert (status, project.touched()) == (7, 0)
    assert "vps-2 is fenced since" in said
    assert "orc mark vps-2 recovered -m WHY" in said
    assert project.run(STEPS, "-l", "vps-1")[0] == 0, "others are not"
    assert project.orc("mark", "vps-2", "recovered", "-m", "looked at it")[0] == 0
    assert project.run(STEPS, "--expect-hosts", "4")[0] == 0
    assert project.touched() == 4
