"""Every status and body that HostUp, a gateway before it, or a hostile guest can answer, and what is made of it."""

import json
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.http import Answer, Lost, NotSent, Reply
from orchestrator.ports import (
    Exited,
    NotReachable,
    NotStarted,
    PidGone,
    PollUnanswered,
    Reachable,
    Refusal,
    Started,
    StartUnknown,
    StillRunning,
)
from orchestrator.providers.hostup_answers import MAX_OUTPUT, MAX_PID, read_poll, read_probe, read_start

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
BLOCKED_TEXT = "This command has been blocked for safety reasons"
NO_PID_TEXT = "Failed to execute command - no PID returned"
UNKNOWN_PID_TEXT = "Agent error: Invalid parameter 'pid'"


def answer(status: int, body: object = None, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=raw)


def ok(**data: object) -> Answer:
    return answer(200, {"success": True, "timestamp": "2026-01-01T00:00:00Z", "requestId": "r", "data": data})


def v1(status: int, message: str, code: str = "BAD_REQUEST") -> Answer:
    return answer(status, {"code": code, "error": code.title(), "message": message, "requestId": "r"})


def v2(status: int, code: str, detail: str = "") -> Answer:
    body = {"type": "about:blank", "title": "A title", "status": status, "detail": detail, "code": code}
    return answer(status, body)


STARTS: list[tuple[Reply, Started | Refusal | None]] = [
    # what is certainly started
    (ok(success=True, pid=4711, message="Command started", command="true"), Started(pid=4711)),
    (ok(pid=1), Started(pid=1)),
    (ok(pid=MAX_PID), Started(pid=MAX_PID)),
    (answer(200, {"pid": 12, "pollUrl": "/x?pid=12"}), Started(pid=12)),
    (answer(201, {"success": True, "data": {"pid": 12}}), Started(pid=12)),
    (ok(pid=3, command=BLOCKED_TEXT), Started(pid=3)),
    # what is certainly not
    (NotSent(message="refused"), Refusal.API_DOWN),
    (v1(400, BLOCKED_TEXT), Refusal.BLOCKED),
    (v2(400, "command_blocked", BLOCKED_TEXT), Refusal.BLOCKED),
    (v2(422, "command_blocked", BLOCKED_TEXT), Refusal.BLOCKED),
    (v1(403, BLOCKED_TEXT, "FORBIDDEN"), Refusal.BLOCKED),
    (answer(200, {"success": False, "message": BLOCKED_TEXT}), Refusal.BLOCKED),
    (ok(success=False, message=BLOCKED_TEXT), Refusal.BLOCKED),
    (v1(400, "command must be a string"), Refusal.INVALID),
    (v2(422, "validation_failed", "command is too long"), Refusal.INVALID),
    (answer(400, HTML), Refusal.INVALID),
    (answer(405, b""), Refusal.INVALID),
    (answer(413, HTML), Refusal.INVALID),
    (v1(401, "Invalid or missing API key", "UNAUTHORIZED"), Refusal.UNAUTHORISED),
    (answer(401, b""), Refusal.UNAUTHORISED),
    (v2(403, "account_inactive", "The account is not active"), Refusal.UNAUTHORISED),
    (answer(403, HTML), Refusal.UNAUTHORISED),
    (v1(404, "VM 10000 not found", "NOT_FOUND"), Refusal.NO_SUCH_HOST),
    (v2(404, "vps_not_found"), Refusal.NO_SUCH_HOST),
    (answer(404, HTML), Refusal.API_DOWN),
    (answer(404, b""), Refusal.API_DOWN),
    (v2(409, "vps_not_ready", "The VPS is being installed"), Refusal.HOST_DOWN),
    (v1(409, "VM is not running", "CONFLICT"), Refusal.HOST_DOWN),
    (v1(400, "QEMU guest agent is not running"), Refusal.HOST_DOWN),
    (answer(429, {"error": "Too Many Requests", "message": "Slow down", "retryAfter": "30"}), Refusal.RATE_LIMITED),
    (v2(429, "rate_limited"), Refusal.RATE_LIMITED),
    (v2(429, "rate_limit_exceeded"), Refusal.RATE_LIMITED),
    (answer(429, HTML), Refusal.RATE_LIMITED),
    # what nobody knows
    (Lost(message="late"), None),
    (v1(500, NO_PID_TEXT, "INTERNAL_ERROR"), None),
    (v1(500, "QEMU guest agent is not running", "INTERNAL_ERROR"), None),
    (answer(500, HTML), None),
    (answer(502, HTML), None),
    (v2(502, "upstream_failed"), None),
    (v2(503, "upstream_unavailable", "The VPS agent is not available"), None),
    (v2(409, "upstream_failed", "The VPS agent is not available"), None),
    (v2(409, "conflict", "Another operation is under way"), None),
    (v1(504, "Gateway timeout", "GATEWAY_TIMEOUT"), None),
    (answer(520, b""), None),
    (answer(408, HTML), None),
    (answer(425, b""), None),
    (answer(301, HTML, location="https://elsewhere.invalid"), None),
    (answer(307, b"", location="/elsewhere"), None),
    (answer(304, b""), None),
    (answer(204, b""), None),
    (answer(200, b""), None),
    (answer(200, HTML), None),
    (answer(200, b'{"data": {"pid": 12}'), None),
    (answer(200, b"[" * 100_000), None),
    (answer(200, b'{"data": {"pid": ' + b"9" * 5000 + b"}}"), None),
    (answer(200, ["pid", 12]), None),
    (answer(200, None), None),
    (answer(200, {"success": False, "data": {"pid": 12}}), None),
    (answer(200, {"success": False, "message": "no"}), None),
    (ok(success=False, pid=12), None),
    (answer(200, {"success": True}), None),
    (answer(200, {"success": True, "data": None}), None),
    (answer(200, {"success": True, "data": None, "pid": 12}), None),
    (answer(200, {"success": True, "data": [{"pid": 12}]}), None),
    (ok(), None),
    (ok(pid="4711"), None),
    (ok(pid=True), None),
    (ok(pid=0), None),
    (ok(pid=-1), None),
    (ok(pid=MAX_PID + 1), None),
    (ok(pid=12.0), None),
    (ok(pid=[12]), None),
    (ok(pid=None), None),
    (answer(200, b'{"data": {"pid": NaN}}'), None),
]

