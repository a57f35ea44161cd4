"""The list of runs, and the outputs of one, as programs read them."""

from dataclasses import replace

from orchestrator.model.event import Recorded, RunFinished, RunPaused, RunStarted
from orchestrator.model.ids import RunId
from orchestrator.model.state import RunStatus
from orchestrator.ports import RunSummary
from orchestrator.report.logs import endings, logs_json, logs_text
from orchestrator.report.runs import runs_json
from tests.builders import make_plan
from tests.scripted_runs import BEGAN_AT, PAPER, RUN, failing, play


def summary(last: RunFinished | RunPaused | RunStarted | None) -> RunSummary:
    recorded = Recorded(run=RUN, seq=9, at=BEGAN_AT + 10, event=last) if last else None
    return RunSummary(id=RUN, playbook="p", digest="d", created_at=BEGAN_AT, by="ana", hosts=3, last=recorded)


def test_a_run_stands_where_its_latest_event_says() -> None:
    finished = RunFinished(status=RunStatus.FAILED, cause="1 host failed", exit=3)
    paused = RunPaused(by="ana", cause="Ctrl-C")
    started = RunStarted(playbook="p", digest="d", hosts=3, by="ana")
    said = runs_json([summary(finished), summary(paused), summary(started), summary(None)], {RunId("other")})

    assert [(each["status"], each["cause"], each["exit"], each["finished_at"]) for each in said] == [
        ("failed", "1 host failed", 3, "2026-11-24T07:12:43.000Z"),
        ("paused", "Ctrl-C", None, None),
        ("running", "", None, None),
        ("running", "", None, None),
    ]
    assert [each["driven"] for each in said] == [False] * 4
    assert runs_json([summary(None)], {RUN})[0]["driven"]


def test_an_output_comes_with_the_outcome_of_its_attempt() -> None:
    played = play(make_plan(1), lambda *which: failing(22, "no\n", stdout="\x1b[31m"))
    (said,) = logs_json(played.outputs()[:1], endings(played.log))

    assert said["outcome"] == "failed"
    assert said["exit_code"] == 22
    assert (said["stdout"], said["stderr"]) == ("\x1b[31m", "no\n")


def test_an_output_that_was_cut_in_the_guest_says_so() -> None:
    played = play(make_plan(1), lambda *which: failing(22, "no\n"))
    output = replace(played.outputs()[0], stderr_size=70_000)

    assert "-- stderr, 3 of 70,000 bytes: the middle was left in the guest" in logs_text(
        [output], endings(played.log), PAPER
    )
