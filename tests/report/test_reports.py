"""What holds for the report of every run: hosts are in one list each, counts sum up, and commands can be pasted."""

import random
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace

import pytest

from orchestrator.core.pattern import fold_names
from orchestrator.core.run_state import RunState
from orchestrator.core.taking_back import take_back
from orchestrator.model.event import Recorded, RunFinished, RunPaused
from orchestrator.model.gate import Approval
from orchestrator.model.ids import HostName
from orchestrator.model.playbook import Outcome
from orchestrator.model.request import Act, Request
from orchestrator.model.rollout import RollbackScope
from orchestrator.model.state import RunStatus
from orchestrator.report.failures import group
from orchestrator.report.final import exit_status, final_report
from orchestrator.report.next_commands import LONGEST_LIMIT, next_commands
from orchestrator.report.progress import progress_line
from orchestrator.report.status import status_json, status_report
from orchestrator.report.view import RunView
from tests.builders import DEPLOY, Rule, make_plan
from tests.scripted_runs import ARGV, BEGAN_AT, PAPER, RUN, Ends, by_table, failing, play, view_of

CONTRACT_LISTS = {
    "ok", "failed", "unreachable", "unknown", "rolled_back", "rollback_failed", "stopped", "never_started",
}  # fmt: skip


def any_run(seed: int) -> RunView:
    """A run in which much goes wrong, sometimes left in the middle."""
    rng = random.Random(seed)
    bad = rng.choice([0.0, 0.02, 0.1, 0.5])

    def script(host: str, step: str, undo: bool, attempt: int) -> Ends | None:
        if rng.random() < 0.003:
            return None
        if rng.random() >= bad:
            return Ends()
        outcome = rng.choice([each for each in Outcome if each is not Outcome.OK])
        return Ends(outcome=outcome, exit_code=rng.choice([None, 1, 2]), stderr=rng.choice(["", "no\n", "\x1b[31m"]))

    plan = make_plan(
        12, DEPLOY, (1, 3, 8), rollback=rng.choice(list(RollbackScope)), max_failures=rng.choice([0, 1, 12])
    )
    return view_of(play(plan, script, pause_after=rng.choice([None, None, 4])), driver=rng.choice(["", "process 1"]))


@pytest.mark.parametrize("seed", range(150))
def test_every_host_is_in_one_list_and_every_line_is_safe(seed: int) -> None:
    view = any_run(seed)
    for lines in (final_report(view, PAPER), status_report(view, PAPER)):
        assert all(line.isprintable() and line == line.rstrip() for line in lines)
        head = next(line for line in lines if line.startswith("HOSTS"))
        assert sum(int(number) for number in re.findall(r"(\d+) [a-z]", head.split(":")[1])) == 12
        assert RUN in lines[-1]
    said = status_json(view)
    listed = [host for hosts in said["lists"].values() for host in hosts]
    assert sorted(listed) == sorted(view.state.hosts)
    assert set(said["lists"]) == CONTRACT_LISTS | ({"running"} if view.open else set())
    assert all(host in said["lists"][each["state"]] for host, each in said["hosts"].items())


@pytest.mark.parametrize("seed", range(40))
def test_the_commands_to_type_next_are_are_words_of_a_shell_and_name_the_run(seed: int) -> None:
    view = any_run(seed)
    for advice in next_commands(view, group(view.state, view.outputs)):
        words = shlex.split(advice.command)
        assert words[:2] in (["orc", "logs"], ["orc", "status"], ["orc", "resume"], ["orc", "retry"])
        assert words[2] == RUN


def test_the_verdict_is_the_last_line_and_ends_with_the_exit_status() -> None:
    view = view_of(play(make_plan(12, max_failures=1), by_table({("web-003", "healthy"): failing()})))
    last = final_report(view, PAPER)[-1]

    assert last.startswith("ROLLED BACK  1 of 12 hosts failed; it was rolled back   run r261124-071233-x7k3p, ")
    assert last.endswith("   exit 4")


def test_a_host_that_was_taken_back_with_its_wave_is_counted_apart() -> None:
    plan = make_plan(3, DEPLOY, (3,), rollback=RollbackScope.WAVE)
    last = final_report(view_of(play(plan, by_table({("web-003", "healthy"): failing()}))), PAPER)[-1]

    assert last.startswith("ROLLED BACK  1 of 3 hosts failed; 3 hosts were rolled back   run ")


def test_of_two_that_failed_one_that_was_rolled_back_is_not_called_it() -> None:
    rules = (DEPLOY[0], replace(DEPLOY[1], attempts=1))
    ends = {("web-001", "remember"): Ends(outcome=Outcome.UNREACHABLE), ("web-002", "pull"): failing()}
    view = view_of(play(make_plan(2, rules, max_failures=1, max_unreachable=1), by_table(ends)))

    assert final_report(view, PAPER)[-1].startswith("ROLLED BACK  2 of 2 hosts failed; 1 host was rolled back   run ")


def again(view: RunView) -> str:
    """The last command that is offered."""
    return next_commands(view, group(view.state, view.outputs))[-1].command


@pytest.mark.parametrize("argv", [(), ARGV])
def test_the_way_on_from_a_run_with_hosts_that_are_not_ok_is_always_a_retry(argv: tuple[str, ...]) -> None:
    """The same command line once more would repeat what runs once, and what was done on hosts that stopped."""
    played = play(make_plan(12, waves=(1, 11)), by_table({("web-003", "healthy"): failing()}))
    assert again(replace(view_of(played), argv=argv)) == f"orc retry {RUN}"


