"""The words of the reports: counts, durations, times, outcomes, and where hosts stand."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo

from orchestrator.core.pattern import fold_names
from orchestrator.gates.words import period as period  # noqa: PLC0414  # one of the words, told here too
from orchestrator.model.plan import Section, Slot
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import Standing
from orchestrator.report.visible import visible

WIDTH = 100
"""Columns of a report where nothing else is known."""

OUTCOMES: Mapping[Outcome, str] = {
    Outcome.OK: "ok",
    Outcome.FAILED: "failed",
    Outcome.TIMED_OUT: "timed out",
    Outcome.UNREACHABLE: "unreachable",
    Outcome.UNKNOWN: "unknown",
}

LISTS: Mapping[Standing, str] = {
    Standing.OK: "ok",
    Standing.FAILED: "failed",
    Standing.UNREACHABLE: "unreachable",
    Standing.UNKNOWN: "unknown",
    Standing.ROLLED_BACK: "rolled back",
    Standing.ROLLBACK_FAILED: "rollback failed",
    Standing.STOPPED: "stopped",
    Standing.BUSY: "under way",
    Standing.NEVER_STARTED: "never started",
}
"""The lists of a report by what they are called, in the order in which they are shown."""


def state_of(standing: Standing) -> str:
    """Where a host stands, as programs read it: the name of its list; `running` while it is not settled."""
    return "running" if standing is Standing.BUSY else standing.value


def called(slot: Slot) -> str:
    """What a slot is called where all of a host's slots are told: `pull`, `undo of pull`, `gate health`."""
    match slot.section:
        case Section.UNDO:
            return f"undo of {slot.name}"
        case Section.GATES:
            return f"gate {slot.name}"
        case _:
            return slot.name


def count(number: int, noun: str) -> str:
    """`1 host`, `2 hosts`, `1,200 hosts`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def names(hosts: Sequence[str]) -> str:
    """Hosts folded into one pattern, `web-[003-016,020]`, which `-l` takes back."""
    return visible(fold_names(hosts))


def took(seconds: float) -> str:
    """A measured time: `0.4 s`, `14.2 s`, `2m 14s`, `1h 02m`."""
    if seconds < 59.95:
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02}s"
    return f"{minutes // 60}h {minutes % 60:02}m"


def moment(at: float, zone: tzinfo | None) -> datetime:
    """A time (seconds since the epoch) in a zone; None: that of the machine this runs on."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone)


def clock_time(at: float, zone: tzinfo | None) -> str:
    """`07:12:33`."""
    return f"{moment(at, zone):%H:%M:%S}"


def date_time(at: float, zone: tzinfo | None) -> str:
    """`2026-11-24 07:12:33 CET`."""
    return f"{moment(at, zone):%Y-%m-%d %H:%M:%S %Z}"


def iso(at: float) -> str:
    """A time as programs read it: ISO 8601 in UTC with milliseconds, `2026-11-24T07:12:33.250Z`."""
    return moment(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def short(digest: str) -> str:
    """As much of a digest as a person compares."""
    return digest[:12]
