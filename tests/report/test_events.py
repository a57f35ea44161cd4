"""The lines that programs read: their form, and the schema that describes them."""

import json
import re
from typing import Any, cast

import pytest

from orchestrator.codec import EVENT_TYPES
from orchestrator.model.event import (
    Answer,
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
    StepResult,
    StepSkipped,
    UndoEnded,
    UndoStarted,
    WaveOpened,
)
from orchestrator.model.ids import HostName, StepName
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import RunStatus, Standing
from orchestrator.report.event_schema import event_schema
from orchestrator.report.events import event_json, event_line
from tests.builders import make_plan
from tests.scripted_runs import BEGAN_AT, RUN, by_table, failing, play

HOST, STEP = HostName("web-001"), StepName("pull")
RESULT = StepResult(exit_code=3, stdout="secret out\n", stderr="secret err\n", stdout_size=11, stderr_size=11)

EVENTS: list[Event] = [
    RunStarted(playbook="deploy", digest="f" * 64, hosts=12, by="ana@laptop"),
    WaveOpened(wave=0, hosts=1),
    AttemptStarted(host=HOST, step=STEP, attempt=1, nonce="5f0c"),
    AttemptEnded(host=HOST, step=STEP, attempt=1, outcome=Outcome.FAILED, duration=1.5, detail="no", result=RESULT),
    UndoStarted(host=HOST, step=STEP, attempt=1, nonce="5f0c"),
    UndoEnded(host=HOST, step=STEP, attempt=1, outcome=Outcome.UNKNOWN, duration=1, attached=True, may_be_running=True),
    StepSkipped(host=HOST, step=STEP, reason="when is false"),
    RetryPlanned(host=HOST, step=STEP, attempt=2, not_before=BEGAN_AT + 5, undo=True),
    HostSettled(host=HOST, standing=Standing.ROLLED_BACK),
    GateAsked(gate="pull", host=HOST, step=STEP, detail="exit status 1"),
    GateAnswered(gate="pull", host=HOST, step=STEP, answer=Answer.SKIP, by="ana@laptop", why="done by hand"),
    ApiPaused(host=HOST, answer="api_down", detail="502", since=BEGAN_AT, next_try=BEGAN_AT + 4, probes=2),
    ApiResumed(since=BEGAN_AT, probes=3),
    RunPaused(by="ana@laptop", cause="Ctrl-C"),
    RunResumed(by="ana@laptop"),
    RunFinished(status=RunStatus.ROLLED_BACK, cause="1 host failed", exit=4, lists={"rolled_back": (HOST,)}),
]


OF_WAVES: list[Event] = [
    GateAsked(gate="approval", wave=0, kind="approval", expires_at=BEGAN_AT + 60, detail="a person says yes"),
    GateAnswered(gate="url", wave=1, kind="url", answer=Answer.INCONCLUSIVE, by="orc", why="no answer"),
]
"""Events that look otherwise where they are about a wave."""


def told(event: Event) -> dict[str, Any]:
    return dict(event_json(Recorded(run=RUN, seq=7, at=BEGAN_AT + 0.25, event=event)))


def schema_of(type: str) -> dict[str, Any]:
    """The schema of one type of event, by the `const` that tells it from the others."""
    found = [each for each in cast(Any, event_schema())["oneOf"] if each["properties"]["type"]["const"] == type]
    assert len(found) == 1
    return cast(dict[str, Any], found[0])


def wrong(schema: dict[str, Any], value: Any, path: str = "") -> list[str]:
    """What breaks those rules of JSON Schema that ours uses."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list,
    }  # fmt: skip
    types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    fits = [
        value is None
        if each == "null"
        else isinstance(value, kinds[each]) and (each == "boolean" or not isinstance(value, bool))
        for each in types
    ]
    found = [] if any(fits) else [f"{path}: {value!r} is no {types}"]
    found += [f"{path}: not {schema['const']}"] if "const" in schema and value != schema["const"] else []
    found += [f"{path}: not in {schema['enum']}"] if "enum" in schema and value not in schema["enum"] else []
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{path}: {value} is not like {schema['pattern']}")
    if isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append(f"{path}: {value} is out of bounds")
    if isinstance(value, list):
        found += [each for item in value for each in wrong(schema["items"], item, f"{path}[]")]
    if isinstance(value, dict):
        found += [f"{path}: lacks {key}" for key in schema.get("required", []) if key not in value]
        for key, each in value.items():
            known = schema["properties"].get(key)
            found += wrong(known, each, f"{path}.{key}") if known else [f"{path}.{key} is not described"]
    return found


def test_there_is_an_example_of_every_type_of_event() -> None:
    assert [event.type for event in EVENTS] == [*EVENT_TYPES]


@pytest.mark.parametrize("event", [*EVENTS, *OF_WAVES], ids=lambda event: event.type)
def test_an_event_is_as_its_schema_says(event: Event) -> None:
    assert wrong(schema_of(event.type), told(event)) == []


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_a_line_begins_with_what_all_have(event: Event) -> None:
    assert list(told(event).items())[:5] == [
        ("v", 1), ("seq", 7), ("at", "2026-11-24T07:12:33.250Z"), ("run", RUN), ("type", event.type),
    ]  # fmt: skip


def test_the_schema_check_sees_what_is_wrong() -> None:
    schema = schema_of("attempt_ended")
    good = told(EVENTS[3])

    assert wrong(schema, {**good, "attempt": 0})
    assert wrong(schema, {**good, "attempt": True})
    assert wrong(schema, {**good, "outcome": "lost"})
    assert wrong(schema, {**good, "more": 1})
    assert wrong(schema, {**good, "at": "yesterday"})
    assert wrong(schema, {key: each for key, each in good.items() if key != "exit_code"})


def test_outputs_and_nonces_stay_out_and_the_exit_status_is_lifted_out_of_the_result() -> None:
    assert told(EVENTS[3])["exit_code"] == 3
    assert told(EVENTS[3])["stdout_size"] == 11
    assert told(EVENTS[5])["exit_code"] is None
    for event in EVENTS:
        assert "secret" not in json.dumps(told(event))
        assert "5f0c" not in json.dumps(told(event))


def test_waves_count_from_1_and_a_host_is_in_a_state() -> None:
    assert told(WaveOpened(wave=0, hosts=1))["wave"] == 1
    assert told(HostSettled(host=HOST, standing=Standing.ROLLED_BACK))["state"] == "rolled_back"


def test_a_line_is_one_line_of_printable_ascii() -> None:
    line = event_line(
        Recorded(run=RUN, seq=1, at=BEGAN_AT, event=RunPaused(by="grüße\n\x1b[31m\u009b\ud800", cause="Ctrl-C"))
    )

    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["by"] == "grüße\n\x1b[31m\u009b\ud800"


def test_a_whole_run_is_as_the_schema_says_and_ends_with_run_finished() -> None:
    played = play(make_plan(4, waves=(1, 3)), by_table({("web-002", "healthy"): failing(22)}))
    lines = [json.loads(event_line(recorded)) for recorded in played.log]

    assert [each for line in lines for each in wrong(schema_of(line["type"]), line)] == []
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1]["type"] == "run_finished"
    assert lines[-1]["exit"] == 4
