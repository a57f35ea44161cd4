"""What a report is made from: a run's state, and what stands beside it in the journal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo

from orchestrator.core.certificate import Certificate
from orchestrator.core.run_state import RunState
from orchestrator.model.host import HostFence
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.request import Request
from orchestrator.ports import Output
from orchestrator.report.words import WIDTH

Which = tuple[HostName, StepName, bool]
"""A slot on a host: the step, and whether it is its undo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """What another run has taken back of a run, by the names of its lists; `running` while it is not over there."""

    by: RunId
    lists: Mapping[str, tuple[HostName, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run, as reports see it.

    created_at, last_at: seconds since the epoch; when it was created, and when its latest event happened.
    argv: the command line that began it. driver: the process that drives it now, in words; empty for none.
    outputs: of the latest attempt of each slot that failed, as far as they are at hand.
    fences: around hosts that this run has left half taken back, as long as nobody has said that they are well again.
    taken_back: what later runs have taken back of this one.
    answer: what a person has said to the gate that the run is at, as long as no process has acted on it.
    certificate: where something was taken back here, and a program asks for it: all outputs go into it.
    """

    id: RunId
    state: RunState
    created_at: float
    last_at: float
    by: str = ""
    argv: tuple[str, ...] = ()
    driver: str = ""
    outputs: Mapping[Which, Output] = field(default_factory=dict)
    fences: tuple[HostFence, ...] = ()
    taken_back: tuple[TakenBack, ...] = ()
    answer: Request | None = None
    certificate: Certificate | None = None

    @property
    def open(self) -> bool:
        """Whether there is still something to come of it."""
        return self.state.finished is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What a text is set on: its width in columns, and the reader's time zone (None: this machine's)."""

    width: int = WIDTH
    zone: tzinfo | None = None


PAPER = Paper()
