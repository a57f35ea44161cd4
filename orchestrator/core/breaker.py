"""The circuit breaker: tells an ill API from an ill host, and says when to ask the API again.

An ill API refuses the key, limits the rate again and again, cannot be reached, or answers nothing of use. From one
answer alone that looks like an ill host; from many in a row, over several hosts, it does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from orchestrator.errors import IllegalTransition
from orchestrator.model.ids import HostName
from orchestrator.ports import (
    NotReachable,
    NotStarted,
    PollReply,
    PollUnanswered,
    ProbeReply,
    Refusal,
    StartReply,
    StartUnknown,
)

Reply = StartReply | PollReply | ProbeReply

OF_THE_API = (Refusal.UNAUTHORISED, Refusal.RATE_LIMITED, Refusal.API_DOWN)
"""Refusals that do not speak of the host that was asked about."""


class Phase(Enum):
    """Where the breaker stands."""

    WELL = "well"
    """Calls go out; complaints in a row are counted."""
    ILL = "ill"
    """No call goes out before the next probe is due."""
    PROBING = "probing"
    """One probe is under way, and nothing else."""
    TRYING = "trying"
    """The probe was answered: calls go out again, and the first answer decides."""
    GIVEN_UP = "given_up"
    """The API was ill for so long that a person has to say when to go on."""


class Sign(Enum):
    """What moves it."""

    ANSWER = "answer"
    """A call was answered as a well API answers."""
    COMPLAINT = "complaint"
    """A call was answered as an ill API answers, or an ill host."""
    ENOUGH = "enough"
    """A complaint with which there are enough of them to tell."""
    DUE = "due"
    """It is time for a probe."""
    PROBE_ANSWERED = "probe_answered"
    """The probe was answered as a well API answers."""
    PROBE_REFUSED = "probe_refused"
    """It was not."""
    TOO_LONG = "too_long"
    """The API has been ill for as long as the run waits for it."""


TRANSITIONS: Mapping[tuple[Phase, Sign], Phase] = {
    (Phase.WELL, Sign.ANSWER): Phase.WELL,
    (Phase.WELL, Sign.COMPLAINT): Phase.WELL,
    (Phase.WELL, Sign.ENOUGH): Phase.ILL,
    (Phase.ILL, Sign.DUE): Phase.PROBING,
    (Phase.ILL, Sign.TOO_LONG): Phase.GIVEN_UP,
    (Phase.PROBING, Sign.PROBE_ANSWERED): Phase.TRYING,
    (Phase.PROBING, Sign.PROBE_REFUSED): Phase.ILL,
    (Phase.TRYING, Sign.ANSWER): Phase.WELL,
    (Phase.TRYING, Sign.COMPLAINT): Phase.ILL,
    (Phase.TRYING, Sign.ENOUGH): Phase.ILL,
}
"""Every transition. Answers to calls that were under way when the breaker opened change nothing: a probe decides."""

LATE = frozenset({Sign.ANSWER, Sign.COMPLAINT, Sign.ENOUGH})
"""Signs that may come in any phase, from calls that went out before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """When it opens, and how it tries again. Times in seconds.

    complaints: in a row, that are enough. breadth: over so many hosts, or all that are under way, if these are fewer.
    spell: how long a row of 429s must last; a short one is what a burst of calls gets. first_pause: before the first
    probe; doubled each time, up to longest_pause. patience: after which the run pauses for a person.
    """

    complaints: int = 5
    breadth: int = 3
    spell: float = 5.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    patience: float = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """An answer that an ill API gives: about which host, of which kind, in whose words."""

    host: HostName
    refusal: Refusal
    message: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The breaker of one run in one process. Times in seconds since the epoch.

    row: complaints in a row; hosts: about whom. since: when the first of them came. last: the latest.
    cleared: hosts whose complaints were found to be their own: the API answered its probe well.
    opened: when calls were last stopped. next_at: when the next probe is due. probes: sent since `since`.
    lost: seconds of illness that are over; counted: the illness up to then is in `lost`.
    """

    phase: Phase = Phase.WELL
    row: int = 0
    hosts: frozenset[HostName] = frozenset()
    since: float = 0.0
    last: Complaint | None = None
    cleared: frozenset[HostName] = field(default_factory=frozenset)
    opened: float = 0.0
    next_at: float = 0.0
    probes: int = 0
    lost: float = 0.0
    counted: float = 0.0

    @property
    def open(self) -> bool:
        """Whether no call is to go out."""
        return self.phase in (Phase.ILL, Phase.PROBING, Phase.GIVEN_UP)


def complaint_of(host: HostName, reply: Reply) -> Complaint | None:
    """The complaint that an answer is; None for one that a well API gives, also about a host that is down."""
    match reply:
        case NotStarted() | PollUnanswered() | NotReachable() if reply.refusal in OF_THE_API:
            return Complaint(host=host, refusal=reply.refusal, message=reply.message, retry_after=reply.retry_after)
        case StartUnknown():
            return Complaint(host=host, refusal=Refusal.API_DOWN, message=reply.message)
        case _:
            return None


def observe(
    breaker: Breaker, host: HostName, reply: Reply, now: float, rules: BreakerRules, *, at_work: int
) -> Breaker:
    """The breaker after the answer to a call. at_work: hosts of the run that are under way."""
    complaint = complaint_of(host, reply)
    if complaint is None:
        return _answered(replace(breaker, cleared=breaker.cleared - {host}))
    if host in breaker.cleared:
        return breaker
    first = breaker.row == 0
    row = replace(
        breaker,
        row=breaker.row + 1,
        hosts=breaker.hosts | {host},
        since=now if first else breaker.since,
        last=complaint,
        probes=0 if first else breaker.probes,
    )
    sign = Sign.ENOUGH if _are_enough(row, now, rules, at_work) else Sign.COMPLAINT
    return _opened(_move(row, sign), breaker, now, rules)


def probe_due(breaker: Breaker, now: float, rules: BreakerRules) -> Breaker:
    """The breaker when it is time: a probe is to be sent, or, after too long, a person has to say when to go on."""
    if now >= breaker.since + rules.patience:
        return _move(breaker, Sign.TOO_LONG)
    return replace(_move(breaker, Sign.DUE), probes=breaker.probes + 1)


def observe_probe(breaker: Breaker, host: HostName, reply: ProbeReply, now: float, rules: BreakerRules) -> Breaker:
    """The breaker after the answer to its probe.

    Where all complaints were about a few hosts, a good answer says that they were those hosts' own; but a key that was
    refused is nobody's own.
    """
    complaint = complaint_of(host, reply)
    if complaint is not None:
        refused = replace(breaker, last=complaint, hosts=breaker.hosts | {host})
        return _opened(_move(refused, Sign.PROBE_REFUSED), breaker, now, rules)
    tried = _move(breaker, Sign.PROBE_ANSWERED)
    if len(breaker.hosts) < rules.breadth and not (breaker.last and breaker.last.refusal is Refusal.UNAUTHORISED):
        stopped = breaker.lost + now - breaker.opened
        return _answered(replace(tried, cleared=breaker.cleared | breaker.hosts, lost=stopped, counted=now))
    return replace(tried, lost=lost(breaker, now), counted=now)


def lost(breaker: Breaker, now: float) -> float:
    """Seconds that the API has been ill for, as far as the breaker has noticed it: no host's patience runs out then."""
    running = now - max(breaker.since, breaker.counted) if breaker.open else 0.0
    return breaker.lost + running


