"""What reports say of steps that tags leave out, of loops, and of steps that changed nothing."""

from pathlib import Path

import pytest

from orchestrator.core.expand import expand, inventory_of_vmids
from orchestrator.load import load_playbook
from orchestrator.model.plan import Plan, Tags
from orchestrator.report.plan_json import plan_json
from orchestrator.report.plan_summary import plan_summary
from orchestrator.report.plan_text import plan_text
from orchestrator.report.status import status_json, status_report
from orchestrator.report.view import RunView
from tests.fake_fleet import Ran
from tests.small_run import RUN, SPEC, drive, plan_of

BOOK = """
vmids: [1, 2]
steps:
  - {name: look, run: look, tags: web, changed_when: "'new' in result.stdout", retries: {attempts: 2, jitter: 2s}}
  - {name: put, run: 'put {{ item }}', tags: web, loop: "['a'] if vmid == '1' else ['a', 'b']", when: item != 'c'}
  - {name: rare, run: rare, tags: never}
  - {name: other, run: other}
"""


def chosen(folder: Path, tags: Tags) -> Plan:
    path = folder / "playbook.yml"
    path.write_text(BOOK)
    playbook = load_playbook(path)
    inventory = inventory_of_vmids(playbook, SPEC)
    return expand(playbook, inventory, inventory.hosts, {}, tags)


def test_a_plan_says_by_which_tags_steps_were_chosen_and_which_are_left_out(tmp_path: Path) -> None:
    plan = chosen(tmp_path, Tags(only=("web",), skip=("never",)))
    lines = plan_text(plan)

    assert "TAGS  --tags web --skip-tags never" in lines
    assert "LEFT OUT  2 steps by these tags: rare, other" in lines
    assert "LEFT OUT  2 steps by these tags: rare, other" in plan_summary(plan)
    assert "LEFT OUT  1 step by the tag never: rare" in plan_text(chosen(tmp_path, Tags()))
    data = plan_json(plan)
    assert (data["tags"], data["skip_tags"], data["left_out"]) == (["web"], ["never"], ["rare", "other"])


def test_a_plan_says_which_hosts_lack_an_item_and_how_retries_are_spread(tmp_path: Path) -> None:
    plan = chosen(tmp_path, Tags())
    text = "\n".join(plan_text(plan))

    assert "item 2 of the loop of put: not on 1 host: 1\n" in text
    assert "when item != 'c': true on every host\n        $ put b" in text
    assert "up to 2 attempts, 5s apart, and up to 2s more by chance" in text
    assert "changed when 'new' in result.stdout" in text
    step = plan_json(plan)["steps"][2]
    assert (step["name"], step["loop"], step["index"], step["skipped"]) == ("put [2]", "put", 1, ["1"])


@pytest.mark.anyio
async def test_a_step_that_changed_nothing_is_counted_apart(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, BOOK)
    ended = await drive(plan, lambda host, slot, attempt: Ran(stdout="new" if host == "1" else "old"))
    view = RunView(id=RUN, state=ended.state, by="ana", created_at=0.0, last_at=0.0)

    assert any(line.split() == "look 1 ok, 1 ok without a change".split() for line in status_report(view))
    assert [host["steps"]["look"]["changed"] for host in status_json(view)["hosts"].values()] == [True, False]