POLLS: list[tuple[Reply, Any]] = [
    (ok(exited=False), StillRunning()),
    (ok(exited=0), StillRunning()),
    (answer(200, {"exited": False}), StillRunning()),
    (ok(exited=True, exitcode=0, stdout="a", stderr="b"), Exited(exit_code=0, stdout="a", stderr="b")),
    (ok(pid=12, exited=True, exitcode=3), Exited(exit_code=3, stdout="", stderr="")),
    (ok(exited=1, exitcode=0), Exited(exit_code=0, stdout="", stderr="")),
    (answer(200, {"exited": True, "exitCode": 7, "stdout": "x"}), Exited(exit_code=7, stdout="x", stderr="")),
    (ok(exited=True), Exited(exit_code=None, stdout="", stderr="")),
    (ok(exited=True, exitcode=None, stdout=None), Exited(exit_code=None, stdout="", stderr="")),
    (ok(exited=True, exitcode="0"), Exited(exit_code=None, stdout="", stderr="")),
    (ok(exited=True, exitcode=False), Exited(exit_code=None, stdout="", stderr="")),
    (ok(exited=True, exitcode=0.0), Exited(exit_code=None, stdout="", stderr="")),
    (ok(exited=True, exitcode=-1), Exited(exit_code=None, stdout="", stderr="")),
    (ok(exited=True, exitcode=256), Exited(exit_code=None, stdout="", stderr="")),
    (ok(exited=True, exitcode=True, exitCode=4), Exited(exit_code=4, stdout="", stderr="")),
    (ok(exited=True, exitcode=0, stdout=["a"], stderr={"b": 1}), Exited(exit_code=0, stdout="", stderr="")),
    # text: UTF-8 taken for latin-1 is put right, all else stays as it is
    (ok(exited=True, exitcode=0, stdout="grün ✓"), Exited(exit_code=0, stdout="grün ✓", stderr="")),
    (
        ok(exited=True, exitcode=0, stdout="grün ✓".encode().decode("latin-1")),
        Exited(exit_code=0, stdout="grün ✓", stderr=""),
    ),
    (ok(exited=True, exitcode=0, stdout="Ã¼ and ü"), Exited(exit_code=0, stdout="Ã¼ and ü", stderr="")),
    (ok(exited=True, exitcode=0, stderr="caf\u00e9"), Exited(exit_code=0, stdout="", stderr="café")),
    (
        answer(200, b'{"exited":true,"exitcode":0,"stdout":"\\ud800x"}'),
        Exited(exit_code=0, stdout="\ufffdx", stderr=""),
    ),
    (answer(200, b'{"exited":true,"exitcode":0,"stdout":"\xff"}'), Exited(exit_code=0, stdout="\ufffd", stderr="")),
    (
        answer(200, b'\xef\xbb\xbf{"exited":true,"exitcode":0,"stdout":"\\ud83d\\ude00"}'),
        Exited(exit_code=0, stdout="😀", stderr=""),
    ),
    (
        ok(exited=True, exitcode=0, stdout="a" * (MAX_OUTPUT + 1)),
        Exited(exit_code=0, stdout="a" * MAX_OUTPUT, stderr="", truncated=True),
    ),
    # the pid is not known
    (v1(500, UNKNOWN_PID_TEXT, "INTERNAL_ERROR"), PidGone),
    (v1(400, "Invalid parameter 'pid'"), PidGone),
    (v1(404, "PID 12 not found", "NOT_FOUND"), PidGone),
    (v1(404, "VM agent: process 12 not found", "NOT_FOUND"), PidGone),
    (v2(404, "pid_not_found"), PidGone),
    (v2(410, "gone", "No such process"), PidGone),
    (answer(200, {"success": False, "message": UNKNOWN_PID_TEXT}), PidGone),
    # no usable answer, which is never "still running"
    (ok(), Refusal.API_DOWN),
    (ok(exited=None), Refusal.API_DOWN),
    (ok(exited="true"), Refusal.API_DOWN),
    (ok(exited="false"), Refusal.API_DOWN),
    (ok(exited=1.0), Refusal.API_DOWN),
    (ok(exited=2), Refusal.API_DOWN),
    (ok(exited=[]), Refusal.API_DOWN),
    (ok(available=True, message="QEMU guest agent is available"), Refusal.API_DOWN),
    (answer(200, {"success": False, "data": {"exited": True, "exitcode": 0}}), Refusal.API_DOWN),
    (ok(success=False, exited=True), Refusal.API_DOWN),
    (answer(200, HTML), Refusal.API_DOWN),
    (answer(200, b""), Refusal.API_DOWN),
    (answer(204, b""), Refusal.API_DOWN),
    (answer(302, b""), Refusal.API_DOWN),
    (Lost(message="late"), Refusal.API_DOWN),
    (NotSent(message="refused"), Refusal.API_DOWN),
    (answer(500, HTML), Refusal.API_DOWN),
    (answer(502, UNKNOWN_PID_TEXT.encode()), Refusal.API_DOWN),
    (v1(502, UNKNOWN_PID_TEXT), Refusal.API_DOWN),
    (v1(500, NO_PID_TEXT, "INTERNAL_ERROR"), Refusal.API_DOWN),
    (v2(503, "upstream_unavailable"), Refusal.API_DOWN),
    (answer(504, HTML), Refusal.API_DOWN),
    (answer(404, HTML), Refusal.API_DOWN),
    (v1(404, "VM 10000 not found", "NOT_FOUND"), Refusal.NO_SUCH_HOST),
    (v1(404, "VM '10000' was not found, pid 12", "NOT_FOUND"), Refusal.NO_SUCH_HOST),
    (v2(404, "vps_not_found", "No VPS for that pid"), Refusal.NO_SUCH_HOST),
    (v1(401, "Invalid API key", "UNAUTHORIZED"), Refusal.UNAUTHORISED),
    (v2(403, "forbidden", "write:vm is required"), Refusal.UNAUTHORISED),
    (v2(409, "vps_not_ready"), Refusal.HOST_DOWN),
    (v2(409, "conflict"), Refusal.HOST_DOWN),
    (v2(409, "upstream_failed"), Refusal.API_DOWN),
    (v1(500, "QEMU guest agent is not running (pid 12)", "INTERNAL_ERROR"), Refusal.HOST_DOWN),
    (v1(500, "The guest's agent is frozen", "INTERNAL_ERROR"), Refusal.HOST_DOWN),
    (v2(429, "rate_limited"), Refusal.RATE_LIMITED),
    (v1(400, "Bad request"), Refusal.INVALID),
]

