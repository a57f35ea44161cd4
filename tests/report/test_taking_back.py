"""What the reports say of a run that takes another back, and of hosts that are on their way back."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.core.certificate import Fate, fates
from orchestrator.core.taking_back import TakeBack, take_back
from orchestrator.model.event import RunPaused
from orchestrator.model.ids import HostName, StepName
from orchestrator.model.plan import Plan, Section
from orchestrator.report.back_plan import back_plan
from orchestrator.report.final import final_report
from orchestrator.report.junit import junit_xml
from orchestrator.report.markdown import markdown
from orchestrator.report.rollbacks import rollbacks
from orchestrator.report.status import status_json, status_report
from orchestrator.report.verdict import verdict
from tests.builders import DEPLOY, Rule, make_plan
from tests.scripted_runs import PAPER, RUN, Ends, Played, by_table, failing, play, view_of
from tests.small_run import plan_of

AFTER = Rule(name="start the old release", run="systemctl start app", section=Section.AFTER_ROLLBACK)

PLAYBOOK = """
vmids: [1, 2]
steps:
  - {name: config, run: c, handlers: [restart], rollback: uc}
  - {name: units, run: u, handlers: [reload], rollback: {run: uu, when: 'vmid == "2"'}}
handlers:
  - {name: restart, run: systemctl restart app}
  - {name: reload, run: systemctl daemon-reload}
  - {name: idle, run: i}
after_rollback:
  - {name: start, run: s}
"""


def found_of(plan: Plan, *hosts: str) -> TakeBack:
    """What can be taken back on these hosts, or all, of a run of this plan in which all went well."""
    played = play(plan)
    return take_back(played.state, RUN, tuple(map(HostName, hosts)) or tuple(played.state.hosts))


def back_of(plan: Plan, *hosts: str) -> Plan:
    """The plan that does it."""
    found = found_of(plan, *hosts)
    assert found.plan
    return found.plan


def preview(plan: Plan, *hosts: str) -> str:
    """What is shown before it is done, each line with single spaces."""
    lines = back_plan(back_of(plan, *hosts), found_of(plan, *hosts), PAPER)
    return "\n".join(" ".join(line.split()) for line in lines)


def taking_back() -> Played:
    script = by_table({(f"web-00{n}", "remember"): Ends(stdout="5f0c1a\n") for n in (1, 2, 3)})
    played = play(make_plan(3), script)
    found = take_back(played.state, RUN, tuple(played.state.hosts))
    assert found.plan
    return play(found.plan)


def test_what_is_taken_back_tells_the_handlers_that_its_undos_call_in_their_turn(tmp_path: Path) -> None:
    text = preview(plan_of(tmp_path, PLAYBOOK))
    of_one = ["not owed units its when is false", "undo config $ uc", "then restart $ systemctl restart app"]
    assert "\n".join(["1 host: 1", *of_one, "then start $ s"]) in text
    assert "then restart $ systemctl restart app\nthen reload $ systemctl daemon-reload\nthen start $ s" in text
    assert "idle" not in text
    assert text.count("reload $") == 1, "an undo that is not owed calls nothing"


def test_a_run_that_takes_another_back_has_no_case_of_what_it_did_not_run() -> None:
    root = ET.fromstring(junit_xml(view_of(taking_back()), {}))
    assert {case.get("name") for case in root.iter("testcase")} == {"undo of pull", "undo of restart"}


def test_the_status_of_a_run_that_takes_another_back_tells_only_of_its_own_steps() -> None:
    lines = status_report(view_of(taking_back()), PAPER)
    start = lines.index("STEPS")
    told = [line.strip().split("   ")[0] for line in lines[start + 1 : lines.index("", start)]]
    assert told == ["undo of pull", "undo of restart"]


@pytest.mark.parametrize("broken", [False, True])
def test_the_verdict_of_a_run_that_takes_another_back_names_that_one(broken: bool) -> None:
    plan = taking_back().plan
    ends = {("web-002", "undo of pull"): failing()} if broken else {}
    said = verdict(view_of(play(plan, by_table(ends))))
    lists = "2 rolled back, 1 rollback failed" if broken else "3 rolled back"
    assert (said.word, said.sentence) == (
        "ROLLBACK FAILED" if broken else "ROLLED BACK", f"taking back run {RUN} on 3 hosts: {lists}"
    )  # fmt: skip


def test_a_host_is_rolled_back_only_once_it_is_settled() -> None:
    """web-002 is left with its undos done, before the step after them."""

    def script(host: str, step: str, undo: bool, attempt: int) -> Ends | None:
        if host == "web-002" and step == AFTER.name:
            return None
        return failing() if step == "healthy" else Ends()

    played = play(make_plan(3, (*DEPLOY, AFTER), max_failures=3), script)
    played.record(RunPaused(by="ana@laptop", cause="Ctrl-C"))
    view = view_of(played)
    assert [(group.word, group.hosts) for group in rollbacks(view.state)] == [
        ("ROLLED BACK", ("web-001",)), ("ROLLING BACK", ("web-002",))
    ]  # fmt: skip
    for lines in (final_report(view, PAPER), status_report(view, PAPER)):
        assert "ROLLING BACK  1 host: web-002" in lines
    assert any(line.startswith("- rolling back on 1 host `web-002`") for line in markdown(view, PAPER))


def test_what_was_not_owed_is_in_a_summary_too(tmp_path: Path) -> None:
    lines = markdown(view_of(play(back_of(plan_of(tmp_path, PLAYBOOK)))), PAPER)
    assert "- rolled back on 1 host `1`: undone config; not owed units; then restart, start" in lines


def test_what_was_not_undone_is_told_alike_in_every_report() -> None:
    rules = (*(replace(rule, attempts=1) for rule in DEPLOY), AFTER)
    ends = {("web-001", "healthy"): failing(), ("web-001", "undo of restart"): failing()}
    view = view_of(play(make_plan(2, rules, max_failures=2), by_table(ends)))
    (group,) = rollbacks(view.state)
    assert [name for name, _ in group.rows] == ["failed", "not undone", "stays done"]
    said = "; ".join(f"{name} {', '.join(steps)}" for name, steps in group.rows)
    (line,) = [line for line in markdown(view, PAPER) if line.startswith("- ")]
    assert (
        line == f"- rollback failed on 1 host `web-001`: {said.replace('(', chr(92) + '(').replace(')', chr(92) + ')')}"
    )
    lines = final_report(view, PAPER)
    assert all(f"    {name:<10}  {', '.join(steps)}" in lines for name, steps in group.rows)


GATED = """
vmids: [1, 2, 3]
rollout: {waves: [1, 2], gates: [{bake: 5m}, {name: health, command: {run: 'check {{ vmid }}', on: wave}}]}
steps: [{name: pull, run: git pull, rollback: git reset}]
"""


def gated_back(folder: Path) -> Plan:
    played = play(plan_of(folder, GATED))
    found = take_back(played.state, RUN, tuple(played.state.hosts), with_gates=True)
    assert found.plan
    return found.plan


def test_the_gates_of_the_way_back_stand_in_the_plan_that_is_shown_first(tmp_path: Path) -> None:
    plan = gated_back(tmp_path)
    lines = [" ".join(line.split()) for line in back_plan(plan, TakeBack(plan=plan), PAPER)]
    start = lines.index("WAVES, one after the other")
    assert lines[start + 1 : start + 5] == [
        "1 2 hosts [2-3]",
        "then bake: wait 5m",
        "then health: on every host of the wave, within 10m: check {{ vmid }}",
        "2 1 host 1",
    ]
    assert lines[lines.index("1 host: 2") :][:3] == ["1 host: 2", "undo pull $ git reset", "gate health $ check 2"]
    assert "gate health $ check 1" not in lines, "after the last wave nothing is asked"


def test_a_way_back_that_a_gate_ends_says_so_and_how_to_take_back_the_rest(tmp_path: Path) -> None:
    played = play(gated_back(tmp_path), by_table({("3", "health"): failing(stderr="503\n")}))
    view = replace(view_of(played), argv=("orc", "rollback", RUN, "--with-gates"))
    lines = final_report(view, PAPER)
    assert "FAILED  gate health on 3" in lines
    assert "STOPPED  health after wave 1 did not pass: it failed on 1 of 2 hosts, first 3: exit status 1" in lines
    assert f"        orc rollback {RUN} --hosts 1 --with-gates" in lines
    said = verdict(view)
    assert (said.word, said.sentence) == (
        "FAILED", f"taking back run {RUN} on 3 hosts: 2 rolled back, 1 never started"
    )  # fmt: skip


FINALLY = PLAYBOOK + "finally: [{name: unlock, run: rm lock}]\n"


def test_where_every_undo_is_not_owed_nothing_is_told_to_follow(tmp_path: Path) -> None:
    told = preview(plan_of(tmp_path, FINALLY.replace("rollback: uc", "rollback: {run: uc, when: 'vmid == \"2\"'}")))
    one, two = told.split("1 host: 2")
    assert "not owed config" in one
    assert "then" not in one
    assert "then start $ s" in two
    assert "then unlock $ rm lock" in two


ONCE = """
vmids: [1, 2, 3]
steps:
  - {name: pull, run: p, rollback: q}
  - {name: migrate, run: m, run_once: run, rollback: u}
  - {name: switch, run: s, rollback: t}
