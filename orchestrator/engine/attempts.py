"""One attempt of one slot on one host: the intent, the requests, the outcome."""

from dataclasses import dataclass, replace

import anyio

from orchestrator.core import attempt as core
from orchestrator.core.attempt import Attempt, Poll, Send, WaitUntil
from orchestrator.core.attempt_rules import rules_of
from orchestrator.core.ending import End, why_skipped
from orchestrator.core.outcome import Verdict, judge
from orchestrator.core.program import Programs, prepare
from orchestrator.core.secret import unquoted_poll, unquoted_start, unsaid, veil
from orchestrator.engine.live_run import LiveRun
from orchestrator.errors import Held
from orchestrator.model.event import AttemptEnded, AttemptStarted, Intent, StepResult, UndoEnded, UndoStarted
from orchestrator.model.plan import HostPlan, Section, Slot
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import HostState
from orchestrator.ports import PollReply, PollUnanswered, StartReply, StartUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Whose turn it is: an attempt's number, of a slot (by its index), on a host."""

    live: LiveRun
    host_plan: HostPlan
    index: int
    number: int

    @property
    def slot(self) -> Slot:
        return self.live.plan.slots[self.index]

    @property
    def undo(self) -> bool:
        return self.slot.section is Section.UNDO

    @property
    def pressing(self) -> bool:
        """Whether its API calls go before those of others: it takes something back, or is being ended."""
        if self.slot.section in (Section.UNDO, Section.AFTER_ROLLBACK):
            return True
        return self.live.ends_attempt(self.host_plan.host.name, self.slot)

    @property
    def state(self) -> HostState:
        return self.live.state.hosts[self.host_plan.host.name]

    def started(self, nonce: str) -> Intent:
        """The intent."""
        event = UndoStarted if self.undo else AttemptStarted
        return event(host=self.host_plan.host.name, step=self.slot.name, attempt=self.number, nonce=nonce)

    def ended(self, began_at: float, end: End) -> AttemptEnded | UndoEnded:
        """What came of it, judged by what the command left."""
        if end.outcome is None:
            result = end.result or StepResult(exit_code=None)
            again = self.state.progress[self.index].effect is not None
            verdict = judge(self.slot, self.host_plan, self.state.registered, result, again=again)
        else:  # where nothing was started nothing can have changed
            changed = end.outcome is not Outcome.UNREACHABLE
            verdict = Verdict(outcome=end.outcome, detail=end.detail, changed=changed)
        event = UndoEnded if self.undo else AttemptEnded
        signals, forward = self.live.signals(self.host_plan.host.name), self.slot.section is Section.STEPS
        return event(
            host=self.host_plan.host.name,
            step=self.slot.name,
            attempt=self.number,
            outcome=verdict.outcome,
            duration=round(self.live.outside.clock.now() - began_at, 3),
            attached=end.attached,
            may_be_running=end.may_be_running,
            interrupted=end.interrupted,
            cancelled=end.stopped and forward and signals.cancel,
            skipped=end.skipped_by is not None,
            changed=verdict.changed and end.skipped_by is None,
            detail=verdict.detail,
            result=unsaid(end.result) if self.slot.secret else end.result,
        )


async def start(turn: Turn) -> None:
    """Make the intent durable, then run the attempt to its end."""
    await turn.live.record(turn.started(turn.live.outside.nonce()))
    await _see_through(turn, begun_here=True)


async def attend(turn: Turn) -> None:
    """See an attempt to its end that another process began, and may have sent."""
    await _see_through(turn, begun_here=False)


async def fail(turn: Turn, detail: str) -> None:
    """Record an attempt that could not even be prepared: both its events in one commit, so that none can attend it."""
    now = turn.live.outside.clock.now()
    await turn.live.record(turn.started(""), turn.ended(now, End(outcome=Outcome.FAILED, detail=detail)))


async def _see_through(turn: Turn, *, begun_here: bool) -> None:
    outside = turn.live.outside
    began_at = outside.clock.now()
    nonce = turn.state.progress[turn.index].nonce
    try:
        programs = _programs(turn, nonce)
    except ValueError as error:
        nothing = End(outcome=Outcome.FAILED, detail=f"nothing was run: {error}")
        await turn.live.record(turn.ended(began_at, nothing))
        return
    attempt = core.begin(
        nonce, turn.slot.timeout, began_at, outside.pace, parts=len(programs.parts), secret=turn.slot.secret
    )
    end = await _drive(turn, programs, attempt if begun_here else rules_of(turn.slot).take_up(attempt))
    if end is None:
        return
    if end.fenced:
        raise Held(f"another process has taken the run {turn.live.id} over", next=[f"orc status {turn.live.id}"])
    if end.skipped_by:
        command = programs.assignment.command
        end = replace(end, detail=why_skipped(end.skipped_by, veil(command) if turn.slot.secret else command))
    await turn.live.record(turn.ended(began_at, end))


def _programs(turn: Turn, nonce: str) -> Programs:
    """What can be sent. Raises ValueError where there is nothing."""
    return prepare(
        turn.slot,
        turn.host_plan,
        turn.state.registered,
        run=turn.live.id,
        index=turn.index,
        attempt=turn.number,
        nonce=nonce,
        fence=turn.live.state.taken_up,
        limit=turn.live.outside.provider.capabilities.max_command,
    )


async def _drive(turn: Turn, programs: Programs, attempt: Attempt) -> End | None:
    """Do what `core.attempt` decides until it says that the attempt is over; None: it is left as it is.

    While the API is ill nothing is sent, and the attempt is given back the time that this takes.
    """
    live, clock, pace = turn.live, turn.live.outside.clock, turn.live.outside.pace
    rules, lost = rules_of(turn.slot), live.api.lost()
    while True:
        if not live.ends_attempt(turn.host_plan.host.name, turn.slot):
            await live.wait_well()
        if live.ends_attempt(turn.host_plan.host.name, turn.slot):
            attempt = rules.stop(attempt, clock.now(), pace)
        elif live.state.left:
            return None
        before, lost = lost, live.api.lost()
        attempt = core.excuse(attempt, lost - before)
        decision = core.decide(attempt, clock.now(), pace)
        match decision:
            case WaitUntil():
                await live.wait_until(decision.at)
            case Send():
                started = await _send(turn, programs.text(decision), attempt.deadline)
                attempt = rules.observe_start(attempt, started, clock.now(), pace)
                await live.api.observe(turn.host_plan.host.name, started)
            case Poll():
                polled = await _poll(turn, decision.pid, attempt.deadline)
                attempt = rules.observe_poll(attempt, polled, clock.now(), pace)
                await live.api.observe(turn.host_plan.host.name, polled)
            case End():
                return decision


LEAST_WAIT = 10.0
"""Seconds that an answer is given even past an attempt's deadline."""


async def _send(turn: Turn, program: str, deadline: float) -> StartReply:
    outside = turn.live.outside
    with anyio.move_on_after(max(LEAST_WAIT, deadline - outside.clock.now())):
        reply = await outside.provider_for(pressing=turn.pressing).start(turn.host_plan.host, program)
        return unquoted_start(reply) if turn.slot.secret else reply
    return StartUnknown(message="the API did not answer in time")


async def _poll(turn: Turn, pid: int, deadline: float) -> PollReply:
    outside = turn.live.outside
    with anyio.move_on_after(max(LEAST_WAIT, deadline - outside.clock.now())):
        reply = await outside.provider_for(pressing=turn.pressing).poll(turn.host_plan.host, pid)
        return unquoted_poll(reply) if turn.slot.secret else reply
    return PollUnanswered(message="the API did not answer in time")