def next_wake(breaker: Breaker, rules: BreakerRules) -> float:
    """When an open breaker has to be looked at again."""
    return min(breaker.next_at, breaker.since + rules.patience)


def probe_candidate(breaker: Breaker, hosts: tuple[HostName, ...]) -> HostName:
    """Of these hosts, the one that the next probe asks about: one that has complained and others take turns."""
    complained = [host for host in hosts if host in breaker.hosts]
    others = [host for host in hosts if host not in breaker.hosts]
    choice = others if others and breaker.probes % 2 else complained or list(hosts)
    return choice[(breaker.probes // 2) % len(choice)]


def _are_enough(row: Breaker, now: float, rules: BreakerRules, at_work: int) -> bool:
    if row.last and row.last.refusal is Refusal.RATE_LIMITED and now < row.since + rules.spell:
        return False
    return row.row >= rules.complaints and len(row.hosts) >= max(1, min(rules.breadth, at_work))


def _answered(breaker: Breaker) -> Breaker:
    after = _move(breaker, Sign.ANSWER)
    return after if after.open else replace(after, row=0, hosts=frozenset(), last=None, probes=0)


def _opened(after: Breaker, before: Breaker, now: float, rules: BreakerRules) -> Breaker:
    """With the time of its next probe, where it has just opened, or its probe was refused."""
    if after.phase is not Phase.ILL or before.phase is Phase.ILL:
        return after
    pause = min(rules.first_pause * 2.0 ** min(after.probes, 32), rules.longest_pause)
    asked = after.last.retry_after if after.last else None
    opened = after.opened if before.phase is Phase.PROBING else now
    return replace(after, opened=opened, next_at=now + max(pause, min(asked or 0.0, rules.patience)))


def _move(breaker: Breaker, sign: Sign) -> Breaker:
    """Raises IllegalTransition for a sign that cannot come in this phase."""
    to = TRANSITIONS.get((breaker.phase, sign))
    if to is None and sign in LATE:
        return breaker
    if to is None:
        raise IllegalTransition(f"the breaker is {breaker.phase.value}, and {sign.value} came")
    return replace(breaker, phase=to)
