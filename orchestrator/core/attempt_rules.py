"""By which rules the replies to an attempt are read: those of the guest protocol, or those of a plain command."""

from typing import Protocol

from orchestrator.core import attempt, plain_attempt
from orchestrator.core.attempt import Attempt, Pace
from orchestrator.model.plan import Slot
from orchestrator.ports import PollReply, StartReply


class Rules(Protocol):
    """What `core.attempt` and `core.plain_attempt` both have."""

    def take_up(self, attempt: Attempt) -> Attempt: ...

    def stop(self, attempt: Attempt, now: float, pace: Pace) -> Attempt: ...

    def observe_start(self, attempt: Attempt, reply: StartReply, now: float, pace: Pace) -> Attempt: ...

    def observe_poll(self, attempt: Attempt, reply: PollReply, now: float, pace: Pace) -> Attempt: ...


def rules_of(slot: Slot) -> Rules:
    """The rules for the attempts of this slot."""
    if slot.plain:
        return plain_attempt
    return attempt
