"""What to do next on one host."""

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.core.checks import awaits_check, worked_on
from orchestrator.core.evolve import given_up, wants_answer
from orchestrator.core.host_decisions import (
    Ask,
    Attend,
    AwaitApi,
    Fail,
    HostDecision,
    Lapse,
    OnceSignal,
    PlanRetry,
    Rest,
    Settle,
    Signals,
    Skip,
    Start,
    Wait,
    WaitUntil,
)
from orchestrator.core.late import decide_when
from orchestrator.core.layout import Layout, Undo
from orchestrator.model.plan import HostPlan, Slot
from orchestrator.model.playbook import Outcome, Retries
from orchestrator.model.state import RELIED_ON, HostState, Progress, Standing
from orchestrator.template import TemplateError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Here:
    """One host at one moment: what every part of the decision looks at."""

    layout: Layout
    plan: HostPlan
    state: HostState
    signals: Signals
    now: float
    chance: float

    def once(self, step: int, *, here: bool) -> OnceSignal | None:
        """What is told of this step if it is run once: here for all, or elsewhere."""
        name = self.plan.host.name
        found = (each for each in self.signals.once if each.slot == step and (each.host == name) == here)
        return next(found, None)


CLOCKS_DIFFER = 60.0
"""Seconds by which the clocks of two machines that drive a run may differ without anybody minding."""


def decide(
    layout: Layout, plan: HostPlan, state: HostState, signals: Signals, now: float, *, chance: float = 0.0
) -> HostDecision:
    """What to do next on one host, at `now` (seconds since the epoch).

    chance: a random number from 0 up to 1, for what is spread in time.
    """
    if signals.left:
        return Rest()
    here = _Here(layout=layout, plan=plan, state=state, signals=signals, now=now, chance=chance)
    for index, progress in enumerate(state.progress):
        if progress.running:
            return Attend(slot=index, attempt=progress.attempts)
    if signals.paused:
        return Rest()
    decision = _work(here, signals)
    if decision is None and worked_on(layout, state) and state.settled is None and not signals.now:
        decision = _first_due(here, layout.finally_, past_failures=True)
    if decision is None and signals.check is not None and awaits_check(layout, state, signals.check):
        decision = _due(here, signals.check)
    if decision is not None:
        return AwaitApi() if signals.ill and isinstance(decision, Start) else decision
    standing = stand(layout, state)
    return Rest() if standing in (state.settled, Standing.NEVER_STARTED) else Settle(standing=standing)


def _work(here: _Here, signals: Signals) -> HostDecision | None:
    """The next thing before the end of the host: an undo where it is to be taken back, else a step."""
    if not signals.forward and (open_question := _question(here)) is not None:
        return Lapse(slot=open_question, why="the run goes no further")
    if takes_back(here.state, signals):
        return None if signals.undo and _goes_last(here) else _next_undo(here)
    if signals.forward and not _ended(here.state) and (signals.begin or here.state.begun):
        if not here.state.begun and _comes_later(here):
            return Wait()
        return _first_due(here, here.layout.steps) or _handlers_due(here)
    return _handlers_due(here) if here.state.failure is not None and not signals.aborting else None


def _handlers_due(here: _Here) -> HostDecision | None:
    """The next handler that is owed; one that failed does not hold up the next."""
    return _first_due(here, here.state.owed, past_failures=True)


def _comes_later(here: _Here) -> bool:
    """Whether another host must have begun before this one: the one on which a step runs that all wait for.

    Else it could find every place under `max_parallel` taken by those that wait for it.
    """
    others = (each for each in here.signals.once if each.host != here.plan.host.name)
    return any(not (each.done or each.begun or each.slot in here.plan.done) for each in others)


def _goes_last(here: _Here) -> bool:
    """Whether others are taken back before this host: they rely on a step that was run here for all of them."""
    if any(here.state.progress[undo.slot].touched for undo in here.layout.undos):
        return False
    undos = (here.once(undo.step, here=True) for undo in owed(here.layout, here.state))
    return any(once.passing for once in undos if once)


def _ended(state: HostState) -> bool:
    """Whether the host's way forward has ended before its last step."""
    return state.failure is not None or state.cancelled


def _question(here: _Here) -> int | None:
    """The slot from which the host cannot go on before a person has said how; None: there is none.

    A run that takes another back finds that one's steps as they had ended, and nobody asks about them any more.
    """
    if here.state.failure is not None or here.layout.goes_back:
        return None
    wants = (i for i in here.layout.steps if wants_answer(here.layout.slots[i], here.state.progress[i]))
    return next(wants, None)


def takes_back(state: HostState, signals: Signals) -> bool:
    """Whether this host is to be taken back."""
    if state.stays:
        return False
    return signals.undo or (signals.self_undo and (state.failure is not None or state.cancelled))


def owed(layout: Layout, state: HostState) -> tuple[Undo, ...]:
    """The undos that the rules ask for and that are not done, in the order of undoing.

    A step is taken back after ok, and after the outcomes that its rule names (CONTRACT: `on`); one that may still be
    running only where the rule names unknown, since an undo beside it would be two commands at once.
    """

    def asks(undo: Undo) -> bool:
        step, slot = state.progress[undo.step], layout.slots[undo.slot]
        if step.effect is None:
            return False
        if step.may_be_running:
            return Outcome.UNKNOWN in slot.undo_on
        return step.effect is Outcome.OK or step.effect in slot.undo_on

    return tuple(u for u in layout.undos if asks(u) and not state.progress[u.slot].done)


