"""An event as one line of JSON, as `--output json` writes it; `orc schema events` describes them."""

import json
from typing import assert_never

from orchestrator.model.event import (
    ApiPaused,
    ApiResumed,
    AttemptEnded,
    AttemptStarted,
    Event,
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
from orchestrator.report.words import iso, state_of

VERSION = 1
"""Of the lines' form: a key may be added within it, none goes away or changes its meaning."""

Json = bool | int | float | str | list[str] | dict[str, list[str]] | None


def event_line(recorded: Recorded) -> str:
    """The line of an event, without its newline; nothing but printable ASCII, so that a terminal is safe from it."""
    return json.dumps(event_json(recorded))


def event_json(recorded: Recorded) -> dict[str, Json]:
    """An event as programs read it. Outputs and nonces are left out; waves count from 1."""
    head: dict[str, Json] = {
        "v": VERSION,
        "seq": recorded.seq,
        "at": iso(recorded.at),
        "run": recorded.run,
        "type": recorded.event.type,
    }
    return head | _fields(recorded.event)


def _fields(event: Event) -> dict[str, Json]:
    fields: dict[str, Json]
    match event:
        case RunStarted():
            fields = {"playbook": event.playbook, "digest": event.digest, "hosts": event.hosts, "by": event.by}
        case WaveOpened():
            fields = {"wave": event.wave + 1, "hosts": event.hosts}
        case AttemptStarted() | UndoStarted():
            fields = {"host": event.host, "step": event.step, "attempt": event.attempt}
        case AttemptEnded() | UndoEnded():
            fields = _ended(event)
        case StepSkipped():
            fields = {"host": event.host, "step": event.step, "reason": event.reason, "undo": event.undo}
        case RetryPlanned():
            fields = {"host": event.host, "step": event.step, "attempt": event.attempt}
            fields |= {"undo": event.undo, "not_before": iso(event.not_before)}
        case HostSettled():
            fields = {"host": event.host, "state": state_of(event.standing)}
        case GateAsked():
            fields = _gate(event)
            fields |= {
                "expires_at": None if event.expires_at is None else iso(event.expires_at),
                "detail": event.detail,
            }
        case GateAnswered():
            fields = _gate(event)
            fields |= {"answer": event.answer.value, "by": event.by, "why": event.why}
        case RunPaused():
            fields = {"by": event.by, "cause": event.cause, "aborting": event.aborting, "now": event.now}
            fields |= {"waiting": event.waiting}
        case RunResumed():
            fields = {"by": event.by}
        case ApiPaused():
            fields = {"host": event.host, "answer": event.answer, "detail": event.detail, "since": iso(event.since)}
            fields |= {"next_try": None if event.next_try is None else iso(event.next_try), "probes": event.probes}
        case ApiResumed():
            fields = {"since": iso(event.since), "probes": event.probes}
        case RunFinished():
            lists = {name: [str(host) for host in hosts] for name, hosts in event.lists.items()}
            fields = {"status": event.status.value, "cause": event.cause, "exit": event.exit, "lists": lists}
        case _:
            assert_never(event)
    return fields


def _gate(event: GateAsked | GateAnswered) -> dict[str, Json]:
    """Which question it is: about a step on a host, or after a wave; the other is null."""
    wave = None if event.wave is None else event.wave + 1
    return {"gate": event.gate, "kind": event.kind, "host": event.host, "step": event.step, "wave": wave}


def _ended(event: AttemptEnded | UndoEnded) -> dict[str, Json]:
    result = event.result
    return {
        "host": event.host,
        "step": event.step,
        "attempt": event.attempt,
        "outcome": event.outcome.value,
        "exit_code": result.exit_code if result else None,
        "duration": event.duration,
        "attached": event.attached,
        "may_be_running": event.may_be_running,
        "interrupted": event.interrupted,
        "cancelled": event.cancelled,
        "skipped": event.skipped,
        "changed": event.changed,
        "detail": event.detail,
        "stdout_size": result.stdout_size if result else 0,
        "stderr_size": result.stderr_size if result else 0,
    }
