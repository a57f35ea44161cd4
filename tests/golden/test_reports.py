"""What people read, word for word. Look at a difference as a tired operator would; GOLDEN=write stores it."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.core.probed import Found, HostFacts, Probe
from orchestrator.core.taking_back import take_back
from orchestrator.guest.probe import Answers, Folder
from orchestrator.model.event import Answer, GateAnswered, Recorded, RunFinished, RunPaused, RunStarted
from orchestrator.model.gate import Approval, Bake, UrlWatch
from orchestrator.model.ids import RunId
from orchestrator.model.plan import Plan, Section
from orchestrator.model.playbook import Outcome
from orchestrator.model.request import Act, Request
from orchestrator.model.rollout import HostOrder, InFlight, RollbackScope, Spread
from orchestrator.model.state import RunStatus
from orchestrator.ports import RunSummary
from orchestrator.report.back_plan import back_plan
from orchestrator.report.certificates import became
from orchestrator.report.final import final_report
from orchestrator.report.known import Known
from orchestrator.report.logs import endings, logs_text
from orchestrator.report.plan_summary import plan_summary
from orchestrator.report.plan_text import plan_text
from orchestrator.report.probed import Probed
from orchestrator.report.progress import progress_line
from orchestrator.report.runs import runs_table
from orchestrator.report.status import status_report
from tests.builders import DEPLOY, Rule, make_plan
from tests.scripted_runs import (
    ARGV,
    BEGAN_AT,
    PAPER,
    RUN,
    Ends,
    Played,
    Script,
    by_table,
    carry_on,
    failing,
    play,
    view_of,
)

FOLDER = Path(__file__).parent
WAVES = (1, 3, 8)
HTTP_500 = failing(22, "curl: (22) The requested URL returned error: 500\n", duration=1.2)
AFTER = (
    Rule(name="start the old release", run="systemctl start app", section=Section.AFTER_ROLLBACK),
    Rule(name="unlock", run="rm -f /run/deploying", section=Section.FINALLY),
)


DIGEST = "3f2a91c4d0be" + 52 * "0"
"""Of every plan here: a word for word comparison must not fail because plans have come to hold more."""


def waved(**more: object) -> Plan:
    plan = make_plan(12, (*DEPLOY, *AFTER), WAVES, wave_names=("canary", "quarter", "rest"), **more)  # type: ignore[arg-type] # make_plan's own
    return replace(plan, digest=DIGEST)


def lock_timeout(host: str, step: str, undo: bool, attempt: int) -> Ends | None:
    """Two hosts fail alike, but for their names and the time; the undo of one of them fails."""
    if step == "migrate" and host in ("web-003", "web-004"):
        said = f"2026-11-24 07:12:4{host[-1]} {host}: lock timeout, held by pid 9{host[-2:]}\n"
        return failing(1, said + "psycopg.errors.LockNotAvailable\n", stdout="applying 0042_add_index\n", duration=31)
    if step == "pull" and host == "web-003" and undo:
        return failing(128, "fatal: unable to read tree 5f0c1a\n")
    return Ends()


def unreachable(host: str, step: str, undo: bool, attempt: int) -> Ends | None:
    if host == "web-001":
        return Ends(outcome=Outcome.UNREACHABLE, exit_code=None, duration=90, detail="the guest agent does not answer")
    return Ends()


def mixed(host: str, step: str, undo: bool, attempt: int) -> Ends | None:
    """Many ways to fail at once."""
    match host, step, undo:
        case "web-002", "healthy", False:
            return HTTP_500
        case "web-005" | "web-006", "restart", False:
            return Ends(outcome=Outcome.TIMED_OUT, exit_code=None, duration=600, detail="killed after 10m")
        case "web-007", "migrate", False:
            return Ends(
                outcome=Outcome.UNKNOWN,
                exit_code=None,
                duration=600,
                detail="the guest could not be asked for 10m",
                may_be_running=True,
            )
        case "web-009", "remember", False:
            return Ends(outcome=Outcome.UNREACHABLE, exit_code=None, detail="the VPS is off")
        case "web-010", "unlock", False:
            return failing(1, "rm: cannot remove '/run/deploying': Read-only file system\n")
        case _:
            return Ends()


def left_in(name: str, at: str, number: int = 1) -> Script:
    """The process is killed while this attempt is under way; before that, web-002 has failed."""

    def script(host: str, step: str, undo: bool, attempt: int) -> Ends | None:
        if (host, step, attempt) == (name, at, number):
            return None
        return HTTP_500 if step == "healthy" and host in ("web-002", name) else Ends()

    return script


PLAYED: dict[str, Callable[[], Played]] = {
    "success": lambda: play(waved()),
    "one_rolled_back": lambda: play(waved(max_failures=1), by_table({("web-003", "healthy"): HTTP_500})),
    "rollback_failed": lambda: play(waved(max_failures=1), lock_timeout),
    "wave_rolled_back": lambda: play(waved(rollback=RollbackScope.WAVE), by_table({("web-003", "healthy"): HTTP_500})),
    "nothing_rolled_back": lambda: play(
        waved(rollback=RollbackScope.NONE), by_table({("web-003", "healthy"): HTTP_500})
    ),
    "unreachable": lambda: play(waved(), unreachable),
    "mixed": lambda: play(waved(max_failures=6, max_unreachable=1), mixed),
    "paused": lambda: play(waved(), pause_after=3),
}


def stored(name: str, lines: list[str]) -> None:
    """The lines are those of the file of this name."""
    file = FOLDER / f"{name}.txt"
    said = "\n".join(lines) + "\n"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(said, encoding="utf-8")
    assert said == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PLAYED)
def test_a_run_ends_with_this_report(name: str) -> None:
    stored(f"final_{name}", final_report(view_of(PLAYED[name]()), PAPER))


def test_a_plan_is_shown_like_this() -> None:
    stored("plan", plan_text(waved(max_failures=1), ARGV, PAPER))


def test_a_plan_with_differences_between_hosts_is_shown_like_this() -> None:
    rules = (
        Rule(name="config", run="render {host}.conf", rollback="git checkout -q -- {host}.conf", env=(("TZ", "UTC"),)),
        Rule(name="drain", run="drain --wait", when="zone == 'a'", skipped_on=("web-002", "web-005", "web-006")),
        Rule(name="reload", run="nginx -t\nnginx -s reload", when="config.changed", waits_for=("config",), attempts=2),
        Rule(name="never", run="true", when="zone == 'c'", skipped_on=tuple(f"web-00{n}" for n in range(1, 7))),
    )
    stored(
        "plan_differences",
        plan_text(replace(make_plan(6, rules, rollback=RollbackScope.NONE), digest=DIGEST), (), PAPER),
    )


def test_a_plan_whose_guests_were_asked_is_shown_like_this() -> None:
    plan = waved(max_failures=1)
    well = Answers(setsid=True, writable=True, free=2**40, systemd=True, shell="dash", library=True)
    lacking = replace(well, folders={Folder(user="", cwd="/srv/app"): False}, free=2**20, shell="busybox")
    said: dict[str, tuple[Found, str, Answers | None]] = {
        "web-003": (Found.UNREACHABLE, "QEMU guest agent is not running", None),
        "web-007": (Found.UNREACHABLE, "QEMU guest agent is not running", None),
        "web-009": (Found.OTHER_HOST, "it calls itself 'db-1', declared is 'web-009'", well),
        "web-011": (Found.READY, "", lacking),
        "web-012": (Found.READY, "", lacking),
    }
    facts = [
        HostFacts(host=host.host.name, at=BEGAN_AT, found=found, why=why, answers=answers)
        for host in plan.hosts
        for found, why, answers in [said.get(host.host.name, (Found.READY, "", well))]
    ]
    probed = Probed.of(plan, Probe(hosts=tuple(facts)), BEGAN_AT + 8)
    stored("plan_probed", plan_text(plan, ARGV, PAPER, Known(probed=probed)))


GATED = (
    Bake(name="bake", seconds=120),
    UrlWatch(name="health", get="https://app.example.com/health", text="ok", every=10, for_=300, max_bad=2),
    Approval(name="approval", by=("ana", "ben@laptop"), expires=14400, four_eyes=True),
)


def gated() -> Plan:
    plan = waved(max_failures=1)
    policy = replace(
        plan.policy,
        order=HostOrder.SHUFFLE,
        seed="5e1f02aa",
        spread=Spread(by="zone", max=2),
        in_flight=InFlight.CANCEL,
        min_healthy=30,
        progress_deadline=1800,
    )
    first = replace(plan.waves[0], gates=GATED, max_failures=0)
    return replace(plan, policy=policy, waves=(first, *plan.waves[1:]), left_out=("frankfurt",))


def test_a_plan_with_gates_is_asked_about_like_this() -> None:
    stored("plan_gates", plan_summary(gated(), PAPER))


def test_a_run_that_waits_for_an_approval_has_this_status() -> None:
    stored("status_approval", status_report(view_of(play(gated())), PAPER))


def test_a_run_whose_approval_was_given_and_not_acted_on_has_this_status() -> None:
    said = Request(run=RUN, act=Act.APPROVE, by="ben@laptop", at=BEGAN_AT + 9000, gate="approval", why="looks good")
    stored("status_approved", status_report(replace(view_of(play(gated())), answer=said), PAPER))


def test_a_run_that_cannot_find_out_ends_with_this_report() -> None:
    stored("final_inconclusive", final_report(view_of(play(gated(), looked=Answer.INCONCLUSIVE)), PAPER))


def test_a_run_whose_gate_failed_ends_with_this_report() -> None:
    stored("final_gate_failed", final_report(view_of(play(gated(), looked=Answer.FAILED)), PAPER))


def test_a_run_whose_approval_was_denied_ends_with_this_report() -> None:
    played = play(gated())
    denied = {"gate": "approval", "wave": 0, "kind": "approval", "answer": Answer.FAILED}
    played.record(GateAnswered(by="ben@laptop", why="not on a Friday", **denied))  # type: ignore[arg-type] # its fields
    carry_on(played)
    stored("final_denied", final_report(view_of(played), PAPER))


def test_a_person_is_asked_with_this_summary() -> None:
    stored("plan_summary", plan_summary(waved(max_failures=1), PAPER))


@pytest.mark.parametrize("name", ["success", "rollback_failed", "paused"])
def test_a_run_that_is_over_or_paused_has_this_status(name: str) -> None:
    stored(f"status_{name}", status_report(view_of(PLAYED[name]()), PAPER))


def test_a_run_under_way_has_this_status() -> None:
    played = play(waved(max_failures=2), left_in("web-005", "healthy", 2))
    stored("status_running", status_report(view_of(played, driver="process 4711 on laptop"), PAPER))


def test_a_run_whose_process_was_killed_has_this_status() -> None:
    played = play(waved(max_failures=2), left_in("web-005", "migrate"))
    stored("status_interrupted", status_report(view_of(played), PAPER))


def test_a_plain_run_is_told_like_this() -> None:
    plan = replace(make_plan(3, DEPLOY, (1, 2), max_failures=1), digest=DIGEST)
    played = play(plan, by_table({("web-002", "healthy"): HTTP_500}))
    stored("progress", [progress_line(played.plan, recorded, PAPER) for recorded in played.log])


def test_outputs_are_shown_like_this() -> None:
    played = play(waved(max_failures=1), lock_timeout)
    outputs = [output for output in played.outputs() if output.host == "web-003"]
    stored("logs", logs_text(outputs, endings(played.log), PAPER))


def summary(number: int, last: RunFinished | RunPaused | RunStarted | None, took: float = 14.2) -> RunSummary:
    id = RunId(f"r26112{number}-071233-x7k3p")
    at = BEGAN_AT + (number - 4) * 86400
    recorded = Recorded(run=id, seq=9, at=at + took, event=last) if last else None
    return RunSummary(
        id=id, playbook="deploy-web", digest="f" * 64, created_at=at, by="ana@laptop", hosts=12, last=recorded
    )


def test_runs_are_listed_like_this() -> None:
    started = RunStarted(playbook="deploy-web", digest="f" * 64, hosts=12, by="ana@laptop")
    runs = [
        summary(8, started),
        summary(7, started),
        summary(6, None),
        summary(5, RunPaused(by="ana@laptop", cause="Ctrl-C")),
        summary(4, RunFinished(status=RunStatus.SUCCEEDED, cause="", exit=0)),
        summary(3, RunFinished(status=RunStatus.ROLLED_BACK, cause="", exit=4), took=134),
        summary(2, RunFinished(status=RunStatus.ROLLBACK_FAILED, cause="", exit=5), took=4000),
    ]
    stored("runs", runs_table(runs, {runs[0].id}, PAPER))


def test_no_runs_are_listed_like_this() -> None:
    stored("runs_none", runs_table([], (), PAPER))


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.txt")), ids=lambda file: file.stem)
def test_what_is_stored_is_tested_fits_the_paper_and_is_printable(file: Path) -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert file.stem in source or file.stem.partition("_")[2] in PLAYED
    for line in file.read_text(encoding="utf-8").split("\n"):
        assert line.isprintable()
        assert line == line.rstrip()
        assert len(line) <= PAPER.width or RUN in line or line.startswith("        orc ")


def test_a_certificate_is_shown_like_this() -> None:
    played = play(waved(rollback=RollbackScope.WAVE), lock_timeout)
    stored("certificate", became(view_of(played), PAPER))


def test_what_is_taken_back_is_shown_like_this() -> None:
    printed = {f"web-{n:03}": "5f0c1a\n" if n < 3 else "77aa01\n" for n in range(1, 13)}
    played = play(waved(), by_table({(host, "remember"): Ends(stdout=said) for host, said in printed.items()}))
    names = tuple(played.state.hosts)
    found = take_back(played.state, RUN, names[:3])
    assert found.plan
    stored("back_plan", back_plan(replace(found.plan, digest=DIGEST), replace(found, nothing=names[3:5]), PAPER))
