"""Events: what happened to a run, in the past tense, never changed. A run's state is only the fold of these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import RunStatus, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What a command left: exit status (None when killed by a signal or not known), and its captured output.

    Outputs are capped in the guest, head and tail; `stdout_size` and `stderr_size` are the true sizes in bytes.
    """

    exit_code: int | None
    stdout: str = ""
    stderr: str = ""
    stdout_size: int = 0
    stderr_size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """The run began, or a new process took it up for the first time."""

    type: ClassVar[str] = "run_started"
    playbook: str
    digest: str
    hosts: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveOpened:
    type: ClassVar[str] = "wave_opened"
    wave: int
    hosts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """The intent to start an attempt: durable before the first request of it is sent.

    nonce: random, in the guest's trailer; it proves that a result is this attempt's.
    """

    type: ClassVar[str] = "attempt_started"
    host: HostName
    step: StepName
    attempt: int
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded:
    """An attempt's outcome. duration in seconds; attached: the result was recovered by attaching to the same attempt.

    may_be_running: the command could not be killed, or not be asked about; it must not be tried again beside itself.
    interrupted: the machine or its agent was restarted under the command, which left no exit status.
    cancelled: it was ended in the guest because the run goes no further.
    skipped: the command was not run, since a guard of its step said so in the guest.
    changed: whether it may have changed something, as far as its step's `changed_when` does not deny it.
    detail: one sentence for a person where the outcome is not ok, or why it was skipped.
    """

    type: ClassVar[str] = "attempt_ended"
    host: HostName
    step: StepName
    attempt: int
    outcome: Outcome
    duration: float
    attached: bool = False
    may_be_running: bool = False
    interrupted: bool = False
    cancelled: bool = False
    skipped: bool = False
    changed: bool = True
    detail: str = ""
    result: StepResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoStarted:
    """The intent to take a step back; like AttemptStarted."""

    type: ClassVar[str] = "undo_started"
    host: HostName
    step: StepName
    attempt: int
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoEnded:
    type: ClassVar[str] = "undo_ended"
    host: HostName
    step: StepName
    attempt: int
    outcome: Outcome
    duration: float
    attached: bool = False
    may_be_running: bool = False
    interrupted: bool = False
    cancelled: bool = False
    skipped: bool = False
    changed: bool = True
    detail: str = ""
    result: StepResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSkipped:
    """A step was passed over (its `when` is false, it is run elsewhere), or, with undo, it is not taken back."""

    type: ClassVar[str] = "step_skipped"
    host: HostName
    step: StepName
    reason: str
    undo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPlanned:
    """Another attempt of a step (or, with undo, of its rollback) will be made.

    not_before: seconds since the epoch.
    """

    type: ClassVar[str] = "retry_planned"
    host: HostName
    step: StepName
    attempt: int
    not_before: float
    undo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettled:
    """Nothing is left to do or undo on this host, for now: a gate on its wave, or a rollback, may open it again."""

    type: ClassVar[str] = "host_settled"
    host: HostName
    standing: Standing


class Answer(Enum):
    """What a gate, or a person, says to a question."""

    PASSED = "passed"
    """Go on."""
    FAILED = "failed"
    """Do not: it counts as a failure."""
    INCONCLUSIVE = "inconclusive"
    """It could not be found out: a person has to say."""
    RETRY = "retry"
    """Try the step once more."""
    SKIP = "skip"
    """Go on with the next step, as though this one were done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAsked:
    """A question that keeps something from going on: about a step that failed on a host, or after a wave.

    gate: what the question is called. host, step: of the former. wave (from 0), kind: of the latter.
    expires_at: when an answer comes too late (seconds since the epoch). detail: one sentence for a person.
    """

    type: ClassVar[str] = "gate_asked"
    gate: str
    host: HostName | None = None
    step: StepName | None = None
    wave: int | None = None
    kind: str = "step"
    expires_at: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAnswered:
    """The answer to a question. by: who gave it; `orc` where the run as a whole has settled it.

    host, step, wave, kind: as of GateAsked. A wave's progress deadline is answered without having been asked.
    """

    type: ClassVar[str] = "gate_answered"
    gate: str
    host: HostName | None = None
    step: StepName | None = None
    wave: int | None = None
    kind: str = "step"
    answer: Answer
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaused:
    """Nothing new is started until the run is resumed; or, aborting, for good: the run then ends without undoing.

    now: what is under way is ended in the guests. waiting: nobody asked for it; only an answer takes the run further.
    """

    type: ClassVar[str] = "run_paused"
    by: str
    cause: str
    aborting: bool = False
    now: bool = False
    waiting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed:
    type: ClassVar[str] = "run_resumed"
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPaused:
    """The API is ill, not a host: nothing is sent before it is well, and no host's time runs out meanwhile.

    host, answer, detail: about whom it was asked last, of which kind the answer was, and its words.
    since, next_try: seconds since the epoch; next_try None: it took too long, and a person says when to go on.
    probes: sent since then without a usable answer.
    """

    type: ClassVar[str] = "api_paused"
    host: HostName
    answer: str
    detail: str
    since: float
    next_try: float | None
    probes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResumed:
    """A probe was answered: calls go out again."""

    type: ClassVar[str] = "api_resumed"
    since: float
    probes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """The end. lists: every host of the plan in exactly one list, by name; exit: the exit status of `orc run`."""

    type: ClassVar[str] = "run_finished"
    status: RunStatus
    cause: str
    exit: int
    lists: Mapping[str, tuple[HostName, ...]] = field(default_factory=dict)


Event = (
    RunStarted
    | WaveOpened
    | AttemptStarted
    | AttemptEnded
    | UndoStarted
    | UndoEnded
    | StepSkipped
    | RetryPlanned
    | HostSettled
    | GateAsked
    | GateAnswered
    | ApiPaused
    | ApiResumed
    | RunPaused
    | RunResumed
    | RunFinished
)

Intent = AttemptStarted | UndoStarted


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event in the journal. seq counts from 1 within the run; at: seconds since the epoch."""

    run: RunId
    seq: int
    at: float
    event: Event
