"""What can be decided for one host, and what the run asks of it."""

from dataclasses import dataclass

from orchestrator.model.ids import HostName
from orchestrator.model.state import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class OnceSignal:
    """What a host is told of a step that is run on one host only.

    host: that one. done: the others may go past it. begun: that host's turn has come. relied: other hosts have begun a
    step after it and stay so. passing: others that went past it are under way, or are about to be taken back.
    """

    slot: int
    host: HostName
    done: bool
    begun: bool
    relied: bool
    passing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What the run as a whole asks of a host.

    forward: steps may be started. begin: also on a host on which nothing was begun.
    undo: the host is to be taken back even if it did not fail itself.
    self_undo: a host that failed takes back itself. paused: nothing new is started, not even an undo.
    cancel: steps that are under way are ended in the guest.
    aborting: nothing is started but `finally`, nothing is undone; now: not even `finally`, and what runs is ended.
    once: the steps that are run on one host only.
    check: the slot of a gate that is asked on the hosts that are done.
    ill: the API is, so that nothing is started before it is well. left: nor is what is under way seen to its end.
    """

    forward: bool = True
    begin: bool = True
    undo: bool = False
    self_undo: bool = True
    paused: bool = False
    cancel: bool = False
    aborting: bool = False
    now: bool = False
    once: tuple[OnceSignal, ...] = ()
    check: int | None = None
    ill: bool = False
    left: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Start this attempt of this slot."""

    slot: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attend:
    """An attempt is under way (a process of ours died during it): see it to its end."""

    slot: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Pass over this slot; of an undo, all that takes its step back."""

    slot: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """Record this attempt as failed without running anything: its condition cannot be evaluated."""

    slot: int
    attempt: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRetry:
    """Record that there will be another attempt, `delay` seconds from now."""

    slot: int
    attempt: int
    delay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask a person how the host goes on from this slot."""

    slot: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapse:
    """A question is settled by the run: the host goes no further, whatever a person would say."""

    slot: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitUntil:
    """Nothing before `at` (seconds since the epoch), unless the signals change."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing until the signals change: it depends on another host. A host that has not begun needs no place for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitApi:
    """There is something to start, once the API is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """Record that nothing is left to do here."""

    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Nothing to do and nothing to record, unless the signals change."""


HostDecision = Start | Attend | Skip | Fail | PlanRetry | Ask | Lapse | WaitUntil | Wait | AwaitApi | Settle | Rest
