"""The plan that takes a finished run back: what each of its hosts still owes, with the values that it had there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from orchestrator import codec
from orchestrator.core.host import owed
from orchestrator.core.late import decide_when, late_command
from orchestrator.core.layout import Layout
from orchestrator.core.once import concerned, relies
from orchestrator.core.run_state import RunState
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.plan import HostPlan, Past, Plan, Wave
from orchestrator.model.playbook import Outcome
from orchestrator.model.rollout import InFlight, RollbackScope
from orchestrator.model.state import UNTOUCHED, HostState
from orchestrator.template import TemplateError


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """What keeps a host from being taken back: the command that cannot be made, and why."""

    host: HostName
    undo: str
    why: str


Kept = Mapping[tuple[HostName, int], tuple[HostName, ...]]
"""Steps that ran once and stay done, by their host and slot, with the hosts that rely on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBack:
    """What can be taken back of a run. plan: None where nothing can, or where something is lacking.

    nothing: of the hosts that were asked for, those on which nothing is left to take back. lacks: what is lacking.
    """

    plan: Plan | None
    kept: Kept = field(default_factory=dict)
    nothing: tuple[HostName, ...] = ()
    lacks: tuple[Lack, ...] = ()


def left_to_undo(state: RunState, backs: Iterable[RunState]) -> Mapping[HostName, HostState]:
    """Every host of a run as it stands now that these runs have taken parts of it back."""
    hosts = {name: _without_reliance(state.layout, mine) for name, mine in state.hosts.items()}
    for back in backs:
        for name, later in back.hosts.items():
            if name in hosts:
                hosts[name] = _with_undone(state.layout, hosts[name], later)
    return hosts


def _with_undone(layout: Layout, mine: HostState, later: HostState) -> HostState:
    progress = list(mine.progress)
    for undo in layout.undos:
        if later.progress[undo.slot].done and not later.progress[undo.slot].relied_on:
            progress[undo.slot] = later.progress[undo.slot]
    return replace(mine, progress=tuple(progress))


def _without_reliance(layout: Layout, mine: HostState) -> HostState:
    """What was left done because others relied on it is owed again: whether they still do is for now to say."""
    relied_on = {undo.slot for undo in layout.undos if mine.progress[undo.slot].relied_on}
    if not relied_on:
        return mine
    progress = (UNTOUCHED if index in relied_on else each for index, each in enumerate(mine.progress))
    return replace(mine, progress=tuple(progress))


