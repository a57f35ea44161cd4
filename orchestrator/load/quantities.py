"""Durations, shares and rates as people write them. Every reader raises ValueError, with a sentence for its author."""

import re

from orchestrator.model.rollout import Share

_NUMBER = r"([0-9]{1,9}(?:\.[0-9]{1,6})?)"
_DURATION = re.compile(rf"(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?")
_PERCENT = re.compile(rf"{_NUMBER} ?%")
_RATE = re.compile(rf"{_NUMBER} ?/ ?([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}

MAX_DURATION = 366 * 86400.0
"""The longest duration, in seconds."""

MAX_COUNT = 10_000_000
"""The largest number of hosts that a share may name."""


def read_duration(value: object) -> float:
    """Seconds of `30s`, `5m`, `1h30m`, `2d` or a bare number of seconds: `1h30m` is 5400."""
    seconds = -1.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and value and (found := _DURATION.fullmatch(value)):
        days, hours, minutes, rest = (float(part or 0) for part in found.groups())
        seconds = days * 86400 + hours * 3600 + minutes * 60 + rest
    if not 0 <= seconds <= MAX_DURATION:
        raise ValueError("must be a duration, such as 30s, 5m, 1h30m or 2d, of at most 366d")
    return seconds


def read_jitter(value: object) -> tuple[float, float]:
    """Seconds, and percent: `10%` is (0, 10), `2s` is (2, 0)."""
    if isinstance(value, str) and (found := _PERCENT.fullmatch(value)) and float(found[1]) <= 100:
        return 0.0, float(found[1])
    try:
        return read_duration(value), 0.0
    except ValueError:
        raise ValueError("must be a percentage up to 100%, such as 10%, or a duration, such as 2s") from None


def read_share(value: object) -> Share:
    """A number of hosts, `5`, or a percentage of them, `10%`; from 0."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
        return Share(count=value)
    if isinstance(value, str) and (found := _PERCENT.fullmatch(value)) and float(found[1]) <= 100:
        return Share(percent=float(found[1]))
    raise ValueError("must be a number of hosts, such as 5, or a percentage from 0% to 100%, such as 10%")


def read_percentage(value: object) -> Share:
    """A percentage, `60%`; above 0%, since none at all is no limit that anybody means."""
    if isinstance(value, str) and (found := _PERCENT.fullmatch(value)) and 0 < float(found[1]) <= 100:
        return Share(percent=float(found[1]))
    raise ValueError("must be a percentage above 0% and up to 100%, such as 60%")


def read_size(value: object) -> Share:
    """A share that is not empty: from 1 host, or above 0%."""
    problem = "must be a number of hosts from 1, or a percentage above 0% and up to 100%, such as 10%"
    try:
        share = read_share(value)
    except ValueError:
        raise ValueError(problem) from None
    if share in (Share(count=0), Share(percent=0.0)):
        raise ValueError(problem)
    return share


def read_rate(value: object) -> float:
    """Calls per second of `5/s`, `300/m`, `1000/h` or a bare number: `300/m` is 5."""
    calls = 0.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        calls = float(value)
    elif isinstance(value, str) and (found := _RATE.fullmatch(value)):
        calls = float(found[1]) / _SECONDS[found[2]]
    if not 0 < calls <= 1_000_000:
        raise ValueError("must be a rate of calls above 0, such as 5/s, 300/m or 1000/h")
    return calls
