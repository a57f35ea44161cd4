"""A plan: a playbook expanded over an inventory; data with a digest, and all that a run needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from orchestrator.model.gate import Gate
from orchestrator.model.host import Host, ProviderSpec
from orchestrator.model.ids import HostName, StepName, Value
from orchestrator.model.origin import Text
from orchestrator.model.playbook import Body, Guard, Interrupted, OnFailure, Outcome, Repeat, Retries, RunOnce
from orchestrator.model.rollout import HostOrder, InFlight, RollbackScope, Spread
from orchestrator.model.state import Registered


class Section(Enum):
    """The part of a playbook that a slot belongs to; on a host the sections go in this order."""

    STEPS = "steps"
    """The playbook's steps, forward."""
    UNDO = "undo"
    """The rollbacks of those steps, newest first."""
    HANDLERS = "handlers"
    """Steps that others call: run once at the end of a host's steps, or once its undos are done."""
    AFTER_ROLLBACK = "after_rollback"
    """Steps that are run once a host's undos are done."""
    FINALLY = "finally"
    """Steps that are run on every touched host whatever happened."""
    GATES = "gates"
    """Commands of gates: run on the hosts of a wave that is done, to find out whether the next one may open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One rendered command of one host.

    waits_for is empty for a final command. For a late one it names the registered variables that are not known yet;
    then `text`, `cwd`, `user`, `env` and `guards` hold the templates as written. user: '' is the agent's own.
    guards: in the order in which the guest looks at them; a path, or shell text.
    """

    text: str
    cwd: str = ""
    user: str = ""
    env: tuple[tuple[str, str], ...] = ()
    guards: tuple[tuple[Guard, str], ...] = ()
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
    guards: tuple[tuple[Guard, Text], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place in the plan where attempts are made: one step, or the undo of one; the same for every host.

    undo_of: for the section UNDO, the index (in `Plan.slots`) of the step that it takes back.
    undo_on: for the section UNDO, the outcomes of that step, besides ok, after which it is taken back.
    verifies: for the section UNDO, that it finds out whether the undo has worked.
    background: a service, which is ok once it has lived for a second. interrupted: what follows when the machine went
    down under it. plain: its commands are sent without the guest's program around them. run_once: it is run on one
    host only (`Plan.once` says which). handlers: the slots of the section HANDLERS that it calls, by name.
    secret: its commands, and what they print, are shown to nobody.
    under: conditions that hold besides `when`, and are asked before it. repeat: the item of a loop that it is for.
    Sets are sorted tuples here, since a plan has one JSON form.
    """

    name: StepName
    section: Section
    template: Template
    timeout: float
    retries: Retries
    when: Text | None = None
    under: tuple[Text, ...] = ()
    until: Text | None = None
    failed_when: Text | None = None
    changed_when: Text | None = None
    ok_exit: tuple[int, ...] = (0,)
    register: str | None = None
    irreversible: bool = False
    undo_of: int | None = None
    undo_on: tuple[Outcome, ...] = ()
    verifies: bool = False
    background: bool = False
    interrupted: Interrupted = Interrupted.FAIL
    on_failure: OnFailure = OnFailure.ROLLBACK
    plain: bool = False
    secret: bool = False
    run_once: RunOnce | None = None
    handlers: tuple[StepName, ...] = ()
    repeat: Repeat | None = None

    @property
    def conditions(self) -> tuple[Text, ...]:
        """All that must hold for it to be run, in the order in which it is asked."""
        return (*self.under, self.when) if self.when else self.under


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """How a slot had ended on a host in the run that is taken back, and whether it may still be running there."""

    slot: int
    outcome: Outcome
    may_be_running: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlan:
    """What will be done on one host.

    commands: one for each of `Plan.slots`, in that order.
    whens: for each slot, whether its conditions were found to hold while planning (True: it has none; False also
    where its loop has no such item here, or its gate is of another wave); None: decided at run time.
    values: the variables that commands of this host are made of, and those that run-time expressions need.
    items: the items of loops that these need, by the slot's name; a step and its undo share both.
    loops: how many items each loop has here, by the step's name as written.
    done, done_in: the slots that an earlier run has done here and that are passed over, and that run.
    registered: what that run registered here. owed: handlers (slots) that were called there and not run.
    spread: its value of the variable that the run is spread by.
    fingerprints: of the commands of secret slots, by the slot's index; made with a key that is not in the plan, they
    tell who may not see a command whether it is another one.
    past: of a plan that takes a run back, the slots that had ended on this host, by index. kept: the undos (slots) that
    are owed here and left out, since other hosts rely on their steps.
    """

    host: Host
    wave: int
    commands: tuple[Command, ...]
    whens: tuple[bool | None, ...]
    values: Mapping[str, Value] = field(default_factory=dict)
    items: Mapping[StepName, Value] = field(default_factory=dict)
    loops: Mapping[StepName, int] = field(default_factory=dict)
    done: tuple[int, ...] = ()
    done_in: str = ""
    registered: Mapping[str, Registered] = field(default_factory=dict)
    spread: str = ""
    owed: tuple[int, ...] = ()
    past: tuple[Past, ...] = ()
    fingerprints: Mapping[int, str] = field(default_factory=dict)
    kept: tuple[int, ...] = ()

    def lacks(self, slot: Slot) -> bool:
        """Whether the loop of this slot has no such item here."""
        return slot.repeat is not None and slot.repeat.index >= self.loops.get(slot.repeat.step, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """By which tags a caller chose among the steps. left_out: the names of the steps that are not in the plan."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    left_out: tuple[StepName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """A slot that is run on one host only. hosts: which, for each wave; for `run_once: run` the same for all."""

    slot: int
    hosts: tuple[HostName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """Hosts that go together, in the order in which they are started. index counts from 0.

    max_failures: how many of its hosts may fail or be unreachable; None: only the run's budgets count.
    gates: what is asked once they are settled, in this order.
    """

    index: int
    name: str
    hosts: tuple[HostName, ...]
    max_failures: int | None = None
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rollout's rules, every percentage resolved to a number of hosts; times in seconds.

    order: that of the hosts in their waves; seed: of its shuffle.
    """

    max_parallel: int
    max_failures: int
    max_unreachable: int
    rollback: RollbackScope
    in_flight: InFlight = InFlight.FINISH
    order: HostOrder = HostOrder.INVENTORY
    seed: str = ""
    spread: Spread | None = None
    min_healthy: float = 0.0
    progress_deadline: float | None = None


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

    slots: STEPS in the playbook's order, then UNDO (in the order of their steps), HANDLERS, AFTER_ROLLBACK, FINALLY,
    GATES.
    once: of the slots that are not run on every host, where they are.
    inputs: sha256 of every file that went in, by path. params: what the caller passed.
    left_out: the waves, by name, of whose hosts none is in this run.
    remarks: what a person should know of the values in its commands, each with its place; every `| raw` is among them.
    takes_back: the finished run whose steps this plan takes back, and nothing else; '' for a plan that goes forward.
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
    once: tuple[Once, ...] = ()
    limits: BlastRadius = field(default_factory=BlastRadius)
    params: Mapping[str, Value] = field(default_factory=dict)
    tags: Tags = field(default_factory=Tags)
    inputs: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    takes_back: str = ""
    digest: str = ""