def take_back(state: RunState, run: RunId, hosts: Sequence[HostName], backs: Iterable[RunState] = ()) -> TakeBack:
    """The plan that takes these hosts of a finished run back, where other runs have taken parts of it back already.

    Nothing is waited for and no gate is asked; `max_parallel` is the run's own. Every command is final.
    A step that ran once for others is taken back after all of them, its host in a wave of its own, and not at all where
    a host relies on it that is not taken back.
    """
    left = left_to_undo(state, backs)
    kept = _kept(state, left, hosts)
    plans = {each.host.name: each for each in state.plan.hosts}
    lacks: list[Lack] = []
    chosen = [name for name in hosts if _goes(state, left, kept, name)]
    found = tuple(_host_plan(state.layout, plans[name], left[name], kept, lacks) for name in chosen)
    nothing = tuple(name for name in hosts if name not in set(chosen))
    if lacks or not found:
        return TakeBack(plan=None, nothing=nothing, kept=kept, lacks=tuple(lacks))
    waves, hosts_in_waves = _in_waves(found, _last(state, left, kept, chosen))
    plan = replace(
        state.plan,
        hosts=hosts_in_waves,
        waves=waves,
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
    return TakeBack(plan=replace(plan, digest=codec.digest(plan)), nothing=nothing, kept=kept)


def _kept(state: RunState, left: Mapping[HostName, HostState], hosts: Sequence[HostName]) -> Kept:
    """Of the steps that ran once, those that stay done: by host and step, the hosts that rely on them and stay.

    A host with nothing else to take back stays, too, with all that it relies on itself.
    """
    kept: Kept = {}
    while True:
        going = frozenset(name for name in hosts if _goes(state, left, kept, name))
        found = dict(_relied_on(state, left, hosts, going))
        if len(found) == len(kept):
            return kept
        kept = found


def _relied_on(
    state: RunState, left: Mapping[HostName, HostState], hosts: Sequence[HostName], going: Set[HostName]
) -> Iterator[tuple[tuple[HostName, int], tuple[HostName, ...]]]:
    """The steps that ran once and are owed on one of these hosts, while others rely on them that are not going."""
    for each in state.plan.once:
        for on in dict.fromkeys(each.hosts):
            if on not in hosts or all(undo.step != each.slot for undo in owed(state.layout, left[on])):
                continue
            others = (name for name in concerned(state.plan, each, on) if name not in going)
            if relying := tuple(name for name in others if relies(state.layout, left[name], each.slot)):
                yield (on, each.slot), relying


def _goes(state: RunState, left: Mapping[HostName, HostState], kept: Kept, host: HostName) -> bool:
    """Whether something is taken back on a host."""
    return any((host, undo.step) not in kept for undo in owed(state.layout, left[host]))


def _last(state: RunState, left: Mapping[HostName, HostState], kept: Kept, chosen: Sequence[HostName]) -> Set[HostName]:
    """The hosts on which a step is taken back that ran once: they come after those that went past it."""
    once = {(on, each.slot) for each in state.plan.once for on in each.hosts}
    return {
        host
        for host in chosen
        if any((host, undo.step) in once and (host, undo.step) not in kept for undo in owed(state.layout, left[host]))
    }


def _in_waves(found: Sequence[HostPlan], last: Set[HostName]) -> tuple[tuple[Wave, ...], tuple[HostPlan, ...]]:
    """Those in `last` one after the other, the latest of the run's order first: hosts wait only for earlier ones."""
    names = [each.host.name for each in found]
    parts = [[name for name in names if name not in last], *([name] for name in reversed(names) if name in last)]
    waves = tuple(Wave(index=at, name="", hosts=tuple(part)) for at, part in enumerate(part for part in parts if part))
    wave_of = {name: wave.index for wave in waves for name in wave.hosts}
    return waves, tuple(replace(each, wave=wave_of[each.host.name]) for each in found)


def _host_plan(layout: Layout, plan: HostPlan, mine: HostState, kept: Kept, lacks: list[Lack]) -> HostPlan:
    commands, whens = list(plan.commands), list(plan.whens)
    for undo in layout.undos:
        if mine.progress[undo.slot].skipped:
            whens[undo.slot] = False  # it was found not to be owed, and still is not
    for undo in owed(layout, mine):
        slot = layout.slots[undo.slot]
        if (plan.host.name, undo.step) in kept:
            whens[undo.slot] = False
            continue
        try:
            when = whens[undo.slot]
            whens[undo.slot] = decide_when(slot, plan, mine.registered) if when is None else when
            if whens[undo.slot] and not commands[undo.slot].final:
                commands[undo.slot] = late_command(slot, plan, mine.registered)
        except TemplateError as error:
            lacks.append(Lack(host=plan.host.name, undo=slot.name, why=str(error)))
    return replace(
        plan,
        commands=tuple(commands),
        whens=tuple(whens),
        owed=(),
        done=(),
        done_in="",
        registered=dict(mine.registered),
        past=tuple(_past(layout, mine)),
        kept=tuple(undo.slot for undo in owed(layout, mine) if (plan.host.name, undo.step) in kept),
    )


def _past(layout: Layout, mine: HostState) -> Iterator[Past]:
    """How the steps had ended, and which parts of their undos were done."""
    for index in layout.steps:
        progress = mine.progress[index]
        if progress.effect is not None:
            yield Past(slot=index, outcome=progress.effect, may_be_running=progress.may_be_running)
    for undo in layout.undos:
        progress = mine.progress[undo.slot]
        if progress.outcome is Outcome.OK:
            yield Past(slot=undo.slot, outcome=Outcome.OK)
