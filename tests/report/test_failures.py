"""The same failure of many hosts is told once; different failures are told apart."""

import pytest

from orchestrator.model.host import Host
from orchestrator.model.ids import HostName, Vmid
from orchestrator.model.playbook import Outcome
from orchestrator.report.failures import LINES, failures, group, normalise
from orchestrator.report.sections import MAX_GROUPS, failed
from tests.builders import Rule, make_plan
from tests.scripted_runs import PAPER, Ends, Script, by_table, failing, play, view_of

ONE_STEP = (Rule(name="go", rollback="back", attempts=2),)
HOST = Host(name=HostName("web-003"), vmid=Vmid("10003"), hostname="web-003.example.com")


def groups_of(script: Script, hosts: int = 6) -> list[tuple[str, ...]]:
    view = view_of(play(make_plan(hosts, ONE_STEP, max_failures=hosts), script))
    return [tuple(each.hosts) for each in group(view.state, view.outputs)]


def test_failures_that_differ_only_in_name_time_pid_and_address_are_one() -> None:
    def script(host: str, step: str, undo: bool, attempt: int) -> Ends:
        if undo:
            return Ends()
        n = host[-1]
        return failing(1, f"2026-11-24 07:12:0{n} {host}: pid 90{n} at 0x7f3a{n}0c0d, {n}.5s, sshd[90{n}]: no\n")

    assert groups_of(script, hosts=3) == [("web-001", "web-002", "web-003")]


@pytest.mark.parametrize(
    "other",
    [
        failing(2, "no\n", detail="exit status 1"),
        failing(1, "other\n"),
        failing(1, "no\n", stdout="but\n"),
        failing(1, "no\n", detail="failed_when is true: x"),
        Ends(outcome=Outcome.TIMED_OUT, exit_code=None, stderr="no\n"),
    ],
)
def test_failures_that_differ_in_status_words_outcome_or_output_are_told_apart(other: Ends) -> None:
    ends = {("web-001", "go"): failing(1, "no\n"), ("web-002", "go"): other, ("web-004", "go"): failing(1, "no\n")}

    assert groups_of(by_table(ends)) == [("web-001", "web-004"), ("web-002",)]


def test_a_cause_comes_before_what_came_of_it_whatever_their_numbers() -> None:
    ends = {(f"web-00{n}", "go"): failing() for n in (1, 2, 3)} | {("web-003", "undo of go"): failing()}

    assert groups_of(by_table(ends)) == [("web-001", "web-002", "web-003"), ("web-003",)]


def test_a_step_that_succeeded_in_a_later_attempt_is_no_failure() -> None:
    played = play(make_plan(1, ONE_STEP), lambda host, step, undo, attempt: failing() if attempt == 1 else Ends())

    assert list(failures(played.state)) == []


def test_no_more_than_so_many_kinds_of_failure_are_shown_and_the_rest_is_counted() -> None:
    view = view_of(
        play(make_plan(20, ONE_STEP, max_failures=20), lambda h, s, undo, n: Ends() if undo else failing(int(h[-2:])))
    )
    lines = failed(group(view.state, view.outputs), PAPER)

    assert sum(line.startswith("FAILED") for line in lines) == MAX_GROUPS
    assert lines[-1] == "... and 8 other failures on 8 hosts: orc logs tells of all"


def test_the_last_lines_of_an_output_are_shown_cut_to_the_paper() -> None:
    said = "".join(f"line {n} \x1b[31m{'x' * 200}\n" for n in range(40))
    view = view_of(play(make_plan(1, ONE_STEP), by_table({("web-001", "go"): failing(1, said)})))
    shown = [line for line in failed(group(view.state, view.outputs), PAPER) if line.startswith("    |")]

    assert len(shown) == LINES
    assert shown[-1].startswith("    | line 39 xxx")
    assert all(len(line) == PAPER.width and line.endswith("…") and line.isprintable() for line in shown)


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("web-003: no", "HOST: no"),
        ("http://web-003.example.com/ (10003)", "http://HOST/ (HOST)"),
        ("web-0031 and xweb-003 and 110003", "web-0031 and xweb-003 and 110003"),
        ("exit status 22", "exit status 22"),
        ("PID: 17, pid=4", "PID: N, pid=N"),
        ("2026-11-24T07:12:33.123+01:00 and 07:12:33", "TIME and TIME"),
    ],
)
def test_only_what_differs_by_host_and_time_is_left_aside(line: str, same: str) -> None:
    assert normalise(line, HOST) == same
