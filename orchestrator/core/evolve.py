"""How one event changes the state of one host."""

from dataclasses import replace

from orchestrator.core.layout import Layout
from orchestrator.errors import IllegalTransition
from orchestrator.model.event import (
    Answer,
    AttemptEnded,
    AttemptStarted,
    GateAnswered,
    GateAsked,
    HostSettled,
    RetryPlanned,
    StepResult,
    StepSkipped,
    UndoEnded,
    UndoStarted,
)
from orchestrator.model.plan import HostPlan, Section, Slot
from orchestrator.model.playbook import Interrupted, OnFailure, Outcome
from orchestrator.model.state import UNTOUCHED, HostState, Progress, Registered, Standing

HostEvent = (
    AttemptStarted
    | AttemptEnded
    | UndoStarted
    | UndoEnded
    | StepSkipped
    | RetryPlanned
    | HostSettled
    | GateAsked
    | GateAnswered
)


def fresh(layout: Layout) -> HostState:
    """The state of a host on which nothing was begun."""
    return HostState(progress=(UNTOUCHED,) * len(layout.slots))


def first_state(start: HostState, plan: HostPlan) -> HostState:
    """The state in which a run finds a host. start: of one that no earlier run has left anything to."""
    if plan.registered or plan.owed:
        start = replace(start, registered=plan.registered, owed=plan.owed)
    for past in plan.past:
        ended = replace(
            UNTOUCHED, outcome=past.outcome, effect=past.outcome, ran=True, may_be_running=past.may_be_running
        )
        start = _put(start, past.slot, ended)
    return start


MOST_RERUNS = 3
"""Attempts of an interrupted step beyond those of its retries: a step that takes its machine down must end, too."""


def given_up(slot: Slot, progress: Progress) -> bool:
    """Whether a slot has failed for good: no attempt is left, or another could run beside the last."""
    if progress.running or progress.outcome in (None, Outcome.OK):
        return False
    reruns = MOST_RERUNS if progress.interrupted and slot.interrupted is Interrupted.RERUN else 0
    return progress.may_be_running or progress.attempts >= slot.retries.attempts + progress.granted + reruns


def wants_answer(slot: Slot, progress: Progress) -> bool:
    """Whether the host cannot go on from a slot before a person has said how."""
    if progress.running or progress.done or progress.outcome is None or progress.retry_at is not None:
        return False
    if progress.cancelled:
        return False
    if slot.interrupted is Interrupted.ASK and progress.interrupted:
        return True
    return slot.on_failure is OnFailure.PAUSE and given_up(slot, progress)


def evolve(layout: Layout, state: HostState, event: HostEvent, at: float) -> HostState:
    """The state after an event that happened at `at` (seconds since the epoch).

    Raises IllegalTransition for an event that cannot follow: a second attempt beside a running one, an end without a
    start, an attempt number out of order.
    """
    match event:
        case HostSettled():
            if any(p.running for p in state.progress):
                raise IllegalTransition(f"{event.host} settled while an attempt is running")
            looked_at = any(state.progress[i].touched for i in layout.checks)
            since = state.settled_at if looked_at and event.standing is Standing.OK else at
            return replace(state, settled=event.standing, settled_at=since)
        case AttemptStarted() | UndoStarted():
            return _start(layout, state, event, at)
        case AttemptEnded() | UndoEnded():
            return _end(layout, state, event)
        case StepSkipped():
            if event.undo:
                for index in layout.undo_slots(event.step):
                    passed = replace(state.progress[index], skipped=True, detail=event.reason, retry_at=None)
                    state = _put(state, index, passed)
                return state
            index = layout.find(event.step, undo=False)
            return _paid(_put(state, index, replace(state.progress[index], skipped=True, retry_at=None)), index)
        case RetryPlanned():
            index = layout.find(event.step, undo=event.undo)
            return _put(state, index, replace(state.progress[index], retry_at=event.not_before))
        case GateAsked():
            return replace(state, asks=event.step, asked_at=at)
        case GateAnswered():
            return _answer(layout, state, event, at)


def _put(state: HostState, index: int, progress: Progress) -> HostState:
    before = state.progress
    return replace(state, progress=(*before[:index], progress, *before[index + 1 :]))


def _start(layout: Layout, state: HostState, event: AttemptStarted | UndoStarted, at: float) -> HostState:
    undo = isinstance(event, UndoStarted)
    index = layout.find(event.step, undo=undo)
    before = state.progress[index]
    if any(p.running for p in state.progress):
        raise IllegalTransition(f"{event.host}: {event.step} started while another attempt is running")
    if event.attempt != before.attempts + 1:
        raise IllegalTransition(f"{event.host}: attempt {event.attempt} of {event.step} after {before.attempts}")
    if state.settled is not None:
        looks = layout.slots[index].section is Section.GATES
        state = replace(state, settled=None) if looks else _reopen(layout, state)
    progress = replace(before, attempts=event.attempt, running=True, nonce=event.nonce, started_at=at, retry_at=None)
    return _put(state, index, progress)


