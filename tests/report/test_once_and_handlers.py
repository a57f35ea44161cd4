"""What the plan and the reports say of steps that run once, of handlers and of guards."""

from pathlib import Path

from orchestrator.model.plan import Plan
from orchestrator.report.final import final_report
from orchestrator.report.plan_json import plan_json
from orchestrator.report.plan_text import plan_text
from orchestrator.report.progress import progress_line
from orchestrator.report.status import status_json, status_report
from tests.scripted_runs import PAPER, by_table, failing, play, view_of
from tests.small_run import plan_of

PLAYBOOK = """
vmids: [1, 2, 3]
rollout: {max_failures: 1, max_parallel: 1, waves: [2, 1]}
steps:
  - {name: clone, run: git clone x, creates: 'app {{ vmid }}', only_if: command -v git}
  - {name: migrate, run: m, run_once: run, rollback: undo it}
  - {name: config, run: c, handlers: [restart]}
  - {name: check, run: d}
handlers:
  - {name: restart, run: r}
  - {name: reload, run: l}
"""


def plan(folder: Path) -> Plan:
    return plan_of(folder, PLAYBOOK)


def test_the_plan_says_where_what_runs_and_what_the_guests_decide(tmp_path: Path) -> None:
    lines = plan_text(plan(tmp_path), (), PAPER)
    for wanted in (
        "        skipped where this is there: app 1 on 1 (decided at run time)",
        "        skipped where this fails: command -v git (decided at run time)",
        "        once in the run, on 1; the others wait for it",
        "        calls restart",
        "HANDLERS, where a step calls them: at the end of the host's steps, or once its undos are done",
        "WARNING  no step calls the handler 'reload'",
    ):
        assert wanted in lines, "\n".join(lines)
    text = " ".join(" ".join(lines).split())
    assert (
        "'migrate' runs once for all: it is not taken back while other hosts rely on it, and rollback is host" in text
    )


def test_no_warning_of_what_goes_back_as_far_as_it_went(tmp_path: Path) -> None:
    text = PLAYBOOK.replace("max_failures: 1", "rollback: run")
    assert not any("runs once for all" in each for each in plan_json(plan_of(tmp_path, text))["warnings"])


def test_programs_read_the_same_of_the_plan(tmp_path: Path) -> None:
    told = plan_json(plan(tmp_path))
    steps = {step["name"]: step for step in told["steps"]}
    assert (steps["migrate"]["run_once"], steps["migrate"]["skipped"]) == ("run", ["2", "3"])
    assert (steps["config"]["handlers"], steps["restart"]["section"]) == (["restart"], "handlers")
    assert [each["host"] for each in told["commands"] if each["step"] == "migrate"] == ["1"]
    clone = next(each for each in told["commands"] if (each["host"], each["step"]) == ("2", "clone"))
    assert clone["guards"] == {"creates": "app 2", "only_if": "command -v git"}


def test_a_step_that_is_run_elsewhere_needs_no_values_here(tmp_path: Path) -> None:
    text = PLAYBOOK.replace("run: m,", "run: 'echo {{ r.stdout }}', when: vmid == '1',")
    text = text.replace("creates: ", "register: r, creates: ")
    waits = {each["host"] for each in plan_json(plan_of(tmp_path, text))["commands"] if each["waits_for"]}
    assert waits == {"1"}


def test_the_report_says_what_stays_and_what_is_owed(tmp_path: Path) -> None:
    script = by_table({("2", "check"): failing(), ("3", "restart"): failing(stderr="no such unit\n")})
    played = play(plan(tmp_path), script)
    lines = final_report(view_of(played), PAPER)
    assert "STILL OWED  handler restart on 1 host: 3" in lines, "\n".join(lines)
    assert "FAILED  handler restart on 3" in lines
    assert any("STILL OWED" in line for line in status_report(view_of(played), PAPER))
    assert status_json(view_of(played))["hosts"]["1"]["steps"]["restart"]["state"] == "ok"
    said = [progress_line(played.plan, each, PAPER).split("  ", 1)[1] for each in played.log]
    assert "2  migrate: skipped, runs once, on 1" in said
