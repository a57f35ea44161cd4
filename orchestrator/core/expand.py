"""A playbook and an inventory as a plan: every command of every host rendered, or marked as waiting for a result."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import orchestrator
from orchestrator import codec
from orchestrator.core.host_plan import HostPlanner
from orchestrator.core.loops import write_out
from orchestrator.core.problems import Problems
from orchestrator.core.rollout_plan import Planned, plan_rollout
from orchestrator.core.scope import BUILT_IN, INDEX, ITEM
from orchestrator.core.secret import fingerprinted
from orchestrator.core.secret_params import check_secrets
from orchestrator.core.slots import gate_commands, paths, slots, written_gates
from orchestrator.core.tags import choose
from orchestrator.core.waves import resolve_budget
from orchestrator.core.written import OWN_RESULT, Manner, Results, Written, read
from orchestrator.errors import InputError
from orchestrator.gates import wave_command
from orchestrator.model.gate import ControllerCommand
from orchestrator.model.host import Host, Inventory, InventoryHost, ProviderSpec, Variable
from orchestrator.model.ids import HostName, StepName
from orchestrator.model.origin import Origin, Problem, Text
from orchestrator.model.plan import BlastRadius, HostPlan, Once, Plan, Section, Slot, Tags, Wave
from orchestrator.model.playbook import Playbook, RunOnce, Step

EVERY_STEP = Tags()
"""No tags are asked for: every step but those tagged `never`."""


def expand(
    playbook: Playbook,
    inventory: Inventory,
    hosts: Sequence[InventoryHost],
    params: Mapping[str, Variable],
    tags: Tags = EVERY_STEP,
    *,
    key: bytes = b"",
) -> Plan:
    """The plan of this playbook for these hosts, in this order.

    params: what the caller passed, and the defaults of what he did not. tags: by which he chose among the steps.
    key: that of the fingerprints of secret commands. Raises InputError with all problems.
    """
    if not hosts:
        raise InputError.of("no host is selected", origin=playbook.origin)
    problems = Problems()
    playbook, left_out = choose(playbook, tags)
    registrars = _registrars(playbook)
    _check_names(playbook, hosts, params, registrars, problems)
    written_out = write_out(as_chosen := playbook, hosts, params, registrars, problems)
    playbook = written_out.playbook
    written = _read(playbook, registrars, left_out, problems)
    check_secrets(as_chosen, hosts, params, written, problems)
    rollout = plan_rollout(playbook, inventory, hosts, params, problems)
    every_slot = tuple(each.slot for each in written)
    once = _once(every_slot, rollout.waves)
    planner = HostPlanner(
        playbook=playbook,
        params=params,
        registered=frozenset(registrars),
        written=written,
        problems=problems,
        once={each.slot: frozenset(each.hosts) for each in once},
        only_in=_only_in([each.slot for each in written], rollout.waves),
        items=written_out.items,
    )
    for text, secret in _shell_texts(playbook, written):
        planner.remarks.read(text, secret=secret)
    host_plans = _host_plans(planner, hosts, rollout)
    problems.raise_any()
    plan = Plan(
        playbook=playbook.name,
        file=playbook.file,
        inventory=inventory.file,
        provider=inventory.provider,
        tool=orchestrator.__version__,
        slots=every_slot,
        hosts=fingerprinted(every_slot, host_plans, key),
        waves=rollout.waves,
        policy=rollout.policy,
        once=once,
        limits=_limits(playbook, len(inventory.hosts)),
        params={name: each.reference or each.value for name, each in params.items()},
        tags=Tags(only=tags.only, skip=tags.skip, left_out=tuple(step.name for step in left_out)),
        inputs={**playbook.inputs, **inventory.inputs},
        left_out=rollout.left_out,
        remarks=planner.remarks.told(),
    )
    return replace(plan, digest=codec.digest(plan))


def _host_plans(planner: HostPlanner, hosts: Sequence[InventoryHost], rollout: Planned) -> tuple[HostPlan, ...]:
    wave_of = {name: wave.index for wave in rollout.waves for name in wave.hosts}
    return tuple(
        replace(planner.plan(each, wave_of.get(name, 0)), spread=rollout.spread.get(name, ""))
        for each in hosts
        for name in (each.host.name,)
    )


def inventory_of_vmids(playbook: Playbook, provider: ProviderSpec) -> Inventory:
    """The inventory of a playbook that lists its machines itself: a host is called what its vmid is."""
    hosts = tuple(
        InventoryHost(
            host=Host(name=HostName(vmid), vmid=vmid), groups=frozenset(), variables={}, origin=playbook.origin
        )
        for vmid in playbook.vmids
    )
    return Inventory(file=playbook.file, provider=provider, hosts=hosts)


def _once(slots: Sequence[Slot], waves: Sequence[Wave]) -> tuple[Once, ...]:
    """Where the steps are run that run once: on the first host of the run, or of each wave."""
    firsts = tuple(wave.hosts[0] for wave in waves)
    return tuple(
        Once(slot=index, hosts=firsts if slot.run_once is RunOnce.WAVE else firsts[:1] * len(firsts))
        for index, slot in enumerate(slots)
        if slot.run_once
    )


def _only_in(slots: Sequence[Slot], waves: Sequence[Wave]) -> dict[int, frozenset[int]]:
    """The waves in which each gate's command is run, by their indices."""
    return {
        index: frozenset(wave.index for wave in waves if slot.name in {gate.name for gate in wave.gates})
        for index, slot in enumerate(slots)
        if slot.section is Section.GATES
    }


