"""How many hosts of a run stand where, by wave and in all; one event costs the same however many waves there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

from orchestrator.model.playbook import Outcome
from orchestrator.model.state import HostState, Standing


@dataclass(slots=True, kw_only=True)
class Counts:
    """How many hosts of one wave stand where.

    failures, unreachable: what the budgets count; a host that failed and was rolled back still counts.
    owing: hosts that would have something to undo if they were taken back now.
    asking: of those under way, the ones that wait for a person. aborts: those whose failure ends the run.
    cancelled: those of which a step was ended because the run went no further.
    barred: of those never started, the ones whose value of the spread is full. budget: the wave's own, None for none.
    held, held_new: those under way, and those not begun, that wait for a step which runs once, on another host.
    barred_and_held: of those never started, the ones that are counted in both barred and held_new.
    lost: steps that run once, on a host of this wave, from which nobody can go on.
    """

    standing: dict[Standing, int] = field(default_factory=lambda: dict.fromkeys(Standing, 0))
    failures: int = 0
    unreachable: int = 0
    owing: int = 0
    asking: int = 0
    aborts: int = 0
    cancelled: int = 0
    barred: int = 0
    budget: int | None = None
    held: int = 0
    held_new: int = 0
    barred_and_held: int = 0
    lost: int = 0

    def add(self, state: HostState, stands: Standing, sign: int, *, owing: bool) -> None:
        """Count one host as it stands (sign 1), or no more (-1). owing: it would have something to undo."""
        self.standing[stands] += sign
        self.unreachable += sign * (state.failure is Outcome.UNREACHABLE)
        fell = state.failure is not Outcome.UNREACHABLE and (state.failure is not None or state.ever_failed_finally)
        self.failures += sign * fell
        self.asking += sign * (state.asks is not None and state.failure is None)
        self.aborts += sign * state.aborts
        self.cancelled += sign * state.cancelled
        self.owing += sign * owing

    @property
    def resting(self) -> int:
        """Of those under way, the ones that do nothing by themselves while the run goes forward."""
        return self.asking + self.held

    @property
    def ready(self) -> int:
        """Of those never started, the ones that could begin if there were a place."""
        return self.standing[Standing.NEVER_STARTED] - self.barred - self.held_new + self.barred_and_held

    @property
    def over(self) -> bool:
        """Whether the wave's own budget is over."""
        return self.budget is not None and self.failures + self.unreachable > self.budget


class RunCounts(Sequence[Counts]):
    """The counters of every wave, and of the whole run.

    total: over all waves; of it the budgets read, which must not cost more where there are many waves.
    busy, owing, over: the waves (indices) with hosts under way, with something to undo, and over their own budget.
    """

    def __init__(self, budgets: Sequence[int | None]) -> None:
        self._waves = [Counts(budget=budget) for budget in budgets]
        self.total = Counts()
        self.busy: set[int] = set()
        self.owing: set[int] = set()
        self.over: set[int] = set()

    def add(self, wave: int, state: HostState, stands: Standing, sign: int, *, owing: bool) -> None:
        """Count one host of a wave as it stands (sign 1), or no more (-1). owing: it would have something to undo."""
        counts = self._waves[wave]
        for each in (counts, self.total):
            each.add(state, stands, sign, owing=owing)
        _keep(self.busy, wave, wanted=counts.standing[Standing.BUSY] > 0)
        _keep(self.owing, wave, wanted=counts.owing > 0)
        _keep(self.over, wave, wanted=counts.over)

    def lose(self, wave: int, steps: int) -> None:
        """Nobody can go on from so many more steps that run once, on a host of this wave."""
        self._waves[wave].lost += steps
        self.total.lost += steps

    @overload
    def __getitem__(self, index: int) -> Counts: ...

    @overload
    def __getitem__(self, index: slice) -> list[Counts]: ...

    def __getitem__(self, index: int | slice) -> Counts | list[Counts]:
        return self._waves[index]

    def __len__(self) -> int:
        return len(self._waves)

    def __iter__(self) -> Iterator[Counts]:
        return iter(self._waves)


def _keep(waves: set[int], wave: int, *, wanted: bool) -> None:
    (waves.add if wanted else waves.discard)(wave)