"""


def test_before_a_run_is_taken_back_it_is_told_what_stays_done_since_others_rely_on_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ONCE)
    told = preview(plan, "1", "2")
    assert "STAYS DONE migrate on 1: it ran once for all, and 3 relies on it" in told
    assert "migrate $" not in told
    assert "not owed" not in told
    assert "STAYS DONE migrate on 1: it ran once for all, and [2-3] rely on it" in preview(plan, "1")
    assert "STAYS DONE" not in preview(plan)


def test_what_stays_done_since_others_rely_on_it_is_told_once_and_not_as_not_owed(tmp_path: Path) -> None:
    view = view_of(play(back_of(plan_of(tmp_path, ONCE), "1")))
    (group,) = rollbacks(view.state)
    assert dict(group.rows) == {
        "undone": ("switch", "pull"), "stays done": ("migrate (runs once: other hosts rely on it)",)
    }  # fmt: skip
    assert fates(view.state, view.state.hosts[HostName("1")])[StepName("migrate")] is Fate.DONE


def test_programs_are_told_that_the_steps_of_the_run_that_is_taken_back_are_past() -> None:
    steps = status_json(view_of(taking_back()))["hosts"]["web-001"]["steps"]
    assert {name: step["state"] for name, step in steps.items()} == dict.fromkeys(steps, "past")
    assert (steps["pull"]["outcome"], steps["pull"]["attempts"]) == (None, 0)
    assert {name: step["undo"]["state"] for name, step in steps.items() if "undo" in step} == {
        "pull": "ok", "restart": "ok"
    }  # fmt: skip
