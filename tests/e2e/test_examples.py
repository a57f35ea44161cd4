"""Every example is true: the playbooks and inventories of the repository, and those in its documentation."""

import re
from pathlib import Path
from typing import NamedTuple

import anyio
import pytest
import yaml

from orchestrator.load.inventory_shape import GroupShape, HostShape, InventoryShape
from orchestrator.load.playbook_shape import DefaultsShape, PlaybookShape
from orchestrator.load.provider import ProviderShape
from orchestrator.load.retries_shape import RetriesShape
from orchestrator.load.rollback_shape import RollbackShape, UndoPartShape, VerifyShape
from orchestrator.load.rollout_shape import RolloutShape, WaveShape
from orchestrator.load.settings import load_settings
from orchestrator.load.shape import NOT_YET, Shape
from orchestrator.load.step_shape import StepShape
from orchestrator.model.plan import Plan
from orchestrator.selection import Selection, read_sources
from orchestrator.simulator import SimulatorSettings, running_simulator
from tests.orc_calls import orc
from tests.test_architecture import MAY_IMPORT
from tests.test_architecture import NOT_YET as PLANNED_LAYERS

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDE = ROOT / "docs" / "playbooks.md"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

PLAYBOOKS = {
    "demo-seed.yml": ("demo.yml", ["release=v1", "origin=/srv/guestbook.git"]),
    "demo.yml": ("demo.yml", ["release=v2"]),
    "enbase.yml": ("example-hostup.yml", ["release=v2"]),
}
"""Every playbook of the repository, with the inventory and the params that it is for."""

INVENTORY = """
provider: {kind: simulator, url: http://127.0.0.1:8765, api_key: env:ORC_SIMULATOR_KEY}
vars: {repo: /srv/app, port: 8000, service: app, zone: a}
hosts:
  web-[001:044]: {vmid: '[10001:10044]'}
  db-1: {vmid: 10200}
groups:
  web: {hosts: [web-*]}
  frozen: {hosts: [web-044]}
  prod: {children: [web]}
"""
"""The fleet for which the playbooks in the documentation are planned."""

REST = {
    "hosts": "hosts: web",
    "params": "params: {release: {required: true}}",
    "steps": "steps: [{name: nothing, run: 'true'}]",
}
"""What makes a whole playbook of an excerpt."""


class Example(NamedTuple):
    """A YAML block of a page. line: where it begins."""

    page: Path
    line: int
    text: str

    @property
    def keys(self) -> set[str]:
        return set(yaml.safe_load(self.text)) if not self.is_steps else {"steps"}

    @property
    def is_steps(self) -> bool:
        return self.text.startswith("- ")

    @property
    def is_inventory(self) -> bool:
        return not self.is_steps and isinstance(yaml.safe_load(self.text).get("hosts"), dict)

    def as_playbook(self) -> str:
        text = f"steps:\n{self.text}" if self.is_steps else self.text
        if "vmids" in self.keys:
            return text
        return "\n".join([*(line for key, line in REST.items() if key not in self.keys), text])


def examples() -> list[Example]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.finditer(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            found.append(Example(page, text[: block.start()].count("\n") + 2, block[1]))
    return found


@pytest.fixture(autouse=True)
def _secret_of_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "a-token-of-nobody")


def plan(playbook: Path, inventory: Path | None, *extra_vars: str) -> Plan:
    selection = Selection(playbook=playbook, inventory=inventory, extra_vars=extra_vars)
    return read_sources(selection, load_settings(playbook.parent, {})).plan()


def plan_text(folder: Path, playbook: str, inventory: str | None = INVENTORY) -> Plan:
    """The plan of a playbook that is given as text; its parameter `release`, if it has one, is v1.2.3."""
    (folder / "common").mkdir()
    (folder / "common" / "checks.yml").write_text("- run: df -h\n")
    (folder / "files").mkdir()
    for name in ("check.sh", "migrate.py", "app.conf.j2", "logo.png", "key.pem"):
        (folder / "files" / name).write_text("release {{ release }}\n" if name.endswith(".j2") else "true\n")
    (folder / "playbook.yml").write_text(playbook)
    (folder / "inventory.yml").write_text(inventory or "")
    release = ["release=v1.2.3"] if "release" in (yaml.safe_load(playbook).get("params") or {}) else []
    return plan(folder / "playbook.yml", folder / "inventory.yml" if inventory else None, *release)


