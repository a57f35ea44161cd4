"""The state of a run: what folding its events gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from orchestrator.model.ids import StepName
from orchestrator.model.playbook import Outcome


class Standing(Enum):
    """Where a host stands. The values, but `busy`, name the lists of the final report; a host is in exactly one."""

    NEVER_STARTED = "never_started"
    """Nothing was begun there."""
    BUSY = "busy"
    """Something was begun and the host is not settled."""
    OK = "ok"
    """Every step succeeded or was skipped."""
    FAILED = "failed"
    """A step failed or timed out, and the host is as that left it."""
    UNREACHABLE = "unreachable"
    """A step could not be started there, and nothing was undone."""
    UNKNOWN = "unknown"
    """Whether a step ran could not be found out, and nothing was undone."""
    STOPPED = "stopped"
    """It did not fail itself: the run stopped before its steps were through, and nothing was undone."""
    ROLLED_BACK = "rolled_back"
    """Every undo that the rules ask for was done."""
    ROLLBACK_FAILED = "rollback_failed"
    """An undo, or a step after it, failed or was cut short by an abort: a person must look."""


class RunStatus(Enum):
    """Where a run stands."""

    RUNNING = "running"
    """It is not finished; whether a process drives it is for the journal's lock to say."""
    WAITING = "waiting"
    """It waits for a gate, or for a person's answer about a host."""
    PAUSED = "paused"
    """A person, or Ctrl-C, has stopped it from starting anything."""
    SUCCEEDED = "succeeded"
    """Every host is ok."""
    FAILED = "failed"
    """Hosts failed or could not be reached, and not all of them were rolled back."""
    ROLLED_BACK = "rolled_back"
    """Hosts failed; every one of them was rolled back."""
    ROLLBACK_FAILED = "rollback_failed"
    """Hosts failed and a rollback failed."""
    ABORTED = "aborted"
    """A person ended it."""
    HELD = "held"
    """Policy kept it from starting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A registered result as templates see it: `before.stdout` and so on; outputs without their trailing newlines."""

    stdout: str
    stderr: str
    exit_code: int | None
    ok: bool
    changed: bool


RELIED_ON = "it runs once, and other hosts rely on it"
"""Why an undo is passed over that is owed: for as long as that is so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far one slot is on one host.

    attempts: begun so far. running: the latest of them has not ended; nonce is its nonce.
    outcome: of the latest that ended; None before that. interrupted: the machine went down under that one.
    effect: of the latest that may have had one: where the host is down at a retry, what came before still stands.
    changed: whether the latest that ended may have changed something.
    skipped: passed over. excused: it failed for good, and its `on_failure` lets the host go on.
    cancelled: it was ended in the guest because the run goes no further.
    ran: an attempt has ended that no guard had skipped.
    granted: attempts that a person has allowed beyond the step's retries.
    retry_at: no further attempt before then (seconds since the epoch); None: no further attempt is planned.
    """

    attempts: int = 0
    running: bool = False
    nonce: str = ""
    started_at: float = 0.0
    outcome: Outcome | None = None
    effect: Outcome | None = None
    exit_code: int | None = None
    duration: float = 0.0
    detail: str = ""
    attached: bool = False
    may_be_running: bool = False
    interrupted: bool = False
    cancelled: bool = False
    changed: bool = False
    skipped: bool = False
    excused: bool = False
    ran: bool = False
    granted: int = 0
    retry_at: float | None = None

    @property
    def done(self) -> bool:
        """Whether the slot was passed: with success, or because nobody insists on that."""
        return self.skipped or self.excused or (self.outcome is Outcome.OK and not self.running)

    @property
    def relied_on(self) -> bool:
        """Of an undo: whether it was passed over because other hosts relied on its step."""
        return self.skipped and self.detail == RELIED_ON

    @property
    def touched(self) -> bool:
        """Whether an attempt was ever begun."""
        return self.attempts > 0


UNTOUCHED = Progress()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """The state of one host: one Progress for each slot of the plan.

    failure: the outcome that ended the host's way forward, for the budgets; None while there is none.
    failed_step: where. stays: that step's `on_failure` is leave: nothing is undone here.
    aborts: that step's `on_failure` is abort. asks: the step about which a person was asked, and asked_at, when.
    cancelled: a step was ended there because the run goes no further; the host did not fail by itself.
    ever_failed_finally: a step of `finally` failed for good, even if the host was reopened since;
    what a budget has counted it does not forget.
    owed: the handlers (slots, in their order) that were called and not yet run with success.
    settled: where the host stood when it was last settled, at settled_at; None while it is not, also while a gate's
    command is run there; one that was ok before that has been so since then.
    """

    progress: tuple[Progress, ...]
    registered: Mapping[str, Registered] = field(default_factory=dict)
    failure: Outcome | None = None
    failed_step: StepName | None = None
    stays: bool = False
    aborts: bool = False
    asks: StepName | None = None
    asked_at: float = 0.0
    cancelled: bool = False
    ever_failed_finally: bool = False
    owed: tuple[int, ...] = ()
    settled: Standing | None = None
    settled_at: float = 0.0

    @property
    def touched(self) -> bool:
        """Whether anything was ever run on the host."""
        return any(p.attempts for p in self.progress)

    @property
    def begun(self) -> bool:
        """Whether the host's turn has come: something was run or passed over."""
        return any(p.attempts or p.skipped for p in self.progress)
