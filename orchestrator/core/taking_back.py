"""The plan that takes a finished run back: what each of its hosts still owes, with the values that it had there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import pairwise

from orchestrator import codec
from orchestrator.core.back_host import Lack, plan_back
from orchestrator.core.host import owed
from orchestrator.core.layout import Layout
from orchestrator.core.once import concerned, relies
from orchestrator.core.run_state import RunState
from orchestrator.model.gate import Gate, WaveCommand
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.plan import Plan, Wave
from orchestrator.model.rollout import InFlight, RollbackScope
from orchestrator.model.state import UNTOUCHED, HostState

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
    """The host with what a later run has begun to undo, whatever came of it, or found that nobody owes."""
    progress = list(mine.progress)
    for undo in layout.undos:
        before, theirs = progress[undo.slot], later.progress[undo.slot]
        if theirs.touched or (theirs.done and not theirs.relied_on and not before.touched):
            progress[undo.slot] = theirs
    return replace(mine, progress=tuple(progress))


def _without_reliance(layout: Layout, mine: HostState) -> HostState:
    """What was left done because others relied on it is owed again: whether they still do is for now to say."""
    relied_on = {undo.slot for undo in layout.undos if mine.progress[undo.slot].relied_on}
    if not relied_on:
        return mine
    progress = (UNTOUCHED if index in relied_on else each for index, each in enumerate(mine.progress))
    return replace(mine, progress=tuple(progress))


def take_back(
    state: RunState,
    run: RunId,
    hosts: Sequence[HostName],
    backs: Iterable[RunState] = (),
    *,
    with_gates: bool = False,
) -> TakeBack:
    """The plan that takes these hosts of a finished run back, where other runs have taken parts of it back already.

    Nothing is waited for and no gate is asked, or, with_gates, the run's waves go back in reverse, with the bakes and
    gates that stood between them; `max_parallel` is the run's own. Every command is final that will be run, but for
    what `plan_back` says.
    A step that ran once for others is taken back after all of them, its host in a wave of its own, and not at all where
    a host relies on it that is not taken back.
    """
    left = left_to_undo(state, backs)
    kept = _kept(state, left, hosts)
    lacks: list[Lack] = []
    wanted = set(hosts)
    chosen = [name for name in state.hosts if name in wanted and _goes(state, left, kept, name)]
    idle = wanted.difference(chosen)
    nothing = tuple(name for name in hosts if name in idle)
    waves = _waves(state, chosen, _last(state, left, kept, chosen), with_gates=with_gates)
    wave_of = {name: wave for wave in waves for name in wave.hosts}
    stay: dict[HostName, set[int]] = {name: set() for name in hosts}
    for on, slot in kept:
        stay[on].add(slot)
    found = tuple(
        replace(
            plan_back(state.layout, plan, left[name], stay[name], gates=wave_of[name].gates, lacks=lacks),
            wave=wave_of[name].index,
        )
        for plan in state.plan.hosts
        for name in (plan.host.name,)
        if name in wave_of
    )
    if lacks or not found:
        return TakeBack(plan=None, nothing=nothing, kept=kept, lacks=tuple(lacks))
    plan = replace(
        state.plan,
        hosts=found,
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


def _waves(state: RunState, chosen: Sequence[HostName], last: Set[HostName], *, with_gates: bool) -> tuple[Wave, ...]:
    """The waves of the way back: all in one, or the run's in reverse; then those in `last`, one after the other, the
    latest of the run's order first, since hosts wait only for earlier ones.
    """
    going = set(chosen) - last
    whole = [Wave(index=0, name="", hosts=tuple(chosen))]
    forward = state.plan.waves[::-1] if with_gates else whole
    parts = [replace(wave, hosts=tuple(host for host in wave.hosts if host in going)) for wave in forward]
    for host in reversed(chosen):
        if host in last:
            parts.append(Wave(index=state.wave_of(host) if with_gates else 0, name="", hosts=(host,)))
    parts = [part for part in parts if part.hosts]
    gates = [_between(state.plan.waves, part.index, then.index) for part, then in pairwise(parts)] + [()]
    return tuple(
        replace(part, index=at, max_failures=None, gates=gates[at])  # after the last one there is nothing to keep back
        for at, part in enumerate(parts)
    )


def _between(waves: Sequence[Wave], newer: int, older: int) -> tuple[Gate, ...]:
    """The gates on the way back between two waves, the newer of which was just taken back: those that kept it from
    being opened. The command of one can be run only on hosts that it was planned for.
    """
    own = {gate.name for gate in waves[newer].gates}
    gates = waves[older].gates if newer != older else ()
    return tuple(gate for gate in gates if not isinstance(gate, WaveCommand) or gate.name in own)
