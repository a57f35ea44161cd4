"""The rollout's part of a plan: which hosts go in which wave, spread by what, within which rules."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from json import dumps

from orchestrator.core.pattern import select
from orchestrator.core.problems import Problems
from orchestrator.core.scope import BUILT_IN, Scope
from orchestrator.core.waves import arrange, cut, resolve_budget
from orchestrator.errors import InputError
from orchestrator.model.gate import ControllerCommand, Gate
from orchestrator.model.host import Host, Inventory, InventoryHost, Variable
from orchestrator.model.ids import HostName, Value, Vmid
from orchestrator.model.origin import Origin, Problem, Text
from orchestrator.model.plan import Policy, Wave
from orchestrator.model.playbook import Playbook
from orchestrator.model.rollout import HostOrder, Rollout
from orchestrator.template import TemplateError, names, render_shell, render_word

MOST_NAMED = 5
"""Hosts that are named in one problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """left_out: the waves, by name, of whose hosts none is in this run. spread: each host's value."""

    waves: tuple[Wave, ...]
    policy: Policy
    left_out: tuple[str, ...]
    spread: Mapping[HostName, str]


def plan_rollout(
    playbook: Playbook,
    inventory: Inventory,
    hosts: Sequence[InventoryHost],
    params: Mapping[str, Variable],
    problems: Problems,
) -> Planned:
    """The rollout of these hosts. What is wrong is added to the problems."""
    rollout = _filled_in(playbook, params, problems)
    seed = _seed(playbook, params) if rollout.order is HostOrder.SHUFFLE else ""
    ordered = arrange([each.host.name for each in hosts], rollout.order, seed)
    chosen = _chosen(playbook, inventory, ordered, problems)
    found = cut(rollout, ordered, chosen)
    if found.left:
        problem = f"{_named(found.left)} in no wave"
        fix = "end `waves` with `100%`, for all that the patterns leave"
        origin = rollout.waves_origin or playbook.origin
        problems.note(Problem(origin=origin, path="rollout.waves", problem=problem, fix=fix))
    left_out = [wave.name or f"{at + 1}" for at, wave in enumerate(rollout.waves) if chosen[at] == frozenset()]
    return Planned(
        waves=found.waves,
        policy=_policy(rollout, len(hosts), seed),
        left_out=tuple(left_out),
        spread=_spread(playbook, hosts, params, problems),
    )


def _policy(rollout: Rollout, total: int, seed: str) -> Policy:
    return Policy(
        max_parallel=rollout.max_parallel,
        max_failures=resolve_budget(rollout.max_failures, total),
        max_unreachable=resolve_budget(rollout.max_unreachable, total),
        rollback=rollout.rollback,
        in_flight=rollout.in_flight,
        order=rollout.order,
        seed=seed,
        spread=rollout.spread,
        min_healthy=rollout.min_healthy,
        progress_deadline=rollout.progress_deadline,
    )


def _seed(playbook: Playbook, params: Mapping[str, Variable]) -> str:
    """The playbook's own; else one that follows from what is run, so that a plan and the run of it have the same."""
    passed = dumps({name: repr(each.value) for name, each in params.items()}, sort_keys=True)
    return playbook.rollout.seed or sha256(f"{playbook.name} {passed}".encode()).hexdigest()[:8]


def _chosen(
    playbook: Playbook, inventory: Inventory, hosts: Sequence[HostName], problems: Problems
) -> list[frozenset[HostName] | None]:
    """For each wave the hosts of this run that its pattern names; None for a wave with a size."""
    waves, chosen = playbook.rollout.waves, list[frozenset[HostName] | None]()
    try:
        selected = select(playbook.hosts, inventory) if playbook.hosts else inventory.hosts
    except InputError:  # told by who selects the run's hosts
        selected = ()
    all_hosts = {each.host.name for each in selected} | set(hosts)
    taken: dict[HostName, str] = {}
    for at, wave in enumerate(waves):
        if wave.hosts is None:
            chosen.append(None)
            continue
        path, name = f"rollout.waves[{at}].hosts", wave.name or f"wave {at + 1}"
        named = _select(wave.hosts, inventory, path, problems)
        if named and not named & all_hosts:
            problem = f"{wave.hosts.source!r} names none of the playbook's hosts"
            problems.note(Problem(origin=wave.hosts.origin, path=path, problem=problem, fix="widen `hosts`, or this"))
        twice = [host for host in hosts if host in named and host in taken]
        if twice:
            problem = f"{_named(twice)} in the wave {taken[twice[0]]!r} already"
            fix = "a host goes in one wave; take it out of one of the patterns"
            problems.note(Problem(origin=wave.hosts.origin, path=path, problem=problem, fix=fix))
        taken |= dict.fromkeys(named - taken.keys(), name)
        chosen.append(named.intersection(hosts).difference(twice))
    return chosen


