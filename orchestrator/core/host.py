"""What to do next on one host."""

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.core.evolve import given_up, wants_answer
from orchestrator.core.host_decisions import (
    Ask,
    Attend,
    AwaitApi,
    Fail,
    HostDecision,
    Lapse,
    PlanRetry,
    Rest,
    Settle,
    Signals,
    Skip,
    Start,
    WaitUntil,
)
from orchestrator.core.late import decide_when
from orchestrator.core.layout import Layout, Undo
from orchestrator.model.plan import HostPlan
from orchestrator.model.playbook import Outcome, Retries
from orchestrator.model.state import HostState, Progress, Standing
from orchestrator.template import TemplateError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Here:
    """One host at one moment: what every part of the decision looks at."""

    layout: Layout
    plan: HostPlan
    state: HostState
    now: float


def decide(layout: Layout, plan: HostPlan, state: HostState, signals: Signals, now: float) -> HostDecision:
    """What to do next on one host, at `now` (seconds since the epoch)."""
    if signals.left:
        return Rest()
    here = _Here(layout=layout, plan=plan, state=state, now=now)
    for index, progress in enumerate(state.progress):
        if progress.running:
            return Attend(slot=index, attempt=progress.attempts)
    if signals.paused:
        return Rest()
    decision = _work(here, signals)
    if decision is None and state.touched and state.settled is None and not signals.now:
        decision = _first_due(here, layout.finally_, past_failures=True)
    if decision is not None:
        return AwaitApi() if signals.ill and isinstance(decision, Start) else decision
    standing = stand(layout, state)
    return Rest() if standing in (state.settled, Standing.NEVER_STARTED) else Settle(standing=standing)


def _work(here: _Here, signals: Signals) -> HostDecision | None:
    """The next thing before the end of the host: an undo where it is to be taken back, else a step."""
    if not signals.forward and (open_question := _question(here)) is not None:
        return Lapse(slot=open_question, why="the run goes no further")
    if takes_back(here.state, signals):
        return _next_undo(here)
    if signals.forward and here.state.failure is None and (signals.begin or here.state.begun):
        return _first_due(here, here.layout.steps)
    return None


def _question(here: _Here) -> int | None:
    """The slot from which the host cannot go on before a person has said how; None: there is none."""
    if here.state.failure is not None:
        return None
    wants = (i for i in here.layout.steps if wants_answer(here.layout.slots[i], here.state.progress[i]))
    return next(wants, None)


def takes_back(state: HostState, signals: Signals) -> bool:
    """Whether this host is to be taken back."""
    if state.stays:
        return False
    return signals.undo or (signals.self_undo and state.failure is not None)


def owed(layout: Layout, state: HostState) -> tuple[Undo, ...]:
    """The undos that the rules ask for and that are not done, in the order of undoing.

    A step is taken back after ok, and after the outcomes that its rule names (CONTRACT: `on`).
    """

    def asks(undo: Undo) -> bool:
        step, slot = state.progress[undo.step], layout.slots[undo.slot]
        if step.outcome is None:
            return False
        return step.outcome is Outcome.OK or step.outcome in slot.undo_on

    return tuple(u for u in layout.undos if asks(u) and not state.progress[u.slot].done)


def undo_failed(layout: Layout, state: HostState) -> bool:
    """Whether an undo, or a step after the undos, has failed for good."""
    undos = (undo.slot for undo in layout.undos)
    return any(given_up(layout.slots[i], state.progress[i]) for i in (*undos, *layout.after_rollback))


def owes_undo(layout: Layout, state: HostState) -> bool:
    """Whether something would be done here if the host were taken back now."""
    if state.stays or undo_failed(layout, state):
        return False
    return bool(owed(layout, state)) or (_undone(layout, state) and not _all_done(state, layout.after_rollback))


def _undone(layout: Layout, state: HostState) -> bool:
    return any(state.progress[undo.slot].done for undo in layout.undos)


