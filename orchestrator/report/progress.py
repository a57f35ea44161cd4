"""An event as one plain line, for those who follow a run without a terminal of their own."""

from typing import assert_never

from orchestrator.model.event import (
    ApiPaused,
    ApiResumed,
    AttemptEnded,
    AttemptStarted,
    GateAnswered,
    GateAsked,
    HostSettled,
    Recorded,
    RetryPlanned,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    StepSkipped,
    UndoEnded,
    UndoStarted,
    WaveOpened,
)
from orchestrator.model.plan import Plan
from orchestrator.model.playbook import Outcome
from orchestrator.report.api_health import how_ill
from orchestrator.report.verdict import WORDS
from orchestrator.report.view import PAPER, Paper
from orchestrator.report.visible import visible
from orchestrator.report.words import LISTS, OUTCOMES, clock_time, count, short, took


def progress_line(plan: Plan, recorded: Recorded, paper: Paper = PAPER) -> str:
    """`07:12:41  web-003  healthy: failed, exit status 22, 1.2 s`."""
    return f"{clock_time(recorded.at, paper.zone)}  {visible(_said(plan, recorded, paper))}"


def _said(plan: Plan, recorded: Recorded, paper: Paper) -> str:
    event = recorded.event
    match event:
        case RunStarted():
            said = f"run {recorded.run} of {event.playbook}, plan {short(event.digest)}: {count(event.hosts, 'host')}"
        case WaveOpened():
            name = plan.waves[event.wave].name
            wave = f"wave {event.wave + 1} of {len(plan.waves)}{f', {name}' if name else ''}"
            said = f"{wave}: {count(event.hosts, 'host')}"
        case RunPaused() if event.waiting:
            said = f"waiting: {event.cause}"
        case RunPaused() if event.aborting:
            said = f"aborted by {event.by}: {event.cause}"
        case RunPaused():
            said = f"paused by {event.by}: {event.cause}"
        case RunResumed():
            said = f"resumed by {event.by}"
        case ApiPaused():
            said = how_ill(event, paper)
        case ApiResumed():
            said = f"the API is well again, after {took(recorded.at - event.since)}"
        case RunFinished():
            said = f"finished: {WORDS[event.status].lower()}"
        case HostSettled():
            said = f"{event.host}  {LISTS[event.standing]}"
        case GateAsked(wave=int() as wave):
            said = f"after wave {wave + 1}, {event.gate}: {event.detail}"
        case GateAnswered(wave=int() as wave):
            why = f", {event.why}" if event.why else ""
            said = f"after wave {wave + 1}, {event.gate}: {event.answer.value}, says {event.by}{why}"
        case GateAsked():
            said = f"{event.host}  {event.step}: waits for a person, {event.detail}"
        case GateAnswered():
            why = f", {event.why}" if event.why else ""
            said = f"{event.host}  {event.step}: {event.answer.value}, says {event.by}{why}"
        case StepSkipped():
            skipped = "not taken back" if event.undo else "skipped"
            said = f"{event.host}  {event.step}: {skipped}, {event.reason}"
        case RetryPlanned():
            undo = "undo of " if event.undo else ""
            said = f"{event.host}  {undo}{event.step}: again in {took(event.not_before - recorded.at)}"
        case AttemptStarted() | UndoStarted() | AttemptEnded() | UndoEnded():
            said = f"{event.host}  {_attempt(event)}"
        case _:
            assert_never(event)
    return said


def _attempt(event: AttemptStarted | UndoStarted | AttemptEnded | UndoEnded) -> str:
    undo = "undo of " if isinstance(event, UndoStarted | UndoEnded) else ""
    number = f" (attempt {event.attempt})" if event.attempt > 1 else ""
    if isinstance(event, AttemptStarted | UndoStarted):
        return f"{undo}{event.step}: started{number}"
    said = ["skipped" if event.skipped else OUTCOMES[event.outcome] + number, took(event.duration)]
    if (event.skipped or event.outcome is not Outcome.OK) and event.detail:
        said.insert(1, event.detail)
    if event.attached:
        said.append("recovered")
    return f"{undo}{event.step}: {', '.join(said)}"
