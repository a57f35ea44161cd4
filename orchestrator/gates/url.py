"""The gate `url`: an address is asked every so often, and its answers are counted."""

from dataclasses import dataclass, replace

from orchestrator.gates.kind import Due, GateKind, LookHere, Settled
from orchestrator.gates.words import period
from orchestrator.model.event import Answer
from orchestrator.model.gate import Fetched, UrlReply, UrlWatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What was seen so far. answered: there was an answer at all. until: when it ends (seconds since the epoch).

    next_at: when to ask again. bad, last: bad answers, and the latest of them in words.
    """

    until: float
    next_at: float
    good: int = 0
    bad: int = 0
    answered: bool = False
    last: str = ""


def begin(gate: UrlWatch, now: float) -> Watched:
    """A watch that begins now. One that a process left begins again: nobody watched meanwhile."""
    return Watched(until=now + gate.for_, next_at=now)


def observe(gate: UrlWatch, watched: Watched, reply: UrlReply, now: float) -> Watched:
    """The watch after an answer to a request, or after none came."""
    seen = replace(watched, next_at=now + gate.every, answered=watched.answered or isinstance(reply, Fetched))
    if problem := _problem(gate, reply):
        return replace(seen, bad=seen.bad + 1, last=problem)
    return replace(seen, good=seen.good + 1)


def decide(gate: UrlWatch, watched: Watched) -> Settled | None:
    """The answer, once there is one: too many were bad, or the time is over.

    Where nothing ever answered it is not known whether the service or the way to it is at fault: a person has to say.
    """
    if watched.bad > gate.max_bad:
        why = f"{watched.bad} bad of {watched.bad + watched.good} answers, max_bad is {gate.max_bad}: {watched.last}"
        return Settled(answer=Answer.FAILED if watched.answered else Answer.INCONCLUSIVE, why=why)
    if watched.next_at <= watched.until or not watched.bad + watched.good:
        return None
    if not watched.good:
        return Settled(answer=Answer.INCONCLUSIVE, why=f"there was no good answer: {watched.last}")
    return Settled(answer=Answer.PASSED)


def _problem(gate: UrlWatch, reply: UrlReply) -> str:
    """What is wrong with an answer; empty for a good one."""
    if not isinstance(reply, Fetched):
        return reply.why
    if reply.status != gate.status:
        return f"status {reply.status}, expected {gate.status}"
    return "" if gate.text in reply.text else f"the answer does not hold {gate.text!r}"


def _due(gate: UrlWatch, asked_at: float, now: float) -> Due:
    return LookHere()


def _told(gate: UrlWatch) -> str:
    wanted = f"{gate.status}" + (f" and {gate.text!r}" if gate.text else "")
    how = f"every {period(gate.every)} for {period(gate.for_)}, {gate.max_bad} may be bad" if gate.for_ else "once"
    return f"GET {gate.get}, expect {wanted}, {how}"


URL: GateKind[UrlWatch] = GateKind(
    name="url",
    help="An address is asked every so often for a while; too many bad answers fail.",
    example="{get: https://app.example.com/health, expect: 200, every: 10s, for: 5m, max_bad: 2}",
    told=_told,
    due=_due,
)
