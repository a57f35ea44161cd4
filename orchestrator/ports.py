"""What the engine needs of the outside, as Protocols: a provider, a journal, a clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, Self

from orchestrator.model.event import AttemptEnded, Event, Recorded, StepResult, UndoEnded
from orchestrator.model.host import Host, HostFence
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.plan import Plan
from orchestrator.model.request import Request


class Refusal(Enum):
    """Why a request was certainly not carried out."""

    BLOCKED = "blocked"
    """The provider's safety filter will not run this command: final."""
    INVALID = "invalid"
    """The provider calls the request malformed: final."""
    NO_SUCH_HOST = "no_such_host"
    """The provider does not know this vmid: final."""
    HOST_DOWN = "host_down"
    """The VPS is off, not ready, or its agent does not answer."""
    UNAUTHORISED = "unauthorised"
    """The key is wrong, lacks a right, or may not be used from this address."""
    RATE_LIMITED = "rate_limited"
    """Too many calls on this key."""
    API_DOWN = "api_down"
    """The API could not be connected to, so nothing was sent; or (a poll, a probe) it answered nothing of use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The command was started; pid is what to poll with."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotStarted:
    """The command was certainly not started. retry_after: seconds the provider asked for, None when it did not."""

    refusal: Refusal
    message: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartUnknown:
    """The command may have been started: the answer was lost, late, or not to be understood."""

    message: str


StartReply = Started | NotStarted | StartUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class StillRunning:
    """The command had not exited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exited:
    """The command has exited, and the provider has now forgotten it. exit_code None: killed by a signal.

    truncated: the provider says that it dropped some of the output.
    """

    exit_code: int | None
    stdout: str
    stderr: str
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PidGone:
    """The provider does not know this pid: collected before, agent restarted, rebooted, or never there."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PollUnanswered:
    """The question got no usable answer, which says nothing of the command."""

    message: str
    refusal: Refusal = Refusal.API_DOWN
    retry_after: float | None = None


PollReply = StillRunning | Exited | PidGone | PollUnanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """The agent says that it is available."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReachable:
    refusal: Refusal
    message: str
    retry_after: float | None = None


ProbeReply = Reachable | NotReachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do. max_command: characters; poll_floor: seconds below which polling is a waste."""

    max_command: int = 4096
    poll_floor: float = 0.2


class Provider(Protocol):
    """Starts a command on a host and asks about it.

    Classifies every answer; never sleeps, never retries; a host's or the API's failure is a value, not an exception.
    """

    capabilities: Capabilities

    async def start(self, host: Host, command: str) -> StartReply: ...

    async def poll(self, host: Host, pid: int) -> PollReply: ...

    async def probe(self, host: Host) -> ProbeReply: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...


class Clock(Protocol):
    """The time and the only way to wait for it."""

    def now(self) -> float:
        """Seconds since the epoch, never going backwards within a process."""
        ...

    async def sleep_until(self, at: float) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as it was created. argv: the command line that began it."""

    id: RunId
    plan: Plan
    created_at: float
    by: str
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One line of the list of runs. last: the latest event of the run as a whole (started, paused, finished ...)."""

    id: RunId
    playbook: str
    digest: str
    created_at: float
    by: str
    hosts: int
    last: Recorded | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The captured output of one attempt; undo: of a rollback."""

    host: HostName
    step: StepName
    attempt: int
    undo: bool
    at: float
    stdout: str
    stderr: str
    stdout_size: int
    stderr_size: int

    @classmethod
    def of(cls, recorded: Recorded) -> "Output | None":
        """The output in an event; None where it is no end of an attempt, or nothing was captured."""
        match recorded.event:
            case AttemptEnded(result=StepResult() as result) | UndoEnded(result=StepResult() as result) as ended:
                return cls(
                    host=ended.host,
                    step=ended.step,
                    attempt=ended.attempt,
                    undo=isinstance(ended, UndoEnded),
                    at=recorded.at,
                    stdout=result.stdout,
                    stderr=result.stderr,
                    stdout_size=result.stdout_size,
                    stderr_size=result.stderr_size,
                )
            case _:
                return None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLock:
    """A host that belongs to a run. key: what names the VPS for all runs; since: seconds since the epoch."""

    key: str
    host: HostName
    run: RunId
    since: float


class Journal(Protocol):
    """The append-only list of events of every run, and the plans they follow.

    All methods raise JournalError when the store cannot be read or written.
    """

    async def create(self, record: RunRecord) -> None:
        """Store a new run and its plan, durably."""
        ...

    async def append(
        self, run: RunId, events: Sequence[Event], *, unlock: Sequence[str] = (), fences: Sequence[HostFence] = ()
    ) -> tuple[Recorded, ...]:
        """Store events, in order; they are durable when this returns. One process appends to a run at a time.

        unlock: keys of host locks of this run, given up in the same commit. fences: put up in it, for older ones.
        Raises Bug when an intent (host, step, attempt) is already there.
        """
        ...

    async def lock(self, run: RunId, hosts: Mapping[str, HostName]) -> tuple[HostLock, ...]:
        """Take the locks of all these hosts (by key) for a run, or none of them.

        Returns those that other runs hold; empty when all are this run's now. Locks have no expiry.
        """
        ...

    async def locks(self) -> tuple[HostLock, ...]:
        """Every host lock, oldest first."""
        ...

    async def fences(self) -> tuple[HostFence, ...]:
        """Every host fence, oldest first."""
        ...

    async def ask(self, request: Request) -> Request:
        """Keep a request, durably; an UNLOCK, and a RECOVERED, take effect with it. Returns it with its id."""
        ...

    async def requests(self, run: RunId, *, after: int = 0) -> tuple[Request, ...]:
        """What was asked of a run, with an id above `after`, in order."""
        ...

    async def find(self, prefix: str) -> RunId:
        """The one run whose id begins so (at least 4 characters of it). Raises InputError for none or several."""
        ...

    async def record(self, run: RunId) -> RunRecord:
        """The run as it was created. Raises InputError when there is none, naming the nearest."""
        ...

    async def events(
        self, run: RunId, *, after: int = 0, limit: int | None = None, outputs: bool = True
    ) -> tuple[Recorded, ...]:
        """The events with a seq above `after`, in order, the first `limit` of them.

        Without outputs, results keep exit status and sizes only.
        """
        ...

    async def runs(self, *, limit: int = 50) -> tuple[RunSummary, ...]:
        """The newest runs, newest first."""
        ...

    async def outputs(
        self, run: RunId, *, host: HostName | None = None, step: StepName | None = None
    ) -> tuple[Output, ...]:
        """The captured outputs of a run's attempts, in the order in which they ended."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...