def _all_done(state: HostState, slots: Iterable[int]) -> bool:
    return all(state.progress[i].done for i in slots)


def _next_undo(here: _Here) -> HostDecision | None:
    """The next undo, newest step first; then the steps after them, if anything was undone at all."""
    layout, state = here.layout, here.state
    if undo_failed(layout, state):
        return None
    if open_undos := owed(layout, state):
        return _due(here, open_undos[0].slot)
    if _undone(layout, state):
        return _first_due(here, layout.after_rollback)
    return None


def _first_due(here: _Here, slots: Iterable[int], *, past_failures: bool = False) -> HostDecision | None:
    """The first slot that is not done. past_failures: one that failed for good does not hold up the next."""
    for index in slots:
        progress = here.state.progress[index]
        if progress.done or (past_failures and given_up(here.layout.slots[index], progress)):
            continue
        return _due(here, index)
    return None


def _due(here: _Here, index: int) -> HostDecision:
    """What to do about a slot whose turn it is."""
    progress, slot = here.state.progress[index], here.layout.slots[index]
    number = progress.attempts + 1
    if progress.retry_at is not None:
        if here.now < progress.retry_at:
            return WaitUntil(at=progress.retry_at)
    elif wants_answer(slot, progress):
        return Rest() if here.state.asks else Ask(slot=index, detail=progress.detail)
    elif progress.outcome is not None and not progress.done:
        return PlanRetry(slot=index, attempt=number, delay=retry_delay(slot.retries, progress))
    elif index in here.plan.done:
        return Skip(slot=index, reason=f"done in run {here.plan.done_in}")
    else:
        try:
            if not _holds(here, index):
                return Skip(slot=index, reason="when is false")
        except TemplateError as error:
            return Fail(slot=index, attempt=number, detail=str(error))
    return Start(slot=index, attempt=number)


def _holds(here: _Here, index: int) -> bool:
    """Whether the `when` of a slot holds, now that its turn has come. Raises TemplateError."""
    planned = here.plan.whens[index]
    if planned is not None:
        return planned
    return decide_when(here.layout.slots[index], here.plan, here.state.registered)


def retry_delay(retries: Retries, progress: Progress) -> float:
    """Seconds before the next attempt: delay x backoff^(attempts - 1), at most max_delay.

    With delay 5, backoff 2: 5 after the first attempt, 10 after the second, 20 after the third.
    """
    # A large backoff over many attempts would overflow a float; 64 doublings are past any max_delay.
    exponent = min(progress.attempts - 1, 64)
    return float(min(retries.delay * retries.backoff**exponent, retries.max_delay))


_STANDING_OF: dict[Outcome, Standing] = {
    Outcome.FAILED: Standing.FAILED,
    Outcome.TIMED_OUT: Standing.FAILED,
    Outcome.UNREACHABLE: Standing.UNREACHABLE,
    Outcome.UNKNOWN: Standing.UNKNOWN,
}


def stand(layout: Layout, state: HostState) -> Standing:
    """Where a host stands once nothing is left to do there."""
    end_failed = finally_failed(layout, state)
    if undo_failed(layout, state):
        return Standing.ROLLBACK_FAILED
    if _undone(layout, state):
        cut_short = owed(layout, state) or not _all_done(state, layout.after_rollback)
        return Standing.ROLLBACK_FAILED if end_failed or cut_short else Standing.ROLLED_BACK
    if state.failure is not None:
        return _STANDING_OF[state.failure]
    if end_failed:
        return Standing.FAILED
    if _all_done(state, layout.steps):
        return Standing.OK
    return Standing.STOPPED if state.begun else Standing.NEVER_STARTED


def finally_failed(layout: Layout, state: HostState) -> bool:
    """Whether a step of `finally` has failed for good."""
    return any(given_up(layout.slots[i], state.progress[i]) for i in layout.finally_)
