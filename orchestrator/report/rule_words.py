"""The rules of a run and of its steps in a plan's own words, for all who tell of them."""

import json
from collections.abc import Mapping
from enum import Enum

from orchestrator import codec
from orchestrator.model.ids import Value
from orchestrator.model.origin import Text
from orchestrator.model.plan import Slot, Wave
from orchestrator.model.playbook import File, Interrupted, Outcome, Repeat, Retries, RunOnce
from orchestrator.model.rollout import Spread
from orchestrator.report.visible import spelled
from orchestrator.report.words import OUTCOMES, count, period, short

SCOPES: Mapping[RunOnce, str] = {RunOnce.RUN: "once in the run", RunOnce.WAVE: "once in each wave"}

FLAGS: Mapping[str, str] = {
    "irreversible": "irreversible",
    "background": "a background service",
    "secret": "secret: what it does and prints is not shown",
    "plain": "sent plain: its outcome may stay unknown",
}
"""What a slot is or is not, by its field."""

RERUN = "run again if interrupted"


def limits(slot: Slot) -> list[str]:
    """What bounds a slot, and how it is run where that is not as usual."""
    said = [f"timeout {period(slot.timeout)}"]
    said += [retries(slot.retries)] if slot.retries.attempts > 1 else []
    said += [FLAGS[name] for name in ("irreversible", "background", "secret") if getattr(slot, name)]
    said += [RERUN] if slot.interrupted is Interrupted.RERUN else []
    return said + ([FLAGS["plain"]] if slot.plain else [])


def retries(rule: Retries) -> str:
    """How often a step is tried, and when again."""
    if rule.attempts == 1:
        return "one attempt"
    said = f"up to {rule.attempts} attempts, {period(rule.delay)} apart"
    if rule.backoff != 1:
        said += f", each pause {rule.backoff:g} times the last, {period(rule.max_delay)} at most"
    if rule.jitter or rule.jitter_percent:
        most = period(rule.jitter) if rule.jitter else f"{rule.jitter_percent:g}%"
        said += f", and up to {most} more by chance"
    return said


def undone_after(undo: Slot) -> str:
    """After which outcomes of its step an undo is run."""
    return _either(["ok", *(OUTCOMES[outcome] for outcome in undo.undo_on)])


def file_words(file: File) -> str:
    """A file that goes into the guest."""
    kind = "binary, " if file.binary else ""
    return f"{spelled(file.name)}: {kind}{count(len(file.content), 'byte')}, sha256 {short(file.sha256)}"


def ok_exit(slot: Slot) -> str:
    """The exit statuses that are a success."""
    return _either([str(status) for status in slot.ok_exit])


def _either(words: list[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def spread(rule: Spread) -> str:
    """What a spread bounds, after how many hosts that are."""
    return f"of one {rule.by} under way at once, no more"


def budget(wave: Wave) -> str:
    """A wave's own budget; empty where it has none."""
    if wave.max_failures is None:
        return ""
    said = "no host" if wave.max_failures == 0 else count(wave.max_failures, "host")
    return f"{said} of it may fail or be unreachable"


def passed(value: Value) -> str:
    """What was passed for a parameter, as JSON; text bare where that says the same: `v2`, `"1"`, `1`, `""`."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except (ValueError, RecursionError):
            return value or '""'
    return codec.canonical(value).decode()


_TIMES = frozenset({"timeout", "min_healthy", "progress_deadline"})


def told(name: str, value: object) -> str:
    """The value of a rule's field in words; empty where it is not set. A text is its source, wherever it stands."""
    match value:
        case None | False | "" | ():
            said = ""
        case True:
            said = FLAGS.get(name, "yes")
        case int() | float():
            said = period(value) if name in _TIMES else f"{value:,}"
        case Retries():
            said = retries(value)
        case Spread():
            said = f"{value.max:,} {spread(value)}"
        case Repeat():
            said = f"item {value.index + 1} of the loop of {value.step}"
        case RunOnce():
            said = SCOPES[value]
        case Outcome():
            said = OUTCOMES[value]
        case Text():
            said = value.source
        case Enum():
            said = str(value.value)
        case tuple():
            said = ", ".join(told("", each) for each in value)
        case _:
            said = str(value)
    return said
