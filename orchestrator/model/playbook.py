"""A playbook as its author wrote it: checked, typed, not yet expanded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from orchestrator.model.host import Variable
from orchestrator.model.ids import StepName, Value, Vmid
from orchestrator.model.origin import Origin, Text


class Outcome(Enum):
    """How an attempt ended."""

    OK = "ok"
    """The exit status was accepted."""
    FAILED = "failed"
    """The command ran and failed, or was killed, or the provider refused to run it."""
    TIMED_OUT = "timed_out"
    """The step's deadline passed while it ran."""
    UNREACHABLE = "unreachable"
    """Nothing was started: the VPS is off, its agent is down, or exec is forbidden."""
    UNKNOWN = "unknown"
    """It may have started, and the guest could not be asked."""


class RollbackScope(Enum):
    """What is taken back once the budget is over; within it a failed host takes back itself (unless none)."""

    NONE = "none"
    """Nothing is undone."""
    HOST = "host"
    """Only the hosts that failed."""
    WAVE = "wave"
    """Every touched host of the wave in which the budget ran out."""
    RUN = "run"
    """Every touched host of the run."""


class Interrupted(Enum):
    """What follows when the machine, or its agent, was restarted under a step that then left no exit status."""

    FAIL = "fail"
    """The attempt has failed, as any other."""
    RERUN = "rerun"
    """The attempt has failed and there is another, also where the step has no retries left."""
    ASK = "ask"
    """The host waits for a person to say how it goes on."""


class OnFailure(Enum):
    """What follows when a step has failed for good on a host."""

    ROLLBACK = "rollback"
    """The host goes no further, and is taken back as the rollout says."""
    LEAVE = "leave"
    """The host goes no further, and stays as the failure left it, whatever is taken back elsewhere."""
    CONTINUE = "continue"
    """The host goes on with its next step, and may still be ok: the failure is shown and counts for nothing."""
    PAUSE = "pause"
    """The host waits for a person to say how it goes on; the others go on meanwhile."""
    ABORT = "abort"
    """The whole run stops at once, and undoes nothing."""


_USER_NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")


def is_user_name(name: str) -> bool:
    """Whether a user of a guest may be called so; never true of what a shell or `runuser` would read otherwise."""
    return _USER_NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a step is tried: `attempts` in all; `delay` seconds between, times `backoff`, up to `max_delay`."""

    attempts: int = 1
    delay: float = 5.0
    backoff: float = 1.0
    max_delay: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a step (or an undo) runs: the kind's name and its texts, which that kind alone understands."""

    kind: str
    texts: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRule:
    """How one step is taken back, and after which outcomes of it (it is always taken back after ok)."""

    body: Body
    on: frozenset[Outcome] = frozenset({Outcome.FAILED, Outcome.TIMED_OUT})
    timeout: float | None = None
    retries: Retries = field(default_factory=Retries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do on one host. Times in seconds; None means the playbook's default.

    user: who runs it; without one, the agent's own user. background: a service that goes on running.
    plain: sent without the guest's program around it, for guests where that cannot work.
    """

    name: StepName
    body: Body
    origin: Origin
    when: Text | None = None
    until: Text | None = None
    failed_when: Text | None = None
    ok_exit: frozenset[int] = frozenset({0})
    register: str | None = None
    retries: Retries = field(default_factory=Retries)
    timeout: float | None = None
    cwd: Text | None = None
    user: Text | None = None
    env: Mapping[str, Text] = field(default_factory=dict)
    rollback: RollbackRule | None = None
    irreversible: bool = False
    background: bool = False
    interrupted: Interrupted = Interrupted.FAIL
    on_failure: OnFailure = OnFailure.ROLLBACK
    plain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """Something the caller passes with `-e`."""

    name: str
    type: str = "string"
    required: bool = False
    default: Value = None
    pattern: str | None = None
    choices: tuple[Value, ...] = ()
    help: str = ""
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A number of hosts, or a percentage of them: exactly one is given."""

    count: int | None = None
    percent: float | None = None

    def __str__(self) -> str:
        return str(self.count) if self.count is not None else f"{self.percent:g}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveSize:
    """The size of one wave, with the name its author gave it ('' for none)."""

    size: Share
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How a run goes over the fleet. Percentages are not yet resolved."""

    waves: tuple[WaveSize, ...] = (WaveSize(size=Share(percent=100.0)),)
    max_parallel: int = 50
    max_failures: Share = field(default_factory=lambda: Share(count=0))
    max_unreachable: Share = field(default_factory=lambda: Share(count=0))
    rollback: RollbackScope = RollbackScope.HOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The blast radius: how many hosts a run may have, and what share of the inventory's; None: all."""

    max_hosts: int | None = None
    max_share: Share | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """A whole playbook. Exactly one of `vmids` and `hosts` is given.

    inputs: sha256 of every file it was read from, by path.
    cwd, user, timeout (in seconds): the defaults of every step.
    """

    name: str
    file: str
    origin: Origin
    description: str = ""
    vmids: tuple[Vmid, ...] = ()
    hosts: Text | None = None
    params: tuple[Param, ...] = ()
    variables: Mapping[str, Variable] = field(default_factory=dict)
    env: Mapping[str, Text] = field(default_factory=dict)
    cwd: Text | None = None
    user: Text | None = None
    timeout: float = 600.0
    rollout: Rollout = field(default_factory=Rollout)
    limits: Limits = field(default_factory=Limits)
    steps: tuple[Step, ...]
    after_rollback: tuple[Step, ...] = ()
    finally_: tuple[Step, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
