"""A playbook as its author wrote it: checked, typed, not yet expanded."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from orchestrator.model.host import Variable
from orchestrator.model.ids import StepName, Vmid
from orchestrator.model.origin import Origin, Text
from orchestrator.model.param import Param
from orchestrator.model.rollout import Rollout, Share


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


class RunOnce(Enum):
    """How often a step is run that is not run on every host: on the first host, in the plan's order."""

    RUN = "run"
    """Once in the whole run: on the first host of its first wave."""
    WAVE = "wave"
    """Once in each wave: on the wave's first host."""


class Guard(Enum):
    """What the guest looks at right before a command: whether it is to be run at all. In the order of looking."""

    CREATES = "creates"
    """The command is passed over where this file is there."""
    UNLESS = "unless"
    """It is passed over where this command succeeds."""
    ONLY_IF = "only_if"
    """It is passed over where this command fails."""


_USER_NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")


def is_user_name(name: str) -> bool:
    """Whether a user of a guest may be called so; never true of what a shell or `runuser` would read otherwise."""
    return _USER_NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a step is tried: `attempts` in all; `delay` seconds between, times `backoff`, up to `max_delay`.

    jitter: seconds that are added at the most, by chance; jitter_percent: the same, as a share of the delay.
    """

    attempts: int = 1
    delay: float = 5.0
    backoff: float = 1.0
    max_delay: float = 300.0
    jitter: float = 0.0
    jitter_percent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file beside the playbook, as it was read while planning: its bytes go to the guest, the same for every host.

    name: as it was written. text: its bytes as UTF-8; of one that is no text (binary), a character for each byte.
    """

    name: str
    text: str
    binary: bool = False

    @property
    def content(self) -> bytes:
        return self.text.encode("latin-1" if self.binary else "utf-8")

    @property
    def sha256(self) -> str:
        """Of its content, in hex."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a step (or an undo) runs: the kind's name and its texts, which that kind alone understands.

    file: what goes into the guest for it.
    """

    kind: str
    texts: tuple[Text, ...]
    file: File | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoPart:
    """One command of a rollback. name: '' where the rollback is this command alone. timeout: None for the rule's."""

    body: Body
    name: str = ""
    timeout: float | None = None
    retries: Retries = field(default_factory=Retries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """What a step is repeated for: the items as written, or a text that gives a list of them for each host.

    expression: the text stands without `{{ }}`. path: the keys that lead to it in its file, `steps[2].loop`.
    """

    items: tuple[Variable, ...] = ()
    text: Text | None = None
    expression: bool = False
    path: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """One item of a step's loop: the step's name as written, and which item it is, from 0."""

    step: StepName
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRule:
    """How one step is taken back, and after which outcomes of it (it is always taken back after ok).

    parts: run in this order. verify: run after them; the step is taken back only if this succeeds.
    when: decided on each host when its turn comes to be taken back; false: nothing is owed there.
    """

    parts: tuple[UndoPart, ...]
    verify: UndoPart | None = None
    on: frozenset[Outcome] = frozenset({Outcome.FAILED, Outcome.TIMED_OUT})
    when: Text | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do on one host. Times in seconds; None means the playbook's default.

    user: who runs it; without one, the agent's own user. background: a service that goes on running.
    plain: sent without the guest's program around it, for guests where that cannot work.
    guards: decided in the guest, right before the command. handlers: the names of those that it calls.
    secret: its command, and what that prints, are shown to nobody.
    path: the keys that lead to it in its file, `steps[2]`. under: the `when` of every include around it, outermost
    first; they hold besides its own. repeat: once its loop is written out, the item that it is for.
    """

    name: StepName
    body: Body
    origin: Origin
    path: str = ""
    under: tuple[Text, ...] = ()
    tags: tuple[str, ...] = ()
    loop: Loop | None = None
    repeat: Repeat | None = None
    when: Text | None = None
    until: Text | None = None
    failed_when: Text | None = None
    changed_when: Text | None = None
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
    secret: bool = False
    guards: Mapping[Guard, Text] = field(default_factory=dict)
    run_once: RunOnce | None = None
    handlers: tuple[StepName, ...] = ()


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
    handlers: tuple[Step, ...] = ()
    after_rollback: tuple[Step, ...] = ()
    finally_: tuple[Step, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def every_step(self) -> tuple[Step, ...]:
        """The steps of all sections."""
        return (*self.steps, *self.handlers, *self.after_rollback, *self.finally_)

    @property
    def has_secrets(self) -> bool:
        return any(step.secret for step in self.every_step)
