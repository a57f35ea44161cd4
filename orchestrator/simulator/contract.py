"""The bodies of HostUp v1's answers, and what its safety filter refuses."""

import json
import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

from orchestrator.simulator.command import Result
from orchestrator.simulator.http_server import Response

BLOCKED = "This command has been blocked for safety reasons"
NO_PID = "Failed to execute command - no PID returned"
AGENT_DOWN = "QEMU guest agent is not running"

_END = r"""(?=[\s;&|)'"`]|$)"""
_DANGEROUS = (
    rf"\brm\s+(-[\w-]+\s+)*(-\w*[rR]\w*|--recursive)\s+(-[\w-]+\s+)*/\*?{_END}",
    r":\s*\(\)\s*\{\s*:\s*\|\s*:\s*&",
    r"\bmkfs(\.\w+)?\s",
    r"\bdd\s[^;&|\n]*\bof=/dev/(?!null\b)",
    r">\s*/dev/(sd|vd|nvme|xvd)[a-z0-9]",
)


class SafetyFilter:
    """The provider's filter, as far as is known: it looks at the command's text, not at what it does."""

    def __init__(self, more: Iterable[str]) -> None:
        self._patterns = [re.compile(pattern) for pattern in (*_DANGEROUS, *more)]

    def refuses(self, command: str) -> bool:
        return any(pattern.search(command) for pattern in self._patterns)


def success(data: dict[str, object]) -> Response:
    """200 with the data in the envelope of all that succeeds, which a command that failed does too."""
    return json_response(200, {"success": True, "timestamp": _timestamp(), "requestId": _request_id(), "data": data})


def failure(status: int, code: str, message: str) -> Response:
    """An error, which has no `success`."""
    body = {
        "code": code,
        "error": code.replace("_", " ").title(),
        "message": message,
        "requestId": _request_id(),
        "timestamp": _timestamp(),
    }
    return json_response(status, body)


def bad_request(message: str) -> Response:
    """400; a blocked command differs from a malformed one by its text alone."""
    return failure(400, "BAD_REQUEST", message)


def internal_error(message: str) -> Response:
    return failure(500, "INTERNAL_ERROR", message)


def unknown_pid(pid: int) -> Response:
    """The agent's own words for a pid collected before, forgotten, or never there."""
    return internal_error(f"Agent error: Invalid parameter 'pid' ({pid})")


def rate_limited(retry_after: int) -> Response:
    """429: no code, no timestamp, and the seconds are a string."""
    body = {
        "error": "Too Many Requests",
        "message": "Rate limit exceeded",
        "retryAfter": str(retry_after),
        "requestId": _request_id(),
    }
    return json_response(429, body)


def started(pid: int, command: str) -> Response:
    return success({"success": True, "pid": pid, "message": "Command started", "command": command})


def still_running() -> Response:
    """`exited: false` and nothing else, as the agent has it."""
    return success({"exited": False})


def exited(result: Result, *, encoding: str = "utf-8") -> Response:
    """A result. Killed by a signal: no exit code; an empty stream: no key."""
    data: dict[str, object] = {"exited": True}
    if result.exit_code is not None:
        data["exitcode"] = result.exit_code
    for name, output in (("stdout", result.stdout), ("stderr", result.stderr)):
        if output:
            data[name] = output.decode(encoding, "replace")
    return success(data)


def availability(*, available: bool) -> Response:
    message = "QEMU guest agent is available" if available else AGENT_DOWN
    return success({"available": available, "message": message})


def gateway_page() -> Response:
    """502 from a gateway, in HTML."""
    page = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
    return Response(status=502, body=page, content_type="text/html")


def json_response(status: int, body: object) -> Response:
    """Any JSON, without an envelope."""
    return Response(status=status, body=json.dumps(body, separators=(",", ":")).encode())


def _request_id() -> str:
    return f"req_{uuid.uuid4().hex}"


def _timestamp() -> str:
    # The provider's own clock, which is not the orchestrator's.
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