def _shell_texts(playbook: Playbook, written: Sequence[Written]) -> Iterator[tuple[Text, bool]]:
    """Every text of the playbook that a shell will read, and whether it is secret."""
    for each in written:
        if each.usable:
            yield from ((part.text, each.slot.secret) for part in each.parts if part.manner is Manner.SHELL)
    gates = (gate for gate, _ in playbook.rollout.every_gate())
    yield from ((gate.run, False) for gate in gates if isinstance(gate, ControllerCommand) and gate.run)


def _limits(playbook: Playbook, fleet: int) -> BlastRadius:
    share = playbook.limits.max_share
    if share is None:
        return BlastRadius(max_hosts=playbook.limits.max_hosts)
    return BlastRadius(
        max_hosts=playbook.limits.max_hosts, max_share=resolve_budget(share, fleet), share=str(share), fleet=fleet
    )


def _registrars(playbook: Playbook) -> dict[str, StepName]:
    """The first step that registers each name."""
    return {step.register: step.name for step in reversed(playbook.every_step) if step.register}


def _read(
    playbook: Playbook, registrars: Mapping[str, StepName], left_out: Sequence[Step], problems: Problems
) -> tuple[Written, ...]:
    """Every slot as written, and what it may use of the results of others.

    A step sees those before it; an undo those of all steps; a later section those of the sections before it, too.
    """
    sees = list(_seen_by_steps(playbook.steps, frozenset()))
    of_steps = frozenset(step.register for step in playbook.steps if step.register)
    sees += [of_steps for slot in slots(playbook) if slot.undo_of is not None]
    before = of_steps
    for section in (playbook.handlers, playbook.after_rollback, playbook.finally_):
        sees += _seen_by_steps(section, before)
        before |= {step.register for step in section if step.register}
    sees += [of_steps for _ in gate_commands(playbook.rollout)]
    missing = {step.register: step for step in left_out if step.register}
    return tuple(
        read(slot, path, playbook, Results(seen=seen, all=registrars, left_out=missing), problems)
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
    for step in playbook.every_step:
        if step.register in BUILT_IN:
            problem = f"the step {step.name!r} registers `{step.register}`, the name of something that every host has"
            problems.note(Problem(origin=step.origin, problem=problem, fix="register another name"))
    loops = {ITEM, INDEX} if any(step.loop for step in playbook.every_step) else set[str]()
    for name in sorted(loops & registrars.keys()):
        problem = f"the step {registrars[name]!r} registers `{name}`, which a loop calls one of its own"
        origin = next(step.origin for step in playbook.every_step if step.register == name)
        problems.note(Problem(origin=origin, problem=problem, fix="register another name"))
    _check_undo_names(playbook, problems)
    _check_gate_names(playbook, problems)
    for name, variable in (*playbook.variables.items(), *params.items()):
        _check_name(name, variable.origin, registrars, problems, loops=loops)
    reserved = registrars.keys() | {*BUILT_IN, OWN_RESULT} | loops
    for each in hosts:
        for name in reserved & each.variables.keys():
            origin = each.variables[name].origin
            _check_name(name, origin, registrars, problems, loops=loops, host=each.host.name)


def _check_undo_names(playbook: Playbook, problems: Problems) -> None:
    """Notes every undo that is called like another, which nobody could tell apart in a report or a journal."""
    taken: set[StepName] = set()
    for slot in slots(playbook):
        if slot.undo_of is None:
            continue
        if slot.name in taken:
            origin = playbook.steps[slot.undo_of].origin
            problem = f"two commands that take steps back are called {slot.name!r}"
            problems.note(Problem(origin=origin, problem=problem, fix="give one of them another name"))
        taken.add(slot.name)


def _check_gate_names(playbook: Playbook, problems: Problems) -> None:
    """Notes every gate on a wave whose command would be called like another, or like a step, in reports and logs."""
    steps = {step.name for step in playbook.every_step}
    known: dict[str, tuple[str, float]] = {}
    for gate, path in written_gates(playbook.rollout):
        asks = (wave_command.written(gate), gate.timeout)
        other = "a step" if StepName(gate.name) in steps else "another gate"
        if other == "a step" or known.setdefault(gate.name, asks) != asks:
            text = gate.run or gate.argv[0]
            problem = f"a gate on the wave is called {gate.name!r}, like {other}"
            problems.note(Problem(origin=text.origin, path=path, problem=problem, fix="give it a `name` of its own"))


def _check_name(
    name: str,
    origin: Origin,
    registrars: Mapping[str, StepName],
    problems: Problems,
    *,
    loops: Collection[str],
    host: HostName | None = None,
) -> None:
    if name in registrars:
        problem = f"the variable `{name}` has the name of what the step {registrars[name]!r} registers"
    elif name in BUILT_IN:
        problem = f"the variable `{name}` has the name of something that every host has"
    elif name == OWN_RESULT:
        problem = f"the variable `{name}` has the name that until and failed_when use for the step's own result"
    elif name in loops:
        problem = f"the variable `{name}` has the name of what a step with a loop is at"
    else:
        return
    problems.note(Problem(origin=origin, path=name, problem=problem, fix="rename the variable"), host=host)
