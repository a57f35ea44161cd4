"""A plan: a playbook expanded over an inventory; data with a digest, and all that a run needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from orchestrator.model.host import Host, ProviderSpec
from orchestrator.model.ids import HostName, StepName, Value
from orchestrator.model.origin import Text
from orchestrator.model.playbook import Body, Interrupted, OnFailure, Outcome, Retries, RollbackScope
from orchestrator.model.state import Registered


class Section(Enum):
    """The part of a playbook that a slot belongs to; on a host the sections go in this order."""

    STEPS = "steps"
    """The playbook's steps, forward."""
    UNDO = "undo"
    """The rollbacks of those steps, newest first."""
    AFTER_ROLLBACK = "after_rollback"
    """Steps that are run once a host's undos are done."""
    FINALLY = "finally"
    """Steps that are run on every touched host whatever happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One rendered command of one host.

    waits_for is empty for a final command. For a late one it names the registered variables that are not known yet;
    then `text`, `cwd`, `user` and `env` hold the templates as written. user: '' is the agent's own.
    """

    text: str
    cwd: str = ""
    user: str = ""
    env: tuple[tuple[str, str], ...] = ()
    waits_for: tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        return not self.waits_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What a late command is rendered from when its turn comes: the same for every host."""

    body: Body
    cwd: Text | None = None
    user: Text | None = None
    env: tuple[tuple[str, Text], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place in the plan where attempts are made: one step, or the undo of one; the same for every host.

    undo_of: for the section UNDO, the index (in `Plan.slots`) of the step that it takes back.
    undo_on: for the section UNDO, the outcomes of that step, besides ok, after which it is taken back.
    background: a service, which is ok once it has lived for a second. interrupted: what follows when the machine went
    down under it. plain: its commands are sent without the guest's program around them.
    Sets are sorted tuples here, since a plan has one JSON form.
    """

    name: StepName
    section: Section
    template: Template
    timeout: float
    retries: Retries
    when: Text | None = None
    until: Text | None = None
    failed_when: Text | None = None
    ok_exit: tuple[int, ...] = (0,)
    register: str | None = None
    irreversible: bool = False
    undo_of: int | None = None
    undo_on: tuple[Outcome, ...] = ()
    background: bool = False
    interrupted: Interrupted = Interrupted.FAIL
    on_failure: OnFailure = OnFailure.ROLLBACK
    plain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlan:
    """What will be done on one host.

    commands: one for each of `Plan.slots`, in that order.
    whens: for each slot, what its `when` was found to be while planning (True: it has none); None: decided at run time.
    values: the variables that late commands and run-time expressions of this host need.
    done, done_in: the slots that an earlier run has done here and that are passed over, and that run.
    registered: what that run registered here.
    """

    host: Host
    wave: int
    commands: tuple[Command, ...]
    whens: tuple[bool | None, ...]
    values: Mapping[str, Value] = field(default_factory=dict)
    done: tuple[int, ...] = ()
    done_in: str = ""
    registered: Mapping[str, Registered] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """Hosts that go together, in the order in which they are started. index counts from 0."""

    index: int
    name: str
    hosts: tuple[HostName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rollout's rules, every percentage resolved to a number of hosts."""

    max_parallel: int
    max_failures: int
    max_unreachable: int
    rollback: RollbackScope


@dataclass(frozen=True, slots=True, kw_only=True)
class BlastRadius:
    """How many hosts a run may have without somebody saying so; None: as many as there are.

    max_share: the hosts that `share`, as it was written, is of the `fleet` hosts of the inventory.
    """

    max_hosts: int | None = None
    max_share: int | None = None
    share: str = ""
    fleet: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole plan.

    slots: STEPS in the playbook's order, then UNDO (in the order of their steps), AFTER_ROLLBACK, FINALLY.
    inputs: sha256 of every file that went in, by path. params: what the caller passed.
    digest: sha256 over the canonical JSON of all the rest (`codec.digest`).
    """

    playbook: str
    file: str
    inventory: str
    provider: ProviderSpec
    tool: str
    slots: tuple[Slot, ...]
    hosts: tuple[HostPlan, ...]
    waves: tuple[Wave, ...]
    policy: Policy
    limits: BlastRadius = field(default_factory=BlastRadius)
    params: Mapping[str, Value] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