PROBES: list[tuple[Reply, Refusal | None]] = [
    (ok(available=True, message="QEMU guest agent is available"), None),
    (answer(200, {"available": True, "reason": None, "vmRunning": True}), None),
    (ok(available=False, message="QEMU guest agent is not running"), Refusal.HOST_DOWN),
    (answer(200, {"available": False, "reason": "agent_down", "vmRunning": False}), Refusal.HOST_DOWN),
    (ok(available="true"), Refusal.API_DOWN),
    (ok(available=1), Refusal.API_DOWN),
    (ok(exited=False), Refusal.API_DOWN),
    (ok(), Refusal.API_DOWN),
    (answer(200, {"success": False, "data": {"available": True}}), Refusal.API_DOWN),
    (answer(200, HTML), Refusal.API_DOWN),
    (answer(502, HTML), Refusal.API_DOWN),
    (answer(308, b""), Refusal.API_DOWN),
    (answer(404, HTML), Refusal.API_DOWN),
    (Lost(message="late"), Refusal.API_DOWN),
    (NotSent(message="refused"), Refusal.API_DOWN),
    (v1(401, "Invalid API key", "UNAUTHORIZED"), Refusal.UNAUTHORISED),
    (v1(404, "VM 10000 not found", "NOT_FOUND"), Refusal.NO_SUCH_HOST),
    (v2(409, "vps_not_ready"), Refusal.HOST_DOWN),
    (v1(500, "guest-exec: the command has been disabled", "INTERNAL_ERROR"), Refusal.HOST_DOWN),
    (v2(429, "rate_limited"), Refusal.RATE_LIMITED),
]