def undo_failed(layout: Layout, state: HostState) -> bool:
    """Whether an undo, or a handler or step after the undos, has failed for good."""
    undos = (undo.slot for undo in layout.undos)
    after = (*layout.after_rollback, *(state.owed if _undone(layout, state) else ()))
    return any(given_up(layout.slots[i], state.progress[i]) for i in (*undos, *after))


def owes_undo(layout: Layout, state: HostState) -> bool:
    """Whether something would be done here if the host were taken back now."""
    if state.stays or undo_failed(layout, state):
        return False
    return bool(owed(layout, state)) or (_undone(layout, state) and not _brought_back(layout, state))


def _undone(layout: Layout, state: HostState) -> bool:
    """Whether anything was taken back; what was found not to be owed was not."""
    return any(state.progress[undo.slot].outcome is Outcome.OK for undo in layout.undos)


def _brought_back(layout: Layout, state: HostState) -> bool:
    """Whether all is done that follows the undos."""
    return not state.owed and _all_done(state, layout.after_rollback)


def _all_done(state: HostState, slots: Iterable[int]) -> bool:
    return all(state.progress[i].done for i in slots)


def _next_undo(here: _Here) -> HostDecision | None:
    """The next undo, newest step first; then the handlers, and if anything was undone, the steps after it."""
    layout, state = here.layout, here.state
    if undo_failed(layout, state):
        return None
    if open_undos := owed(layout, state):
        undo = open_undos[0]
        once = here.once(undo.step, here=True)
        if undo.slot in here.plan.kept or (once and once.relied):
            return Skip(slot=undo.slot, reason=RELIED_ON)
        return Wait() if once and once.passing else _due(here, undo.slot)
    if _undone(layout, state):
        return _handlers_due(here) or _first_due(here, layout.after_rollback)
    return _handlers_due(here) if state.failure is not None else None


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
        # Further off than any rule allows: the clock was set back since that was written.
        if here.now < progress.retry_at <= here.now + slot.retries.max_delay + CLOCKS_DIFFER:
            return WaitUntil(at=progress.retry_at)
    elif wants_answer(slot, progress):
        return Rest() if here.state.asks else Ask(slot=index, detail=progress.detail)
    elif progress.outcome is not None and not progress.done:
        return PlanRetry(slot=index, attempt=number, delay=retry_delay(slot.retries, progress, here.chance))
    elif index in here.plan.done:
        return Skip(slot=index, reason=f"done in run {here.plan.done_in}")
    elif once := here.once(index, here=False):
        return Skip(slot=index, reason=f"runs once, on {once.host}") if once.done else Wait()
    elif here.plan.lacks(slot):
        return Skip(slot=index, reason=_too_short(here.plan, slot))
    try:  # before a retry, too: the attempt before it may be one that only this has failed
        holds = _holds(here, index)
    except TemplateError as error:
        return Fail(slot=index, attempt=number, detail=str(error))
    return Start(slot=index, attempt=number) if holds else Skip(slot=index, reason="when is false")


def _too_short(plan: HostPlan, slot: Slot) -> str:
    items = plan.loops.get(slot.repeat.step, 0) if slot.repeat else 0
    return f"its loop has {items or 'no'} item{'' if items == 1 else 's'} here"


def _holds(here: _Here, index: int) -> bool:
    """Whether the `when` of a slot holds, now that its turn has come. Raises TemplateError."""
    planned = here.plan.whens[index]
    if planned is not None:
        return planned
    return decide_when(here.layout.slots[index], here.plan, here.state.registered)


def retry_delay(retries: Retries, progress: Progress, chance: float = 0.0) -> float:
    """Seconds before the next attempt: delay x backoff^(attempts - 1), at most max_delay, and the jitter on top.

    With delay 5, backoff 2: 5 after the first attempt, 10 after the second, 20 after the third. With a jitter of 10%
    and a chance of 0.5, 5.25, 10.5 and 21: hosts that failed together do not come back together.
    """
    # A large backoff over many attempts would overflow a float; 64 doublings are past any max_delay.
    exponent = min(progress.attempts - 1, 64)
    delay = min(retries.delay * retries.backoff**exponent, retries.max_delay)
    return float(delay + chance * (retries.jitter + delay * retries.jitter_percent / 100))


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
    if any(state.progress[undo.slot].touched for undo in layout.undos):
        cut_short = owed(layout, state) or not _brought_back(layout, state)
        return Standing.ROLLBACK_FAILED if end_failed or cut_short else Standing.ROLLED_BACK
    if layout.goes_back:
        return _stand_going_back(layout, state, end_failed=end_failed)
    if state.failure is not None:
        return _STANDING_OF[state.failure]
    if end_failed:
        return Standing.FAILED
    if _all_done(state, layout.steps) and not state.owed:
        return Standing.OK
    return Standing.STOPPED if state.begun else Standing.NEVER_STARTED


def _stand_going_back(layout: Layout, state: HostState, *, end_failed: bool) -> Standing:
    """Where a host stands in a run that takes another back, while nothing was taken back there."""
    if end_failed:
        return Standing.FAILED
    if not owed(layout, state):
        return Standing.ROLLED_BACK
    return Standing.STOPPED if state.begun else Standing.NEVER_STARTED


def finally_failed(layout: Layout, state: HostState) -> bool:
    """Whether a step of `finally` has failed for good."""
    return any(given_up(layout.slots[i], state.progress[i]) for i in layout.finally_)
