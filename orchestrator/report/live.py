"""The view of a run under way: how far the waves are, what failed, who is in flight; never taller than it may be."""

from dataclasses import dataclass
from itertools import islice

from orchestrator.core.run_state import RunState
from orchestrator.model.event import (
    AttemptEnded,
    AttemptStarted,
    HostSettled,
    Recorded,
    RetryPlanned,
    UndoEnded,
    UndoStarted,
)
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.plan import Section
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import RunStatus, Standing
from orchestrator.report.api_health import how_ill
from orchestrator.report.verdict import WORDS
from orchestrator.report.visible import visible
from orchestrator.report.words import OUTCOMES, count, took

LEAST_HEIGHT = 6
"""Lines below which nothing of use can be shown; a frame may be that tall anywhere."""

_BROKEN = (Standing.FAILED, Standing.UNREACHABLE, Standing.UNKNOWN, Standing.ROLLBACK_FAILED)
_LOOKED_AT = 500
"""Attempts in flight that are looked at to find the oldest: a frame's cost must not depend on the fleet's size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveRow:
    """How many hosts of a wave stand where; the numbers sum to `hosts`. number counts from 1."""

    number: int
    name: str
    hosts: int
    ok: int
    failed: int
    rolled_back: int
    stopped: int
    busy: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRow:
    """A host that failed, and how."""

    host: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightRow:
    """A host that is under way: an attempt, with its age, or the wait for the next one."""

    host: str
    step: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is shown. `..._hidden`: rows that had no room. elapsed: seconds. note: what is to be said besides."""

    title: str
    elapsed: float
    waves: tuple[WaveRow, ...]
    waves_hidden: int
    failures: tuple[FailureRow, ...]
    failures_hidden: int
    flights: tuple[FlightRow, ...]
    flights_hidden: int
    note: str = ""

    @property
    def height(self) -> int:
        """Lines of the frame: the title, one for each row and for each kind of hidden ones, and the note."""
        rows = len(self.waves) + len(self.failures) + len(self.flights)
        hidden = (self.waves_hidden, self.failures_hidden, self.flights_hidden)
        return 1 + rows + sum(map(bool, hidden)) + bool(self.note)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flight:
    """An attempt that began at this time; or, waiting: that is not to begin before it. attempt: which, of how many."""

    step: str
    attempt: str
    at: float
    waiting: bool = False

    def said(self, now: float) -> str:
        if self.waiting:
            return f"{self.attempt} in {took(max(0.0, self.at - now))}"
        return took(now - self.at) + (f", {self.attempt}" if self.attempt else "")