def test_there_are_examples_on_the_pages() -> None:
    assert {example.page.name for example in examples()} >= {"README.md", "playbooks.md"}


@pytest.mark.parametrize("example", examples(), ids=lambda each: f"{each.page.name}:{each.line}")
def test_an_example_in_the_documentation_can_be_planned(example: Example, tmp_path: Path) -> None:
    if example.is_inventory:
        planned = plan_text(tmp_path, "hosts: all\nsteps: [{run: 'true'}]", example.text)
    else:
        planned = plan_text(tmp_path, example.as_playbook(), None if "vmids" in example.keys else INVENTORY)

    assert planned.hosts


@pytest.mark.parametrize("name", sorted(file.name for file in (ROOT / "playbooks").glob("*.yml")))
def test_a_playbook_of_the_repository_can_be_planned(name: str) -> None:
    inventory, params = PLAYBOOKS[name]

    assert plan(ROOT / "playbooks" / name, ROOT / "inventories" / inventory, *params).hosts


def test_every_inventory_of_the_repository_is_planned_for() -> None:
    assert {file.name for file in (ROOT / "inventories").glob("*.yml")} == {each for each, _ in PLAYBOOKS.values()}


SHAPES: tuple[type[Shape], ...] = (
    PlaybookShape,
    DefaultsShape,
    RolloutShape,
    WaveShape,
    StepShape,
    RetriesShape,
    RollbackShape,
    UndoPartShape,
    VerifyShape,
    InventoryShape,
    HostShape,
    GroupShape,
    ProviderShape,
)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda each: each.__name__)
def test_the_guide_says_of_every_key_whether_it_works(shape: type[Shape]) -> None:
    works, _, not_yet = GUIDE.read_text(encoding="utf-8").partition("\n## Not there yet\n")
    later = {key for key, field in shape.known().items() if NOT_YET in repr(field.json_schema_extra)}

    assert [key for key in shape.known() if key not in later and not re.search(rf"\b{key}\b", works)] == []
    assert [key for key in later if f"`{key}`" not in not_yet] == []


