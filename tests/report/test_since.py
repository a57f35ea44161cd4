"""How a plan differs from what was last run with success, host by host."""

from dataclasses import replace

from orchestrator.model.ids import HostName, Value
from orchestrator.model.origin import Origin
from orchestrator.model.plan import Plan
from orchestrator.report.since import Base, since, since_json, since_text
from tests.builders import DEPLOY, host_names, make_plan
from tests.scripted_runs import PAPER


def deploy(hosts: int, release: str) -> Plan:
    rules = tuple(replace(rule, run=rule.run.replace("v2", release)) for rule in DEPLOY)
    made = make_plan(hosts, rules)
    values: dict[str, Value] = {"release": release, "port": 8000}
    return replace(made, params={}, hosts=tuple(replace(host, values=values) for host in made.hosts))


def base(run: str, plan: Plan, *numbers: int) -> Base:
    return Base(run=run, plan=plan, hosts=tuple(host_names(9)[number - 1] for number in numbers))


def origin_of(host: HostName, name: str) -> Origin:
    return Origin(file="prod.yml", line=7, column=3)


def test_every_host_is_compared_with_the_run_in_which_it_was_last_ok_and_what_changed_alike_is_told_once() -> None:
    bases = [base("r2", deploy(4, "v3"), 4), base("r1", deploy(4, "v1"), 1, 2, 3)]
    told = since(deploy(5, "v3"), bases, origin_of)
    assert told.never_ok == ("web-005",)
    (value,) = told.found.values
    assert (value.what, value.before, value.after, value.origin) == ("release", "v1", "v3", "prod.yml:7:3")
    assert value.hosts == host_names(3)
    assert [(change.what, change.hosts) for change in told.found.commands] == [("pull", host_names(3))]
    assert told.found.added == ()


def test_what_changed_alike_since_several_runs_is_told_once() -> None:
    bases = [base("r2", deploy(4, "v1"), 4), base("r1", deploy(4, "v1"), 1, 2, 3)]
    told = since(deploy(4, "v2"), bases, origin_of)
    assert [sorted(change.hosts) for change in told.found.values] == [[*host_names(4)]]
    lines = since_text(told, PAPER)
    assert lines[:2] == [
        "SINCE  run r2, the last good one of 1 host: web-004",
        "SINCE  run r1, the last good one of 3 hosts: web-[001-003]",
    ]
    assert "    release: v1 -> v2   (prod.yml:7:3)" in lines
    assert since_json(told)["runs"] == {"r2": ["web-004"], "r1": [*host_names(3)]}


def test_the_same_plan_again_differs_in_nothing_and_hosts_without_a_good_run_are_new() -> None:
    now = deploy(3, "v1")
    assert since_text(since(now, [base("r1", now, 1, 2, 3)], origin_of), PAPER)[-1] == "nothing differs"
    assert since_text(since(now, [], origin_of), PAPER) == [
        "NEW    3 hosts that no run of this playbook has left ok: web-[001-003]"
    ]
