"""The plan that takes a finished run back: what each of its hosts still owes, with the values that it had there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator import codec
from orchestrator.core.host import owed
from orchestrator.core.late import decide_when, late_command
from orchestrator.core.layout import Layout
from orchestrator.core.run_state import RunState
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.plan import HostPlan, Past, Plan, Wave
from orchestrator.model.playbook import Outcome
from orchestrator.model.rollout import InFlight, RollbackScope
from orchestrator.model.state import HostState
from orchestrator.template import TemplateError


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """What keeps a host from being taken back: the command that cannot be made, and why."""

    host: HostName
    undo: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBack:
    """What can be taken back of a run. plan: None where nothing can, or where something is lacking.

    nothing: of the hosts that were asked for, those on which nothing is left to take back. lacks: what is lacking.
    """

    plan: Plan | None
    nothing: tuple[HostName, ...] = ()
    lacks: tuple[Lack, ...] = ()


def left_to_undo(state: RunState, backs: Iterable[RunState]) -> Mapping[HostName, HostState]:
    """Every host of a run as it stands now that these runs have taken parts of it back."""
    hosts = dict(state.hosts)
    for back in backs:
        for name, later in back.hosts.items():
            if name in hosts:
                hosts[name] = _with_undone(state.layout, hosts[name], later)
    return hosts


def _with_undone(layout: Layout, mine: HostState, later: HostState) -> HostState:
    progress = list(mine.progress)
    for undo in layout.undos:
        if later.progress[undo.slot].done:
            progress[undo.slot] = later.progress[undo.slot]
    return replace(mine, progress=tuple(progress))


def take_back(state: RunState, run: RunId, hosts: Sequence[HostName], backs: Iterable[RunState] = ()) -> TakeBack:
    """The plan that takes these hosts of a finished run back, where other runs have taken parts of it back already.

    All hosts go in one wave, bounded by the run's own `max_parallel`; nothing is waited for and no gate is asked.
    Every command is final.
    """
    left = left_to_undo(state, backs)
    plans = {each.host.name: each for each in state.plan.hosts}
    lacks: list[Lack] = []
    chosen = [name for name in hosts if owed(state.layout, left[name])]
    found = tuple(_host_plan(state.layout, plans[name], left[name], lacks) for name in chosen)
    nothing = tuple(name for name in hosts if name not in set(chosen))
    if lacks or not found:
        return TakeBack(plan=None, nothing=nothing, lacks=tuple(lacks))
    plan = replace(
        state.plan,
        hosts=found,
        waves=(Wave(index=0, name="", hosts=tuple(chosen)),),
        policy=replace(
            state.plan.policy,
            rollback=RollbackScope.HOST,
            in_flight=InFlight.FINISH,
            spread=None,
            min_healthy=0.0,
            progress_deadline=None,
        ),
        once=(),
        takes_back=run,
    )
    return TakeBack(plan=replace(plan, digest=codec.digest(plan)), nothing=nothing)


def _host_plan(layout: Layout, plan: HostPlan, mine: HostState, lacks: list[Lack]) -> HostPlan:
    commands, whens = list(plan.commands), list(plan.whens)
    for undo in owed(layout, mine):
        slot = layout.slots[undo.slot]
        try:
            when = whens[undo.slot]
            whens[undo.slot] = decide_when(slot, plan, mine.registered) if when is None else when
            if whens[undo.slot] and not commands[undo.slot].final:
                commands[undo.slot] = late_command(slot, plan, mine.registered)
        except TemplateError as error:
            lacks.append(Lack(host=plan.host.name, undo=slot.name, why=str(error)))
    return replace(
        plan,
        wave=0,
        commands=tuple(commands),
        whens=tuple(whens),
        owed=(),
        done=(),
        done_in="",
        registered=dict(mine.registered),
        past=tuple(_past(layout, mine)),
    )


def _past(layout: Layout, mine: HostState) -> Iterator[Past]:
    """How the steps had ended, and which parts of their undos were done."""
    for index in layout.steps:
        progress = mine.progress[index]
        if progress.effect is not None:
            yield Past(slot=index, outcome=progress.effect, may_be_running=progress.may_be_running)
    for undo in layout.undos:
        if mine.progress[undo.slot].outcome is Outcome.OK:
            yield Past(slot=undo.slot, outcome=Outcome.OK)