def test_the_table_of_layers_is_the_one_that_is_enforced() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*`) \| .* \| (.*) \|$", page, re.MULTILINE)
    table = {layer: words for layers, words in rows for layer in re.findall(r"`(\w+)`", layers)}
    assert table.pop("model") == "nothing, not even `errors`"
    assert table.pop("wiring") == "everything but cli and report"
    assert MAY_IMPORT["wiring"] == MAY_IMPORT.keys() - {"cli", "report", "wiring"}
    assert {layer: set() if words == "nothing" else set(words.split(", ")) for layer, words in table.items()} == {
        layer: allowed for layer, allowed in MAY_IMPORT.items() if layer not in {"model", "wiring", *PLANNED_LAYERS}
    }


def test_a_percentage_in_the_guide_is_what_a_plan_makes_of_it(tmp_path: Path) -> None:
    assert "Of 44 hosts, `[1, 10%, 100%]` makes waves of 1, 4 and 39" in GUIDE.read_text(encoding="utf-8")
    assert "5% of 44 is 2" in GUIDE.read_text(encoding="utf-8")
    playbook = "hosts: web\nrollout: {waves: [1, 10%, 100%], max_failures: 5%}\nsteps: [{run: 'true'}]"

    planned = plan_text(tmp_path, playbook)

    assert [len(wave.hosts) for wave in planned.waves] == [1, 4, 39]
    assert planned.policy.max_failures == 2


def test_the_guides_values_are_quoted_as_it_says(tmp_path: Path) -> None:
    playbook = "vmids: [1]\nvars: {x: \"; rm -rf /\"}\nsteps: [{run: 'ls {{ x }}'}]"

    assert plan_text(tmp_path, playbook, None).hosts[0].commands[0].text == "ls '; rm -rf /'"


def on_each_vps(fleet: Path, file: str) -> dict[int, str]:
    """What this file holds, by vmid, where it is there."""
    return {int(found.parent.parent.name): found.read_text() for found in fleet.glob(f"*/home/{file}")}


@pytest.mark.anyio
async def test_the_first_playbook_of_the_readme_does_what_the_readme_says(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (hello,) = (each for each in examples() if each.page.name == "README.md" and "name: hello" in each.text)
    (tmp_path / "hello.yml").write_text(hello.text)
    words = ("hello.yml", "-i", "demo.yml", "-e", "greeting=it's me")

    async with running_simulator(SimulatorSettings(hosts=12, dir=tmp_path / "fleet")) as simulator:
        inventory = (ROOT / "inventories" / "demo.yml").read_text()
        (tmp_path / "demo.yml").write_text(inventory.replace("http://127.0.0.1:8765", simulator.url))
        planned = await orc(tmp_path, "plan", *words)
        done = await orc(tmp_path, "run", *words, "--yes")
        status = await orc(tmp_path, "status", "last")

    (command,) = re.findall(r"values quoted for the shell: `(.*)`", readme)
    assert command in planned.stdout.decode()
    assert done.returncode == 4, done.stderr.decode()
    assert status.returncode == 0
    assert on_each_vps(tmp_path / "fleet", "greeting.txt") == {
        vmid: "it's me\n" for vmid in range(10000, 10012) if vmid != 10002
    }


SYSTEMCTL = """#!/bin/sh
case $1 in
restart) cp ~/enbase/VERSION ~/running;;
stop) rm -f ~/running;;
esac
"""
CURL = """#!/bin/sh
read -r version <~/running && [ "$version" != v3 ] && echo ok
"""
"""What the VPSes have in place of a service: `running` holds the version that runs; v3 is ill."""

ENBASE = """
provider: {{kind: simulator, url: {url}, api_key: env:ORC_SIMULATOR_KEY}}
vars: {{repo: enbase, service: enbase, port: 8000}}
hosts:
  enbase-[1:4]: {{vmid: '[10000:10003]'}}
"""

REPOSITORY = """
git init -q origin && cd origin && mkdir migrations
echo 'open("../migrated", "a").write("once ")' > migrations/run_migration.py
for version in v1 v2 v3; do
  echo $version > VERSION
  git add -A
  git -c user.name=test -c user.email=test@example.invalid -c commit.gpgsign=false commit -qm $version
  git -c tag.gpgsign=false tag $version
done
"""


@pytest.mark.anyio
async def test_enbase_rolls_a_release_out_and_takes_back_one_that_is_ill(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet"
    vmids = range(10000, 10004)
    playbook = (ROOT / "playbooks" / "enbase.yml").read_text()
    # A service that is ill is asked ten times, three seconds apart: here, at once.
    (tmp_path / "enbase.yml").write_text(playbook.replace("delay: 3s", "delay: 0s"))
    await anyio.run_process(["sh", "-ec", REPOSITORY], cwd=tmp_path)
    settings = SimulatorSettings(hosts=4, dir=fleet, programs={"systemctl": SYSTEMCTL, "curl": CURL})

    async with running_simulator(settings) as simulator:
        (tmp_path / "inventory.yml").write_text(ENBASE.format(url=simulator.url))
        for vmid in vmids:
            clone = fleet / str(vmid) / "home" / "enbase"
            await anyio.run_process(["git", "clone", "-q", "-b", "v1", tmp_path / "origin", clone])
        words = ("run", "enbase.yml", "-i", "inventory.yml", "--yes", "-e")
        good = await orc(tmp_path, *words, "release=v2")
        running = on_each_vps(fleet, "running")
        ill = await orc(tmp_path, *words, "release=v3")

    assert good.returncode == 0, good.stdout.decode()
    assert running == dict.fromkeys(vmids, "v2\n")
    assert ill.returncode == 4, ill.stdout.decode()
    assert on_each_vps(fleet, "running") == running
    assert [(fleet / str(vmid) / "home/enbase/VERSION").read_text() for vmid in vmids] == ["v2\n"] * 4
    # The canary of v3 was migrated, and stays so: the playbook says that this cannot be taken back.
    assert on_each_vps(fleet, "migrated") == {vmid: "once " * (2 if vmid == 10000 else 1) for vmid in vmids}