def name(row: object) -> str:
    return repr(row)[:80]


@pytest.mark.parametrize(("reply", "meaning"), STARTS, ids=name)
def test_a_start_is_started_not_started_or_unknown(reply: Reply, meaning: Started | Refusal | None) -> None:
    match read_start(reply):
        case Started() as started:
            assert started == meaning
        case NotStarted(refusal=refusal, message=message):
            assert refusal is meaning
            assert message
        case StartUnknown(message=message):
            assert meaning is None
            assert message


@pytest.mark.parametrize(("reply", "meaning"), POLLS, ids=name)
def test_a_poll_is_running_exited_gone_or_unanswered(reply: Reply, meaning: Any) -> None:
    match read_poll(reply):
        case PollUnanswered(refusal=refusal, message=message):
            assert refusal is meaning
            assert message
        case PidGone(message=message):
            assert meaning is PidGone
            assert message
        case answered:
            assert answered == meaning


@pytest.mark.parametrize(("reply", "meaning"), PROBES, ids=name)
def test_a_probe_is_reachable_or_says_why_not(reply: Reply, meaning: Refusal | None) -> None:
    match read_probe(reply):
        case Reachable():
            assert meaning is None
        case NotReachable(refusal=refusal, message=message):
            assert refusal is meaning
            assert message


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, {}, None),
        ({}, {"retryAfter": "30"}, 30.0),
        ({}, {"retryAfter": "1.5"}, 1.5),
        ({}, {"retryAfter": "45 seconds"}, 45.0),
        ({}, {"retryAfter": "60s"}, 60.0),
        ({}, {"retryAfter": 20}, 20.0),
        ({}, {"retryAfter": 10**400}, 3600.0),
        ({}, {"retryAfter": True}, None),
        ({}, {"retryAfter": -5}, None),
        ({}, {"retryAfter": "soon"}, None),
        ({}, {"retryAfter": float("nan")}, None),
        ({}, {"retryAfter": float("inf")}, 3600.0),
        ({}, {"retryAfter": ["30"]}, None),
        ({"retry-after": "12"}, {}, 12.0),
        ({"retry-after": "12"}, {"retryAfter": "30"}, 30.0),
        ({"retry-after": "999999"}, {}, 3600.0),
        ({"retry-after": "-1"}, {}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": DATE}, {}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": DATE}, {}, 0.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT", "date": DATE}, {}, 3600.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, {}, None),
        ({"retry-after": "Wed, 99 Oct 2026 07:28:30 GMT", "date": DATE}, {}, None),
        ({"date": DATE}, {"retryAfter": "2026-10-21T07:29:00Z"}, 60.0),
        ({"x-ratelimit-reset": "2026-10-21T07:29:00.000Z", "date": DATE}, {}, 60.0),
        ({"x-ratelimit-reset": "2026-10-21T07:29:00.000Z", "date": DATE, "retry-after": "5"}, {}, 5.0),
    ],
)
def test_the_wait_that_is_asked_for_is_read_from_header_and_body_and_is_at_most_an_hour(
    headers: dict[str, str], body: dict[str, object], seconds: float | None
) -> None:
    reply = Answer(status=429, headers=headers, body=json.dumps(body).encode())

    started, polled, probed = read_start(reply), read_poll(reply), read_probe(reply)
    assert isinstance(started, NotStarted)
    assert isinstance(polled, PollUnanswered)
    assert isinstance(probed, NotReachable)
    assert started.retry_after == polled.retry_after == probed.retry_after == seconds