BACK = ("orc", "rollback", RUN, "--hosts", "x*")


def half_back(hosts: int | Sequence[str]) -> RunView:
    """A run that takes another back, and in which the undo has failed on the first host alone."""
    found = play(make_plan(hosts, (Rule(name="one", run="a", rollback="b"),)))
    plan = take_back(found.state, RUN, tuple(found.state.hosts)).plan
    assert plan
    played = play(plan, by_table({(plan.hosts[0].host.name, "undo of one"): failing()}))
    return replace(view_of(played), argv=BACK)


def test_after_a_failed_rollback_what_is_taken_back_next_are_the_hosts_that_owe_undos() -> None:
    assert again(half_back(3)) == f"orc rollback {RUN} --hosts web-001"


def test_hosts_that_are_too_many_to_name_are_not_put_on_the_command_line_that_takes_them_back() -> None:
    names = [f"{'x' * n}-host" for n in range(1, 200)]
    view = half_back(names)
    stopped = replace(view, state=RunState(view.state.plan))
    stopped.state.apply(
        Recorded(run=RUN, seq=1, at=1.0, event=RunFinished(status=RunStatus.ABORTED, cause="", exit=130))
    )
    assert len(fold_names(tuple(map(HostName, names)))) > LONGEST_LIMIT
    assert again(stopped) == shlex.join(BACK), "never wider than the run that is gone on with was"


def test_a_gate_that_was_answered_is_told_as_answered_and_asks_nobody() -> None:
    gate = Approval(name="release", by=("ana",))
    plan = make_plan(2, waves=(1, 1))
    played = play(replace(plan, waves=(replace(plan.waves[0], gates=(gate,)), plan.waves[1])))
    said = Request(run=RUN, act=Act.DENY, by="ana@laptop", at=BEGAN_AT + 60, gate="release", why="not today")
    view = replace(view_of(played), answer=said)
    told = status_json(view)
    assert told["next"] == [f"orc resume {RUN}"]
    assert told["cause"].startswith("ana@laptop denied the gate release at ")
    assert told["gate"]
    assert told["gate"]["answer"] == {
        "said": "denied", "by": "ana@laptop", "at": "2026-11-24T07:13:33.000Z", "why": "not today"
    }  # fmt: skip
    (line,) = (line for line in status_report(view, PAPER) if line.startswith("WAITING  ana"))
    assert line.startswith("WAITING  ana@laptop denied the gate release at 2026-11-24 07:13:33 UTC: not today; ")
    driven = status_json(replace(view, driver="process 1"))
    assert driven["next"] == [f"orc status {RUN}"]


def test_a_run_without_its_process_is_running_and_says_so() -> None:
    played = play(make_plan(3), lambda host, step, undo, attempt: None if step == "migrate" else Ends())
    said = status_json(view_of(played))

    assert said["status"] == "running"
    assert said["cause"].startswith("no process drives this run: the one that did has ended")
    assert "may still be running" in said["cause"]
    assert said["next"] == [f"orc resume {RUN}"]
    assert said["lists"]["running"] == ["web-001"]
    assert said["hosts"]["web-001"]["state"] == "running"
    assert said["hosts"]["web-001"]["steps"]["migrate"]["state"] == "running"


def test_a_run_that_a_process_drives_needs_no_resume() -> None:
    played = play(make_plan(3), lambda host, step, undo, attempt: None if step == "migrate" else Ends())
    said = status_json(view_of(played, driver="process 4711 on laptop"))

    assert said["cause"] == ""
    assert said["next"] == [f"orc status {RUN}"]


def test_a_paused_run_says_who_paused_it_and_exits_as_interrupted() -> None:
    view = view_of(play(make_plan(12, waves=(4, 8)), pause_after=3))
    said = status_json(view)

    assert (said["status"], said["cause"]) == ("paused", "ana@laptop: Ctrl-C")
    assert said["next"] == [f"orc resume {RUN}"]
    assert exit_status(view) == 130


def test_a_step_tells_of_its_latest_attempt_and_of_its_undo() -> None:
    view = view_of(play(make_plan(3, max_failures=1), by_table({("web-002", "healthy"): failing(22)})))
    steps = status_json(view)["hosts"]["web-002"]["steps"]

    assert steps["healthy"] == {"state": "failed", "outcome": "failed", "exit_code": 22, "attempts": 3, "changed": True}
    assert steps["pull"] == {
        "state": "ok",
        "outcome": "ok",
        "exit_code": 0,
        "attempts": 1,
        "changed": True,
        "undo": {"state": "ok", "outcome": "ok", "exit_code": 0, "attempts": 1, "changed": True},
    }
    assert view.state.status() is RunStatus.ROLLED_BACK


def test_irreversible_steps_that_stay_done_are_named() -> None:
    view = view_of(play(make_plan(1), by_table({("web-001", "healthy"): failing(22)})))

    assert "    stays done  migrate (irreversible), remember (no rollback)" in final_report(view, PAPER)


@pytest.mark.parametrize(
    ("aborting", "said"), [(False, "paused by ana@laptop: Ctrl-C"), (True, "aborted by ana@laptop: Ctrl-C")]
)
def test_a_line_of_progress_tells_an_abort_from_a_pause(aborting: bool, said: str) -> None:
    played = play(make_plan(1))
    event = RunPaused(by="ana@laptop", cause="Ctrl-C", aborting=aborting)
    recorded = replace(played.log[-1], event=event)
    assert progress_line(played.plan, recorded, PAPER).endswith(f"  {said}")
