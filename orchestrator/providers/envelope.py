"""Reads what is common to the provider's answers: JSON of either envelope, what it says, and how long it asks to wait.

v1: {success, data, requestId, timestamp}, errors {code, error, message}; v2: bare data, errors of RFC 7807.
Both may come from either version, a gateway may answer HTML, and nothing is trusted in type or size.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime

from orchestrator.http import Answer

MAX_MESSAGE = 300
MAX_WAIT = 3600.0
"""Seconds: no provider is waited for longer at its word."""

_SAYINGS = ("message", "detail", "error", "title", "reason")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
"""White space, controls, what turns the direction of writing, lone surrogates: a terminal or a journal would suffer."""
_SECONDS = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*(s|sec|secs|seconds?)?\s*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An answer, opened. outer: its JSON object, None where it is something else; data: what that carries, or nothing.

    key: what is left out of what the answer says.
    """

    status: int
    headers: Mapping[str, str]
    outer: Mapping[str, object] | None
    data: Mapping[str, object]
    key: str = field(repr=False)

    @property
    def is_json(self) -> bool:
        return self.outer is not None

    @property
    def denied(self) -> bool:
        """Whether it says `success: false`, at either of the two levels."""
        return (self.outer or {}).get("success") is False or self.data.get("success") is False

    @property
    def succeeded(self) -> bool:
        """Whether it claims success; what it carries may still be nonsense."""
        return 200 <= self.status < 300 and not self.denied

    @property
    def code(self) -> str:
        """The error's code in lower case, empty where there is none."""
        return _line((self.outer or {}).get("code"), self.key).lower()

    @property
    def said(self) -> tuple[str, ...]:
        """What it says for a person, the most telling first; each one short line."""
        outer = self.outer or {}
        errors = outer.get("errors")
        first = errors[0] if isinstance(errors, list) and errors else None
        places = (outer, _object(outer.get("error")), self.data, _object(first))
        lines = (_line(place.get(name), self.key) for place in places for name in _SAYINGS)
        return tuple(dict.fromkeys(line for line in lines if line))

    @property
    def text(self) -> str:
        """All that it says, in lower case, to look for words in."""
        return " ".join((self.code, *self.said)).lower()

    @property
    def retry_after(self) -> float | None:
        """Seconds: the longest wait that the header or the body asks for; else until the rate limit's reset; else None.

        Moments are counted from the answer's own Date, so that no clock of ours comes into it.
        """
        now = _moment(self.headers.get("date", ""))
        asked = [_wait(given, now) for given in (self.headers.get("retry-after"), (self.outer or {}).get("retryAfter"))]
        if all(wait is None for wait in asked):
            asked = [_wait(self.headers.get("x-ratelimit-reset"), now)]
        return max((wait for wait in asked if wait is not None), default=None)

    def __str__(self) -> str:
        if 300 <= self.status < 400:
            return f"{self.status}, a redirect, which is not followed: check the provider's url"
        if self.said:
            return f"{self.status}: {self.said[0]}"
        return f"{self.status}" if self.is_json else f"{self.status} with something that is not the API's JSON"


def opened(answer: Answer, *, key: str) -> Envelope:
    """The answer as an envelope; never fails. key: is left out of what it says."""
    outer = _json_object(answer.body)
    data = _object(outer.get("data")) if outer and "data" in outer else outer or {}
    return Envelope(status=answer.status, headers=answer.headers, outer=outer, data=data, key=key)


def _json_object(body: bytes) -> Mapping[str, object] | None:
    try:
        # Replaced, not refused: a result is read only once, and a guest's stray byte must not cost it.
        value = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _line(value: object, key: str) -> str:
    if not isinstance(value, str):
        return ""
    text = value.replace(key, "[key]") if key else value
    line = _UNPRINTABLE.sub(" ", text[: 4 * MAX_MESSAGE]).strip()
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 1] + "…"


def _wait(given: object, now: datetime | None) -> float | None:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return float(min(MAX_WAIT, given)) if given >= 0 else None
    if not isinstance(given, str):
        return None
    if seconds := _SECONDS.fullmatch(given):
        return min(MAX_WAIT, float(seconds[1]))
    moment = _moment(given)
    if moment is None or now is None:
        return None
    return min(MAX_WAIT, max(0.0, (moment - now).total_seconds()))


def _moment(text: str) -> datetime | None:
    """A moment as an HTTP date or in ISO 8601 with a zone."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(text[:64].strip())
        except (ValueError, OverflowError):
            continue
        if moment.tzinfo is not None:
            return moment
    return None
