"""Every step of a run on every host, as test reports have it: what was tried, what came of it, what was printed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from orchestrator.core.evolve import given_up
from orchestrator.model.ids import HostName
from orchestrator.model.plan import Section, Slot
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import HostState, Progress
from orchestrator.ports import Output
from orchestrator.report.view import RunView, Which
from orchestrator.report.words import OUTCOMES, called


class Verdict(Enum):
    """What came of a case."""

    PASSED = "passed"
    """It was ok."""
    FAILED = "failed"
    """It failed for good, or ran out of time."""
    ERROR = "error"
    """Nobody knows whether it ran, or it could not be started."""
    SKIPPED = "skipped"
    """It was not run, or its failure counts for nothing."""


UNCERTAIN = (Section.UNDO, Section.AFTER_ROLLBACK, Section.GATES)
"""What is a case only where it was begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One slot on one host. wave: its index. seconds: of the last attempt. said: why it is not passed."""

    host: HostName
    wave: int
    step: str
    verdict: Verdict
    seconds: float = 0.0
    said: str = ""
    kind: str = ""
    output: Output | None = None


def cases(view: RunView, outputs: Mapping[Which, Output]) -> Iterator[Case]:
    """Every case of a run, host by host in the plan's order; what is UNCERTAIN only where it was begun.

    In a run that takes another back, no step was run forward: there is no case of one.
    outputs: of the latest attempt of each slot, as far as they are known.
    """
    state = view.state
    for host, mine in state.hosts.items():
        for slot, progress in zip(state.layout.slots, mine.progress, strict=True):
            if slot.section in UNCERTAIN and not progress.touched:
                continue
            if slot.section is Section.STEPS and state.layout.goes_back:
                continue
            undo = slot.section is Section.UNDO
            verdict, said = _judge(slot, progress, mine)
            yield Case(
                host=host,
                wave=state.wave_of(host),
                step=called(slot),
                verdict=verdict,
                seconds=progress.duration,
                said=said,
                kind=progress.outcome.value if progress.outcome else "",
                output=outputs.get((host, slot.name, undo)),
            )


def _judge(slot: Slot, progress: Progress, mine: HostState) -> tuple[Verdict, str]:
    outcome = progress.outcome
    if progress.running:
        return Verdict.ERROR, "it has not ended"
    if outcome is None or (progress.skipped and outcome is Outcome.OK):
        return Verdict.SKIPPED, "passed over" if progress.skipped else "never begun"
    if outcome is Outcome.OK:
        return Verdict.PASSED, ""
    said = progress.detail or OUTCOMES[outcome]
    if progress.excused or progress.skipped:
        return Verdict.SKIPPED, f"{said}; the host went on all the same"
    if not given_up(slot, progress) and mine.failed_step != slot.name:
        return Verdict.ERROR, f"{said}; it is to be tried again, or a person has to say how it goes on"
    is_failure = outcome in (Outcome.FAILED, Outcome.TIMED_OUT)
    return Verdict.FAILED if is_failure else Verdict.ERROR, said
