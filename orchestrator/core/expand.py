"""A playbook and an inventory as a plan: every command of every host rendered, or marked as waiting for a result."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import orchestrator
from orchestrator import codec
from orchestrator.core.host_plan import HostPlanner
from orchestrator.core.problems import Problems
from orchestrator.core.scope import BUILT_IN
from orchestrator.core.slots import paths, slots
from orchestrator.core.waves import resolve_budget, split
from orchestrator.core.written import OWN_RESULT, Results, Written, read
from orchestrator.errors import InputError
from orchestrator.model.host import Host, Inventory, InventoryHost, ProviderSpec, Variable
from orchestrator.model.ids import HostName, StepName
from orchestrator.model.origin import Origin, Problem
from orchestrator.model.plan import BlastRadius, Plan, Policy
from orchestrator.model.playbook import Playbook, Step


def expand(
    playbook: Playbook, inventory: Inventory, hosts: Sequence[InventoryHost], params: Mapping[str, Variable]
) -> Plan:
    """The plan of this playbook for these hosts, in this order.

    params: what the caller passed, and the defaults of what he did not. Raises InputError with all problems.
    """
    if not hosts:
        raise InputError.of("no host is selected", origin=playbook.origin)
    problems = Problems()
    registrars = _registrars(playbook)
    written = _read(playbook, registrars, problems)
    _check_names(playbook, hosts, params, registrars, problems)
    planner = HostPlanner(
        playbook=playbook, params=params, registered=frozenset(registrars), written=written, problems=problems
    )
    waves = split(playbook.rollout.waves, [each.host.name for each in hosts])
    wave_of = {name: wave.index for wave in waves for name in wave.hosts}
    host_plans = tuple(planner.plan(each, wave_of[each.host.name]) for each in hosts)
    problems.raise_any()
    plan = Plan(
        playbook=playbook.name,
        file=playbook.file,
        inventory=inventory.file,
        provider=inventory.provider,
        tool=orchestrator.__version__,
        slots=tuple(each.slot for each in written),
        hosts=host_plans,
        waves=waves,
        policy=_policy(playbook, len(hosts)),
        limits=_limits(playbook, len(inventory.hosts)),
        params={name: each.value for name, each in params.items()},
        inputs={**playbook.inputs, **inventory.inputs},
    )
    return replace(plan, digest=codec.digest(plan))


def inventory_of_vmids(playbook: Playbook, provider: ProviderSpec) -> Inventory:
    """The inventory of a playbook that lists its machines itself: a host is called what its vmid is."""
    hosts = tuple(
        InventoryHost(
            host=Host(name=HostName(vmid), vmid=vmid), groups=frozenset(), variables={}, origin=playbook.origin
        )
        for vmid in playbook.vmids
    )
    return Inventory(file=playbook.file, provider=provider, hosts=hosts)


def _policy(playbook: Playbook, total: int) -> Policy:
    rollout = playbook.rollout
    return Policy(
        max_parallel=rollout.max_parallel,
        max_failures=resolve_budget(rollout.max_failures, total),
        max_unreachable=resolve_budget(rollout.max_unreachable, total),
        rollback=rollout.rollback,
    )


def _limits(playbook: Playbook, fleet: int) -> BlastRadius:
    share = playbook.limits.max_share
    if share is None:
        return BlastRadius(max_hosts=playbook.limits.max_hosts)
    return BlastRadius(
        max_hosts=playbook.limits.max_hosts, max_share=resolve_budget(share, fleet), share=str(share), fleet=fleet
    )


def _registrars(playbook: Playbook) -> dict[str, StepName]:
    """The first step that registers each name."""
    steps = (*playbook.steps, *playbook.after_rollback, *playbook.finally_)
    return {step.register: step.name for step in reversed(steps) if step.register}


def _read(playbook: Playbook, registrars: Mapping[str, StepName], problems: Problems) -> tuple[Written, ...]:
    """Every slot as written, and what it may use of the results of others.

    A step sees those before it; an undo those of all steps; a later section those of the sections before it, too.
    """
    sees = list(_seen_by_steps(playbook.steps, frozenset()))
    of_steps = frozenset(step.register for step in playbook.steps if step.register)
    sees += [of_steps for step in playbook.steps if step.rollback]
    before = of_steps
    for section in (playbook.after_rollback, playbook.finally_):
        sees += _seen_by_steps(section, before)
        before |= {step.register for step in section if step.register}
    return tuple(
        read(slot, path, playbook, Results(seen=seen, all=registrars), problems)
        for slot, path, seen in zip(slots(playbook), paths(playbook), sees, strict=True)
    )


def _seen_by_steps(steps: Sequence[Step], before: frozenset[str]) -> Iterator[frozenset[str]]:
    for step in steps:
        yield before
        before |= {step.register} if step.register else frozenset()


def _check_names(
    playbook: Playbook,
    hosts: Sequence[InventoryHost],
    params: Mapping[str, Variable],
    registrars: Mapping[str, StepName],
    problems: Problems,
) -> None:
    """Notes every variable and registered result that would hide something else of the same name."""
    for step in (*playbook.steps, *playbook.after_rollback, *playbook.finally_):
        if step.register in BUILT_IN:
            problem = f"the step {step.name!r} registers `{step.register}`, the name of something that every host has"
            problems.note(Problem(origin=step.origin, problem=problem, fix="register another name"))
    for name, variable in (*playbook.variables.items(), *params.items()):
        _check_name(name, variable.origin, registrars, problems)
    reserved = registrars.keys() | {*BUILT_IN, OWN_RESULT}
    for each in hosts:
        for name in reserved & each.variables.keys():
            _check_name(name, each.variables[name].origin, registrars, problems, each.host.name)


def _check_name(
    name: str, origin: Origin, registrars: Mapping[str, StepName], problems: Problems, host: HostName | None = None
) -> None:
    if name in registrars:
        problem = f"the variable `{name}` has the name of what the step {registrars[name]!r} registers"
    elif name in BUILT_IN:
        problem = f"the variable `{name}` has the name of something that every host has"
    elif name == OWN_RESULT:
        problem = f"the variable `{name}` has the name that until and failed_when use for the step's own result"
    else:
        return
    problems.note(Problem(origin=origin, path=name, problem=problem, fix="rename the variable"), host=host)