def test_a_refused_key_is_explained_in_one_sentence_without_the_key() -> None:
    reply = read_start(v1(401, "Invalid API key secret-123\nfrom 192.0.2.1", "UNAUTHORIZED"), key="secret-123")

    assert isinstance(reply, NotStarted)
    assert reply.message == (
        "the key was refused (401: Invalid API key [key] from 192.0.2.1): "
        "it is wrong, lacks a right, or is not allowed from this source address"
    )


def test_what_an_answer_says_is_one_short_printable_line() -> None:
    reply = read_probe(v1(500, "a\r\n\x1b[31mred\u202e\ud800" + "x" * 10_000))

    assert isinstance(reply, NotReachable)
    assert len(reply.message) < 400
    assert reply.message.isprintable()


def test_a_redirect_says_that_the_url_is_to_be_checked() -> None:
    reply = read_start(answer(301, HTML, location="https://elsewhere.invalid"))

    assert isinstance(reply, StartUnknown)
    assert "check the provider's url" in reply.message


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=5), SCALARS, max_size=3)
FIELDS = (
    "success data pid exited exitcode exitCode stdout stderr available message code error detail title errors reason "
    "retryAfter"
).split()
OBJECTS = st.dictionaries(st.sampled_from(FIELDS), VALUES | st.integers(0, 300), max_size=8)
BODIES = st.one_of(
    st.binary(max_size=200),
    VALUES.map(lambda value: json.dumps(value).encode()),
    OBJECTS.map(lambda value: json.dumps(value).encode()),
    st.builds(lambda outer, data: json.dumps({**outer, "data": data}).encode(), OBJECTS, OBJECTS | VALUES),
)
MOMENTS = st.datetimes().map(format_datetime) | st.datetimes().map(str)
HEADERS = st.dictionaries(
    st.sampled_from(["date", "retry-after", "x-ratelimit-reset", "content-type"]), st.text(max_size=40) | MOMENTS
)
STATUSES = st.sampled_from([200, 200, 200, 201, 204, 301, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504])


@settings(max_examples=500)
@given(status=STATUSES | st.integers(200, 999), headers=HEADERS, body=BODIES)
def test_no_answer_breaks_the_reading_or_is_believed_without_valid_fields(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    reply = Answer(status=status, headers=headers, body=body)

    started, polled, probed = read_start(reply), read_poll(reply), read_probe(reply)

    if isinstance(started, Started):
        assert 200 <= status < 300
        assert fields(body)["pid"] == started.pid
        assert type(fields(body)["pid"]) is int
        assert 1 <= started.pid <= MAX_PID
    if isinstance(polled, Exited | StillRunning):
        assert 200 <= status < 300
        assert type(fields(body)["exited"]) in (bool, int)
        assert bool(fields(body)["exited"]) is isinstance(polled, Exited)
    if isinstance(polled, Exited):
        assert polled.exit_code is None or 0 <= polled.exit_code <= 255
        (polled.stdout + polled.stderr).encode()
    if isinstance(probed, Reachable):
        assert fields(body)["available"] is True
    for refused in (started, polled, probed):
        assert 0 <= (getattr(refused, "retry_after", None) or 0) <= 3600


def fields(body: bytes) -> Any:
    outer = json.loads(body.decode("utf-8", "replace"))
    return outer.get("data", outer)
