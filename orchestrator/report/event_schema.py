"""The JSON Schema of the lines that `--output json` writes."""

from collections.abc import Mapping

from orchestrator.core.breaker import OF_THE_API
from orchestrator.model.event import Answer
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import RunStatus, Standing
from orchestrator.report.events import VERSION
from orchestrator.report.words import state_of

Schema = dict[str, object]

_STATES = [state_of(standing) for standing in Standing if standing is not Standing.BUSY]


def _said(type: str | list[str], description: str, **more: object) -> Schema:
    return {"type": type, "description": description, **more}


_TIME = {"format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
_HOST = _said("string", "The host's name in the inventory, or its vmid where the playbook lists vmids.")
_STEP = _said("string", "The step's name in the playbook.")
_ATTEMPT = _said("integer", "Which attempt it is, from 1.", minimum=1)
_BY = _said("string", "Who did it.")
_BEGUN: dict[str, Schema] = {"host": _HOST, "step": _STEP, "attempt": _ATTEMPT}
_ENDED = _BEGUN | {
    "outcome": _said("string", "How the attempt ended.", enum=[outcome.value for outcome in Outcome]),
    "exit_code": _said(["integer", "null"], "The exit status; null: killed by a signal, or not known."),
    "duration": _said("number", "Seconds.", minimum=0),
    "attached": _said("boolean", "Whether the result was recovered by attaching to the attempt."),
    "may_be_running": _said("boolean", "Whether the command may still be running in the guest."),
    "interrupted": _said(
        "boolean", "Whether the machine or its agent was restarted under it; no exit status was left."
    ),
    "cancelled": _said("boolean", "Whether it was ended in the guest because the run goes no further."),
    "skipped": _said("boolean", "Whether a guard of the step said in the guest that its command is not to be run."),
    "changed": _said("boolean", "Whether it may have changed something, as far as changed_when does not deny it."),
    "detail": _said("string", "One sentence for a person where the outcome is not ok, or the command was not run."),
    "stdout_size": _said("integer", "Bytes that were printed, of which the journal has a part.", minimum=0),
    "stderr_size": _said("integer", "Bytes that were printed, of which the journal has a part.", minimum=0),
}
_GATE: dict[str, Schema] = {
    "gate": _said("string", "What the question is called."),
    "kind": _said("string", "The gate's kind; `step` for a question about a step."),
    "host": _said(["string", "null"], "The host that it is about; null for a gate after a wave."),
    "step": _said(["string", "null"], "The step that it is about; null for a gate after a wave."),
    "wave": _said(["integer", "null"], "The wave after which it is asked, from 1; null for one about a step."),
}
_LISTS: Schema = {
    "type": "object",
    "description": "Every host of the plan in exactly one list.",
    "properties": {state: {"type": "array", "items": {"type": "string"}} for state in _STATES},
    "additionalProperties": False,
}

FIELDS: Mapping[str, tuple[str, dict[str, Schema]]] = {
    "run_started": (
        "The run began.",
        {
            "playbook": _said("string", "The playbook's name."),
            "digest": _said("string", "The digest of the plan that is run: sha256, in hex."),
            "hosts": _said("integer", "How many hosts the plan has.", minimum=1),
            "by": _BY,
        },
    ),
    "wave_opened": (
        "The hosts of a wave may start.",
        {
            "wave": _said("integer", "Which wave it is, from 1.", minimum=1),
            "hosts": _said("integer", "How many hosts it has.", minimum=1),
        },
    ),
    "attempt_started": ("An attempt of a step is about to be sent to its host.", _BEGUN),
    "attempt_ended": ("An attempt of a step has ended.", _ENDED),
    "undo_started": ("An attempt to take a step back is about to be sent to its host.", _BEGUN),
    "undo_ended": ("An attempt to take a step back has ended.", _ENDED),
    "step_skipped": (
        "A step, or taking one back, was passed over.",
        {
            "host": _HOST,
            "step": _STEP,
            "reason": _said("string", "Why."),
            "undo": _said("boolean", "Whether it is the step's rollback that is passed over."),
        },
    ),
    "retry_planned": (
        "There will be another attempt.",
        _BEGUN
        | {
            "undo": _said("boolean", "Whether it is one to take the step back."),
            "not_before": _said("string", "It is not begun before then.", **_TIME),
        },
    ),
    "host_settled": (
        "Nothing is left to do on the host; a gate that is asked there, or a later rollback, may open it again.",
        {"host": _HOST, "state": _said("string", "The list that the host is in.", enum=_STATES)},
    ),
    "gate_asked": (
        "A person is asked how a host goes on from a step, and the others go on; or a gate is asked after a wave.",
        _GATE
        | {
            "expires_at": _said(["string", "null"], "When an answer comes too late; null: never."),
            "detail": _said("string", "Why it is asked."),
        },
    ),
    "gate_answered": (
        "The question was answered.",
        _GATE
        | {
            "answer": _said("string", "What follows.", enum=[answer.value for answer in Answer]),
            "by": _said("string", "Who answered; `orc` where the run itself has settled it."),
            "why": _said("string", "The reason that was given."),
        },
    ),
    "run_paused": (
        "Nothing new is started until the run is resumed; or, aborting, for good.",
        {
            "by": _BY,
            "cause": _said("string", "Why."),
            "aborting": _said("boolean", "Whether the run ends, and nothing is undone."),
            "now": _said("boolean", "Whether what is under way is ended in the guests."),
            "waiting": _said("boolean", "Whether only a person's answer takes the run further."),
        },
    ),
    "run_resumed": ("The run goes on.", {"by": _BY}),
    "api_paused": (
        "The API is ill, not a host: nothing is sent before it is well, and no host's time runs out meanwhile.",
        {
            "host": _said("string", "The host that it was asked about last."),
            "answer": _said("string", "Of which kind its answer was.", enum=[refusal.value for refusal in OF_THE_API]),
            "detail": _said("string", "The answer's words."),
            "since": _said("string", "When the first of these answers came.", **_TIME),
            "next_try": _said(
                ["string", "null"],
                "When it is asked again; null: it took too long, and a person has to say when to go on.",
                **_TIME,
            ),
            "probes": _said("integer", "How often it was asked since then, without a usable answer.", minimum=0),
        },
    ),
    "api_resumed": (
        "A probe was answered: calls go out again.",
        {
            "since": _said("string", "When the API fell ill.", **_TIME),
            "probes": _said("integer", "How often it was asked since then.", minimum=0),
        },
    ),
    "run_finished": (
        "The end: the last line.",
        {
            "status": _said("string", "What came of the run.", enum=[status.value for status in RunStatus]),
            "cause": _said("string", "Why; empty for a success."),
            "exit": _said("integer", "The exit status of `orc run`.", minimum=0, maximum=255),
            "lists": _LISTS,
        },
    ),
}
"""What each type of event means, and the fields that it has besides those of all."""


def event_schema() -> Schema:
    """The JSON Schema (2020-12) of one line. A reader should ignore keys and types that it does not know."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event of a run, one on a line",
        "oneOf": [_of_type(name, meaning, fields) for name, (meaning, fields) in FIELDS.items()],
    }


def _of_type(name: str, meaning: str, fields: dict[str, Schema]) -> Schema:
    head: dict[str, Schema] = {
        "v": _said("integer", "The version of this form.", const=VERSION),
        "seq": _said("integer", "The event's number within the run, from 1, without gaps.", minimum=1),
        "at": _said("string", "When it was recorded, in UTC.", **_TIME),
        "run": _said("string", "The run's id."),
        "type": _said("string", "What happened.", const=name),
    }
    properties = head | fields
    return {
        "title": name,
        "description": meaning,
        "type": "object",
        "properties": properties,
        "required": [*properties],
    }
