"""What each fault makes of a request: whether the request still has its effect, and what the client gets to see."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum

from orchestrator.simulator import contract
from orchestrator.simulator.faults import Fault
from orchestrator.simulator.http_server import Dropped, Held, Reply
from orchestrator.simulator.seam import Strikes


class Call(StrEnum):
    """What a request asks of a VPS."""

    EXEC = "exec"
    """Start a command."""
    POLL = "poll"
    """Say whether a pid has exited."""
    PROBE = "probe"
    """Say whether the agent is there."""


class Effect(Enum):
    """Whether a request that a fault strikes is carried out nevertheless."""

    NEVER = "never"
    """It is not."""
    HALF = "half"
    """Half of the time, as the seed has it: the client cannot tell."""
    ALWAYS = "always"
    """It is; only the answer suffers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishap:
    """A fault that takes the answer's place. reply: what there is instead, given the call and a seeded coin."""

    fault: Fault
    calls: frozenset[Call] = frozenset(Call)
    effect: Effect
    reply: Callable[[Call, bool], Reply]


def _agent_down(call: Call, coin: bool) -> Reply:
    if call is Call.PROBE:
        return contract.availability(available=False)
    if coin:
        return contract.internal_error(contract.AGENT_DOWN)
    return contract.failure(503, "SERVICE_UNAVAILABLE", contract.AGENT_DOWN)


_STARTS = frozenset({Call.EXEC})

MISHAPS = (
    Mishap(fault=Fault.DROP_REPLY_BEFORE, effect=Effect.NEVER, reply=lambda _, __: Dropped()),
    Mishap(fault=Fault.RATE_LIMIT, effect=Effect.NEVER, reply=lambda _, __: contract.rate_limited(1)),
    Mishap(
        fault=Fault.BLOCKED,
        calls=_STARTS,
        effect=Effect.NEVER,
        reply=lambda _, __: contract.bad_request(contract.BLOCKED),
    ),
    Mishap(fault=Fault.AGENT_DOWN, effect=Effect.NEVER, reply=_agent_down),
    Mishap(
        fault=Fault.NO_PID_500,
        calls=_STARTS,
        effect=Effect.HALF,
        reply=lambda _, __: contract.internal_error(contract.NO_PID),
    ),
    Mishap(fault=Fault.HTML_BODY, effect=Effect.HALF, reply=lambda _, __: contract.gateway_page()),
    Mishap(fault=Fault.HANG, effect=Effect.HALF, reply=lambda _, __: Held()),
    Mishap(fault=Fault.DROP_REPLY_AFTER, effect=Effect.ALWAYS, reply=lambda _, __: Dropped()),
)
"""In the order in which they are asked; the first that strikes decides.

The other faults change the VPS, a result or the time it takes, and can strike together with one of these.
"""


def befall(call: Call, strikes: Strikes, carry_out: Callable[[], Reply]) -> Reply:
    """Carries the request out, or not, and returns what the client is to see."""
    for mishap in MISHAPS:
        if call in mishap.calls and strikes.by(mishap.fault):
            coin = strikes.coin(mishap.fault)
            if mishap.effect is Effect.ALWAYS or (mishap.effect is Effect.HALF and coin):
                carry_out()
            return mishap.reply(call, coin)
    return carry_out()
