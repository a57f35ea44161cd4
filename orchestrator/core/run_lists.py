"""The lists of earlier runs that a limit names: `@RUN.failed`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.core.run_state import RunState
from orchestrator.errors import InputError
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.near import did_you_mean
from orchestrator.model.state import Standing

_REFERENCE = re.compile(r"@(?P<run>[\w-]+)(?:\.(?P<list>[\w-]*))?")

LISTS = {standing.value: standing for standing in Standing if standing is not Standing.BUSY}
"""Every list by the name that is typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunList:
    """A list of a run, as it was typed: text is all of it, run what stands for the run."""

    text: str
    run: str
    standing: Standing


def run_lists(pattern: str) -> tuple[RunList, ...]:
    """The lists of runs that a pattern names, each once. Raises InputError where it is not said which list."""
    found = {match[0]: _read(match) for match in _REFERENCE.finditer(pattern)}
    return tuple(found.values())


def _read(match: re.Match[str]) -> RunList:
    name = (match["list"] or "").replace("-", "_")
    if name not in LISTS:
        fix = did_you_mean(name, LISTS) or f"write @{match['run']}.LIST; the lists are {', '.join(LISTS)}"
        problem = f"no list of a run is called {name!r}" if name else f"{match[0]} does not say which list of the run"
        raise InputError.of(problem, fix=fix)
    return RunList(text=match[0], run=match["run"], standing=LISTS[name])


def hosts_in(wanted: RunList, run: RunId, state: RunState) -> tuple[HostName, ...]:
    """The hosts of the list. Raises InputError where there is none: an empty choice is never run."""
    lists = state.lists()
    if hosts := lists[wanted.standing]:
        return hosts
    others = ", ".join(f"{len(hosts):,} {name}" for name, each in LISTS.items() if (hosts := lists[each]))
    fix = f"it has {others}; nothing was started" if others else "nothing was started"
    raise InputError.of(f"{wanted.text} is empty: no host of run {run} is {wanted.standing.value}", fix=fix)


def spell_out(pattern: str, lists: Sequence[RunList], runs: Mapping[str, RunId]) -> str:
    """The pattern with every run by its whole id: what `last` means today it does not mean tomorrow."""
    texts = {each.text: f"@{runs[each.run]}.{each.standing.value}" for each in lists}
    return _REFERENCE.sub(lambda match: texts[match[0]], pattern)
