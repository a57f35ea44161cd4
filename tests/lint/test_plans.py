"""What can go wrong in the commands of a plan: told with the plan, as text and as JSON."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator.core.expand import expand
from orchestrator.lint import warnings
from orchestrator.load import check_params, load_inventory, load_playbook
from orchestrator.model.host import Variable
from orchestrator.model.origin import COMMAND_LINE
from orchestrator.model.plan import Plan
from orchestrator.report.plan_json import plan_json
from orchestrator.report.plan_text import plan_text

PLAYBOOK = """
hosts: all
params: {ref: {required: true}}
steps:
  - {name: dump, run: ./dump | gzip > dump.gz}
  - {name: pull, run: 'rmdir {{ ref }}', rollback: git pull}
  - {name: clean, run: 'rm -rf {{ dir }}/cache', irreversible: true, loop: [a, b]}
  - {name: ask, run: ./where, register: where}
  - {name: clear, run: 'rm -rf {{ where.stdout }}/x'}
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    return planned({"ref": "--force"})


def planned(params: Mapping[str, str]) -> Plan:
    Path("p.yml").write_text(PLAYBOOK)
    Path("i.yml").write_text("vars: {dir: /srv}\nhosts:\n  web-[1:3]: {vmid: '[1:3]'}\n")
    playbook, inventory = load_playbook(Path("p.yml")), load_inventory(Path("i.yml"))
    given = {name: Variable(value=value, origin=COMMAND_LINE) for name, value in params.items()}
    return expand(playbook, inventory, inventory.hosts, check_params(playbook, given))


def test_the_plans_commands_are_looked_at_once_for_all_hosts_and_items(plan: Plan) -> None:
    assert [(found.rule, found.step, str(found.origin)) for found in warnings(plan)] == [
        ("pipe-without-pipefail", "dump", "p.yml:5:30"),
        ("value-may-start-with-dash", "pull", "p.yml:6:30"),
        ("removal-of-a-value", "clear", "p.yml:9:32"),  # of the others the plan shows what they have become
        ("git-pull-without-ref", "pull", "p.yml:6:56"),
    ]


def test_a_value_that_is_known_is_judged_by_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert "value-may-start-with-dash" not in {found.rule for found in warnings(planned({"ref": "v1"}))}


def test_what_is_said_of_a_value_is_not_said_again_of_what_it_might_be(plan: Plan) -> None:
    (told,) = (line for line in plan_json(plan)["warnings"] if "p.yml:6:30" in line)
    assert told.startswith("p.yml:6:30: the value begins with `-`")


def test_a_plan_tells_them_among_its_warnings(plan: Plan) -> None:
    told = "'dump', p.yml:5:30: if dump fails here, the step is ok all the same; write its output to a file first"

    assert any(line.startswith(told) for line in plan_json(plan)["warnings"])
    assert "WARNING  'dump', p.yml:5:30: if dump fails here" in "\n".join(plan_text(plan, ("orc", "run", "p.yml")))
