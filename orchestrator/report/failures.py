"""What failed, grouped: the same failure of many hosts is told once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator.core.evolve import given_up
from orchestrator.core.run_state import RunState
from orchestrator.model.host import Host
from orchestrator.model.ids import HostName
from orchestrator.model.plan import Section, Slot
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import Progress
from orchestrator.ports import Output
from orchestrator.report.view import Which
from orchestrator.report.visible import output_lines, visible
from orchestrator.report.words import OUTCOMES

LINES = 15
"""Lines of an output that are shown, from its end."""

MAX_COMPARED = 64 * 1024
"""Characters at the end of an output that are looked at."""


SECTIONS = tuple(sorted(Section, key=lambda section: section not in (Section.STEPS, Section.GATES)))
"""In the order in which a host meets them: what fails in a later one may come of what failed in an earlier one.

A gate is asked on hosts that are ok: what follows where it fails is undos, and what comes after them.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A slot that failed for good on one host."""

    host: HostName
    slot: Slot
    progress: Progress

    @property
    def undo(self) -> bool:
        return self.slot.section is Section.UNDO

    @property
    def which(self) -> Which:
        return self.host, self.slot.name, self.undo

    @property
    def outcome(self) -> Outcome:
        return self.progress.outcome or Outcome.UNKNOWN

    @property
    def detail(self) -> str:
        """Why, in a few words."""
        if self.progress.detail:
            return visible(self.progress.detail)
        if self.progress.exit_code is not None:
            return f"exit status {self.progress.exit_code}"
        return "killed by a signal" if self.outcome is Outcome.FAILED else OUTCOMES[self.outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Hosts on which the same failed in the same way, in the plan's order; the first one's words stand for all.

    stdout, stderr: the last lines of the first one's output, visible.
    """

    hosts: tuple[HostName, ...]
    first: Failure
    stdout: tuple[str, ...] = ()
    stderr: tuple[str, ...] = ()


def failures(state: RunState) -> Iterator[Failure]:
    """Every slot that failed for good, host by host in the plan's order; one that was cancelled did not fail."""
    slots = state.layout.slots
    for host, mine in state.hosts.items():
        if mine.touched:
            for slot, progress in zip(slots, mine.progress, strict=True):
                if progress.cancelled:
                    continue
                if given_up(slot, progress) or (slot.name == mine.failed_step and slot.section is Section.STEPS):
                    yield Failure(host=host, slot=slot, progress=progress)


def group(state: RunState, outputs: Mapping[Which, Output]) -> list[FailureGroup]:
    """The failures of a run, those that look alike together; a cause before what came of it, then the most hosts first.

    Alike are failures of one slot with one outcome, and the same words and last lines of output, what differs from
    host to host and from time to time left aside.
    """
    known = {each.host.name: each.host for each in state.plan.hosts}
    alike: dict[tuple[object, ...], list[Failure]] = {}
    for failure in failures(state):
        alike.setdefault(_likeness(failure, outputs.get(failure.which), known[failure.host]), []).append(failure)
    groups = [_group(each, outputs) for each in alike.values()]
    return sorted(groups, key=lambda each: (SECTIONS.index(each.first.slot.section), -len(each.hosts)))


def _group(alike: list[Failure], outputs: Mapping[Which, Output]) -> FailureGroup:
    first = next((each for each in alike if each.which in outputs), alike[0])
    output = outputs.get(first.which)
    return FailureGroup(
        hosts=tuple(each.host for each in alike),
        first=first,
        stdout=_last_lines(output.stdout) if output else (),
        stderr=_last_lines(output.stderr) if output else (),
    )


def _likeness(failure: Failure, output: Output | None, host: Host) -> tuple[object, ...]:
    shown = (*_last_lines(output.stdout), "", *_last_lines(output.stderr)) if output else ()
    texts = tuple(normalise(line, host) for line in (failure.detail, *shown))
    progress = failure.progress
    after = (progress.exit_code, progress.excused, progress.skipped)
    return failure.slot.name, failure.slot.section, failure.outcome, after, texts


def _last_lines(text: str) -> tuple[str, ...]:
    lines = output_lines(text[-MAX_COMPARED:].rstrip())
    return tuple(lines[-LINES:])


_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"
)
_PID = re.compile(r"\b(pid)([ =:#]*)\d+", re.IGNORECASE)
_BRACKETED = re.compile(r"(?<=\w)\[\d+\](?=:)")
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b", re.IGNORECASE)
_SECONDS = re.compile(r"\b\d+(?:[.,]\d+)? ?(?:ms|s|seconds)\b")


def normalise(line: str, host: Host) -> str:
    """A line without what differs from host to host (names, vmid) and from time to time (times, pids, addresses)."""
    for name in _names(host):
        if name in line:
            line = re.sub(rf"(?<![\w.]){re.escape(name)}(?!\w)", "HOST", line)
    line = _PID.sub(r"\1\2N", _TIME.sub("TIME", line))
    return _SECONDS.sub("SECONDS", _ADDRESS.sub("ADDRESS", _BRACKETED.sub("[N]", line)))


def _names(host: Host) -> list[str]:
    """What a host may be called, longest first: one of them may begin with another."""
    hostname = host.hostname or ""
    return sorted(filter(None, {host.name, host.vmid, hostname, hostname.partition(".")[0]}), key=len, reverse=True)