def _reopen(layout: Layout, state: HostState) -> HostState:
    """A settled host is taken back: what belongs to its end (`finally`) is due again afterwards."""
    progress = list(state.progress)
    for index in layout.finally_:
        progress[index] = Progress(attempts=progress[index].attempts)
    return replace(state, settled=None, progress=tuple(progress))


def _end(layout: Layout, state: HostState, event: AttemptEnded | UndoEnded) -> HostState:
    index = layout.find(event.step, undo=isinstance(event, UndoEnded))
    slot, before = layout.slots[index], state.progress[index]
    if not before.running or before.attempts != event.attempt:
        raise IllegalTransition(f"{event.host}: attempt {event.attempt} of {event.step} ended and was not running")
    after = replace(
        before,
        running=False,
        outcome=event.outcome,
        effect=before.effect if event.skipped or event.outcome is Outcome.UNREACHABLE else event.outcome,
        exit_code=event.result.exit_code if event.result else None,
        duration=event.duration,
        detail=event.detail,
        attached=event.attached,
        may_be_running=event.may_be_running,
        interrupted=event.interrupted,
        cancelled=event.cancelled,
        skipped=event.skipped,
        changed=has_changed(event),
        ran=before.ran or not event.skipped,
    )
    state = _put(state, index, after)
    if slot.register and event.result:
        registered = register(event.result, ok=event.outcome is Outcome.OK, changed=has_changed(event))
        state = replace(state, registered={**state.registered, slot.register: registered})
    if event.outcome is Outcome.OK:
        state = _paid(state, index)
        if has_changed(event):
            state = _call(layout, state, index)
    if after.cancelled:
        return replace(state, cancelled=True)
    if slot.section is Section.STEPS and given_up(slot, after) and not wants_answer(slot, after):
        return _fail(state, index, slot, after.effect or event.outcome)
    if slot.section is Section.HANDLERS and given_up(slot, after) and state.failure is None:
        taken_back = any(state.progress[undo.slot].touched for undo in layout.undos)
        return state if taken_back else _fail(state, index, slot, event.outcome)
    if slot.section is Section.FINALLY and given_up(slot, after):
        state = replace(state, ever_failed_finally=True)
    return state


def has_changed(event: AttemptEnded | UndoEnded) -> bool:
    """Whether an attempt that ended with success has changed something on its host."""
    return event.changed and not event.skipped


def _paid(state: HostState, index: int) -> HostState:
    """A handler that was run, or passed over, is owed no more."""
    return replace(state, owed=tuple(i for i in state.owed if i != index)) if index in state.owed else state


def _call(layout: Layout, state: HostState, index: int) -> HostState:
    """The handlers of a slot are owed from now on, and begin anew if they had been run before.

    Once something was undone, so do all that are still owed: what kept one from success may be undone, too.
    """
    called = layout.calls[index]
    owed = tuple(sorted({*state.owed, *called}))
    for i in owed if layout.slots[index].section is Section.UNDO else called:
        attempts = state.progress[i].attempts
        state = _put(state, i, Progress(attempts=attempts, granted=attempts))
    return replace(state, owed=owed) if owed != state.owed else state


def _fail(state: HostState, index: int, slot: Slot, outcome: Outcome) -> HostState:
    """A step has failed for good. What may still be running, or was never started, nobody can go on from."""
    progress = state.progress[index]
    ran = progress.outcome in (Outcome.FAILED, Outcome.TIMED_OUT) and not progress.may_be_running
    if slot.on_failure is OnFailure.CONTINUE and ran:
        return _put(state, index, replace(state.progress[index], excused=True))
    return replace(
        state,
        failure=outcome,
        failed_step=slot.name,
        stays=slot.on_failure is OnFailure.LEAVE,
        aborts=slot.on_failure is OnFailure.ABORT,
    )


def _answer(layout: Layout, state: HostState, event: GateAnswered, at: float) -> HostState:
    """A person has said how the host goes on; who says `retry` vouches that nothing of the step runs any more."""
    if event.step is None:
        raise IllegalTransition(f"{event.host}: an answer about no step")
    index = layout.find(event.step, undo=False)
    slot, progress = layout.slots[index], state.progress[index]
    if not wants_answer(slot, progress):
        raise IllegalTransition(f"{event.host}: an answer about {event.step}, which asks for none")
    state = replace(state, asks=None)
    match event.answer:
        case Answer.RETRY:
            granted = max(progress.granted, progress.attempts + 1 - slot.retries.attempts)
            return _put(state, index, replace(progress, granted=granted, retry_at=at, may_be_running=False))
        case Answer.SKIP | Answer.PASSED:
            return _put(state, index, replace(progress, skipped=True))
        case Answer.FAILED | Answer.INCONCLUSIVE:
            return replace(state, failure=progress.effect or progress.outcome, failed_step=slot.name)


def register(result: StepResult, *, ok: bool, changed: bool) -> Registered:
    """A result as templates see it: without trailing newlines, as `$(...)` would give it."""
    return Registered(
        stdout=result.stdout.rstrip("\r\n"),
        stderr=result.stderr.rstrip("\r\n"),
        exit_code=result.exit_code,
        ok=ok,
        changed=changed,
    )