def _select(pattern: Text, inventory: Inventory, path: str, problems: Problems) -> frozenset[HostName]:
    try:
        return frozenset(each.host.name for each in select(pattern, inventory))
    except InputError as error:
        for problem in error.problems:
            problems.note(replace(problem, path=path))
        return frozenset()


def _spread(
    playbook: Playbook, hosts: Sequence[InventoryHost], params: Mapping[str, Variable], problems: Problems
) -> Mapping[HostName, str]:
    """Each host's value of the variable that the run is spread by."""
    spread = playbook.rollout.spread
    if spread is None:
        return {}
    found: dict[HostName, str] = {}
    for each in hosts:
        try:
            value = Scope(each, playbook.variables, params, frozenset())[spread.by]
        except TemplateError as error:
            problems.note(error.problem, path="rollout.spread.by", host=each.host.name)
            continue
        except KeyError:
            problem, fix = f"the run is spread by `{spread.by}`, which is not set", "set it for every host"
            problems.note(_of_spread(playbook, problem, fix), host=each.host.name)
            continue
        if value is None or isinstance(value, Mapping | list | tuple):
            problem = f"the run is spread by `{spread.by}`, which is no single value"
            problems.note(_of_spread(playbook, problem, "give it one"), host=each.host.name)
            continue
        found[each.host.name] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _of_spread(playbook: Playbook, problem: str, fix: str) -> Problem:
    origin = playbook.rollout.spread_origin or playbook.origin
    return Problem(origin=origin, path="rollout.spread.by", problem=problem, fix=fix)


def _filled_in(playbook: Playbook, params: Mapping[str, Variable], problems: Problems) -> Rollout:
    """The rollout, with the values filled into its gates' commands: those of the caller and of the playbook."""
    here = Host(name=HostName("here"), vmid=Vmid(""))
    nowhere = InventoryHost(host=here, groups=frozenset(), variables={}, origin=playbook.origin)
    scope, rollout = Scope(nowhere, playbook.variables, params, frozenset()), playbook.rollout

    def filled(gates: Sequence[Gate]) -> tuple[Gate, ...]:
        return tuple(_fill(gate, scope, playbook.origin, problems) for gate in gates)

    waves = tuple(wave if wave.gates is None else replace(wave, gates=filled(wave.gates)) for wave in rollout.waves)
    return replace(rollout, waves=waves, gates=filled(rollout.gates))


def _fill(gate: Gate, scope: Scope, origin: Origin, problems: Problems) -> Gate:
    """The gate with its command as it will be run; there is no host here, so what every host has is not known.

    origin: where a problem in a word of its argv is told.
    """
    if not isinstance(gate, ControllerCommand):
        return gate

    def filled(text: Text, render: Callable[[Text, Mapping[str, Value]], str]) -> str:
        return render(text, {name: scope[name] for name in names(text) & scope.keys() if name not in BUILT_IN})

    try:
        argv = tuple(filled(Text(source=word, origin=origin), render_word) for word in gate.argv)
        run = gate.run and replace(gate.run, source=filled(gate.run, render_shell))
        return replace(gate, argv=argv, run=run)
    except TemplateError as error:
        problems.note(replace(error.problem, path=error.problem.path or f"the gate {gate.name}"))
        return gate


def _named(hosts: Sequence[HostName]) -> str:
    """`web-1 is`, or `web-1, web-2 and 7 more are`: hosts as the subject of a sentence."""
    shown, more = ", ".join(hosts[:MOST_NAMED]), len(hosts) - MOST_NAMED
    return f"{shown} {'is' if len(hosts) == 1 else 'are'}" if more <= 0 else f"{shown} and {more} more are"