class LiveWatch:
    """Follows a run's events, so that a frame costs the same however large the fleet is.

    state: the run's own, which the events have already changed when they get here.
    """

    def __init__(self, run: RunId, state: RunState, began_at: float) -> None:
        self._run = run
        self._state = state
        self._began_at = began_at
        self._flights: dict[HostName, _Flight] = {}
        self._failures: dict[HostName, FailureRow] = {}
        for host, mine in state.hosts.items():  # a run that is taken up again has a past
            for slot, progress in zip(state.layout.slots, mine.progress, strict=True):
                if progress.running:
                    self._begin(host, slot.name, slot.section is Section.UNDO, progress.attempts, progress.started_at)

    def observe(self, recorded: Recorded) -> None:
        """Take one event in."""
        match recorded.event:
            case AttemptStarted() | UndoStarted() as event:
                undo = isinstance(event, UndoStarted)
                self._begin(event.host, event.step, undo, event.attempt, recorded.at)
            case RetryPlanned() as event:
                self._begin(event.host, event.step, event.undo, event.attempt, event.not_before, waiting=True)
            case AttemptEnded() | UndoEnded() as event:
                self._flights.pop(event.host, None)
                if event.outcome is not Outcome.OK:
                    self._note_failure(event)
            case HostSettled() as event:
                self._flights.pop(event.host, None)
            case _:
                pass

    def _begin(
        self, host: HostName, step: StepName, undo: bool, attempt: int, at: float, *, waiting: bool = False
    ) -> None:
        allowed = self._state.layout.slots[self._state.layout.find(step, undo=undo)].retries.attempts
        said = f"attempt {attempt} of {allowed}" if allowed > 1 else ""
        self._flights[host] = _Flight(step=f"undo of {step}" if undo else step, attempt=said, at=at, waiting=waiting)

    def _note_failure(self, event: AttemptEnded | UndoEnded) -> None:
        mine = self._state.hosts[event.host]
        undo = isinstance(event, UndoEnded)
        looks = self._state.layout.find(event.step, undo=undo) in self._state.layout.checks
        if not undo and not looks and mine.failure is None:
            return  # it will be tried again
        step = f"undo of {event.step}" if undo else event.step
        said = f"{step}: {OUTCOMES[event.outcome]}{f', {event.detail}' if event.detail else ''}"
        self._failures.pop(event.host, None)
        self._failures[event.host] = FailureRow(host=visible(event.host), said=visible(said))

    def frame(self, now: float, height: int, note: str = "") -> Frame:
        """What to show at `now` (seconds since the epoch) in so many lines, at the least LEAST_HEIGHT.

        Failures have the first claim on the lines, then the waves, then what is in flight, the oldest first.
        """
        note = "  ".join(filter(None, (note, how_ill(self._state.ill) if self._state.ill else "")))
        room = max(height, LEAST_HEIGHT) - 1 - bool(note)
        failures = [*reversed(self._failures.values())]
        failures = failures[: _fitting(len(failures), max(1, room // 3))]
        room -= len(failures) + (len(failures) < len(self._failures))
        waves = self._wave_rows(max(2, room * 2 // 3))
        room -= len(waves) + (len(waves) < len(self._state.waves))
        flights = self._oldest(now)[: _fitting(len(self._flights), room)]
        return Frame(
            title=self._title(),
            elapsed=max(0.0, now - self._began_at),
            waves=tuple(waves),
            waves_hidden=len(self._state.waves) - len(waves),
            failures=tuple(failures),
            failures_hidden=len(self._failures) - len(failures),
            flights=tuple(flights),
            flights_hidden=len(self._flights) - len(flights),
            note=note,
        )

    def _title(self) -> str:
        plan, status = self._state.plan, self._state.status()
        word = ", the API is ill" if self._state.ill else ""
        word = word if status is RunStatus.RUNNING else f", {WORDS[status].lower()}"
        if question := self._state.between.question:
            word += f", at {question.gate.name} after wave {question.wave + 1}"
        return visible(f"{plan.playbook} on {count(len(plan.hosts), 'host')}, run {self._run}{word}")

    def _oldest(self, now: float) -> list[FlightRow]:
        found = sorted(islice(self._flights.items(), _LOOKED_AT), key=lambda each: each[1].at)
        return [FlightRow(host=visible(host), step=visible(each.step), said=each.said(now)) for host, each in found]

    def _wave_rows(self, room: int) -> list[WaveRow]:
        """The waves, in their order; where not all have room, those around the one that was opened last."""
        total = len(self._state.waves)
        shown = _fitting(total, room)
        first = max(0, min(self._state.opened - 1, total - shown))
        return [self._wave_row(index) for index in range(first, first + shown)]

    def _wave_row(self, index: int) -> WaveRow:
        wave, standing = self._state.plan.waves[index], self._state.waves[index].standing
        return WaveRow(
            number=index + 1,
            name=visible(wave.name),
            hosts=len(wave.hosts),
            ok=standing[Standing.OK],
            failed=sum(standing[each] for each in _BROKEN),
            rolled_back=standing[Standing.ROLLED_BACK],
            stopped=standing[Standing.STOPPED],
            busy=standing[Standing.BUSY],
            waiting=standing[Standing.NEVER_STARTED],
        )


def _fitting(rows: int, lines: int) -> int:
    """How many rows are shown in so many lines: all of them, or as many as leave a line to say that there are more."""
    return rows if rows <= lines else lines - 1
