"""What plans and reports say of a gate whose command is run on the hosts of a wave."""

import xml.etree.ElementTree as ET
from pathlib import Path

from orchestrator.report.differences import differences
from orchestrator.report.final import final_report
from orchestrator.report.junit import junit_xml
from orchestrator.report.live import LiveWatch
from orchestrator.report.logs import endings, logs_text
from orchestrator.report.plan_json import plan_json
from orchestrator.report.plan_summary import plan_summary
from orchestrator.report.plan_text import plan_text
from orchestrator.report.progress import progress_line
from orchestrator.report.status import status_json, status_report
from tests.scripted_runs import BEGAN_AT, PAPER, RUN, Played, by_table, failing, play, view_of
from tests.small_run import plan_of

PLAYBOOK = """
vmids: [1, 2, 3]
rollout:
  waves: [{size: 2, gates: [{name: health, command: {run: './check {{ vmid }}', on: wave, timeout: 2m}}]}, 1]
  rollback: run
steps:
  - {name: pull, run: git pull, rollback: git reset}
"""


def stopped(folder: Path) -> Played:
    return play(plan_of(folder, PLAYBOOK), by_table({("2", "health"): failing(stderr="503 from app\n")}))


def test_a_plan_shows_the_command_of_each_host_that_it_asks_and_is_no_step_of_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, PLAYBOOK)
    text = "\n".join(plan_text(plan, (), PAPER))
    section = text[text.index("GATES, on each host that is ok of a wave that is done") :]
    lines = [" ".join(line.split()) for line in section.splitlines()]
    assert lines[1:5] == ["1 health timeout 2m", "after wave 1", "1 $ ./check 1", "2 $ ./check 2"]
    told = "on every host of the wave, within 2m: ./check {{ vmid }}"
    assert f"then health: {told}" in text
    assert "STEPS  pull" in plan_summary(plan, PAPER)
    shown = plan_json(plan)
    assert shown["waves"][0]["gates"] == [{"name": "health", "kind": "wave_command", "told": told}]
    asked = [(each["host"], each["command"]) for each in shown["commands"] if each["step"] == "health"]
    assert asked == [("1", "./check 1"), ("2", "./check 2")]
    assert [(step["section"], step["skipped"]) for step in shown["steps"]] == [("steps", []), ("gates", ["3"])]


def test_a_report_says_on_which_hosts_it_failed_and_what_they_printed(tmp_path: Path) -> None:
    view = view_of(stopped(tmp_path))
    lines = final_report(view, PAPER)
    start = lines.index("FAILED  gate health on 2")
    assert lines[start + 1 : start + 3] == ["    exit status 1", "    | 503 from app"]
    assert any(
        line.startswith("STOPPED  health after wave 1 did not pass: it failed on 1 of 2 hosts") for line in lines
    )
    assert "ROLLED BACK  2 hosts: [1-2]" in lines


def test_every_other_report_tells_it_from_a_step(tmp_path: Path) -> None:
    played = stopped(tmp_path)
    view = view_of(played)
    assert "    gate health    1 ok, 1 failed" in status_report(view, PAPER)
    hosts = status_json(view)["hosts"]
    assert hosts["2"]["steps"]["health"]["outcome"] == "failed"
    assert "health" not in hosts["3"]["steps"], "it was not asked there"
    root = ET.fromstring(junit_xml(view, {}))
    assert [case.get("name") for case in root.iter("testcase")].count("gate health") == 2
    progress = [
        line for each in played.log for line in [progress_line(played.plan, each, PAPER)] if line and "health" in line
    ]
    assert any(line.endswith("2  health: failed, exit status 1, 0.4 s") for line in progress)
    assert any("after wave 1, health: failed" in line for line in progress)
    (printed,) = [each for each in played.outputs() if each.host == "2" and each.step == "health"]
    assert logs_text([printed], endings(played.log), PAPER)[-1] == "503 from app"


def test_the_live_view_shows_on_which_host_it_failed(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, PLAYBOOK)
    played = Played(plan=plan, state=stopped(tmp_path).state.__class__(plan))
    watch = LiveWatch(RUN, played.state, BEGAN_AT)
    for each in stopped(tmp_path).log:
        played.state.apply(each)
        watch.observe(each)
    (failure,) = watch.frame(BEGAN_AT + 60, 20).failures
    assert (failure.host, failure.said) == ("2", "health: failed, exit status 1")


def test_another_command_of_a_gate_is_a_difference_of_its_wave_and_of_its_hosts(tmp_path: Path) -> None:
    texts = (PLAYBOOK, PLAYBOOK.replace("./check", "./look"))
    found = differences(*(view_of(play(plan_of(tmp_path, text))) for text in texts))
    assert [change.what for change in found.plan.rules] == ["wave 1: gate health"]
    assert [(change.what, change.after) for change in found.plan.commands] == [
        ("health", "./look {{ host }}"),
    ]
