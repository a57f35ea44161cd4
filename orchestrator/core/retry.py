"""Which hosts of a finished run are tried again, and where each of them goes on."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from orchestrator import codec
from orchestrator.core.layout import Layout, lay_out
from orchestrator.core.run_state import RunState
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.plan import HostPlan, Once, Plan
from orchestrator.model.playbook import RunOnce
from orchestrator.model.state import HostState, Standing

NOT_OK = (
    Standing.FAILED,
    Standing.UNREACHABLE,
    Standing.UNKNOWN,
    Standing.STOPPED,
    Standing.ROLLED_BACK,
    Standing.NEVER_STARTED,
)
"""The hosts that `orc retry` takes by itself: all that are not ok, but those whose rollback failed."""


def to_retry(state: RunState, standings: Iterable[Standing]) -> tuple[HostName, ...]:
    """The hosts of a run that stand so, in the plan's order."""
    wanted, lists = set(standings), state.lists()
    return tuple(host for host in state.hosts if any(host in lists[standing] for standing in wanted))


def changed_steps(before: Plan, now: Plan) -> tuple[str, ...]:
    """The names of the steps that are not what they were, for any host that is in both plans.

    A step is what it does: its rules, its texts (wherever in the file they stand) and its commands. An item of a loop
    that none of these hosts has is no step of theirs: without the hosts that are not tried again a loop may be shorter.
    """
    hosts = {host.host.name for host in now.hosts}
    old_slots, new_slots = _slots(before, hosts), _slots(now, hosts)
    names = [name for _, name, _ in old_slots]
    if names != [name for _, name, _ in new_slots]:
        return tuple(sorted({*names} ^ {name for _, name, _ in new_slots})) or ("their order",)
    changed = {name for (_, name, old), (_, _, new) in zip(old_slots, new_slots, strict=True) if old != new}
    old_hosts = {host.host.name: host for host in before.hosts}
    places = [(old, new, name) for (old, name, _), (new, _, _) in zip(old_slots, new_slots, strict=True)]
    for host in now.hosts:
        if before_host := old_hosts.get(host.host.name):
            changed |= {name for old, new, name in places if _at(before_host, old, name) != _at(host, new, name)}
    return tuple(name for name in dict.fromkeys(names) if name in changed)


def _at(host: HostPlan, index: int, name: str) -> tuple[object, ...]:
    """What a host does in a slot."""
    return host.commands[index], host.whens[index], host.items.get(StepName(name))


def _slots(plan: Plan, hosts: Collection[HostName]) -> list[tuple[int, str, Any]]:
    """The slots that one of these hosts has, with their indices and names, as plain data without places."""
    here = [host for host in plan.hosts if host.host.name in hosts]
    found = []
    for index, (slot, data) in enumerate(zip(plan.slots, codec.to_json(plan)["slots"], strict=True)):
        if slot.repeat is None or not all(host.lacks(slot) for host in here):
            found.append((index, str(slot.name), {**_without_origins(data), "undo_of": slot.undo_of is not None}))
    return found


def _without_origins(data: Any) -> Any:
    match data:
        case dict():
            return {key: _without_origins(value) for key, value in data.items() if key != "origin"}
        case list():
            return [_without_origins(each) for each in data]
        case _:
            return data


def carry_over(now: Plan, run: RunId, before: RunState) -> Plan:
    """The plan in which every host goes on where the run left it: steps that were done and not undone are passed over.

    A host on which anything was undone begins anew. Registered results go along, and handlers that are still owed.
    What runs once, and was done and not undone, is passed over by all that it was done for.
    """
    layout = lay_out(now)
    hosts = tuple(_with_once(_carry_over(host, layout, run, before), run, before) for host in now.hosts)
    plan = replace(now, hosts=hosts)
    plan = replace(plan, once=tuple(_first_without(each, plan) for each in plan.once))
    return replace(plan, digest=codec.digest(plan))


def _carry_over(host: HostPlan, layout: Layout, run: RunId, before: RunState) -> HostPlan:
    state = before.hosts.get(host.host.name)
    if state is None:
        return host
    host = replace(host, owed=state.owed)
    if _any_undone(before, state):
        return host
    was_done = {before.layout.slots[index].name for index in before.layout.steps if state.progress[index].done}
    done = tuple(index for index in layout.steps if layout.slots[index].name in was_done)
    return replace(host, done=done, done_in=run, registered=dict(state.registered))


def _with_once(host: HostPlan, run: RunId, before: RunState) -> HostPlan:
    """The host, with what was done once for it elsewhere, and the results of that."""
    done, registered = set(host.done), dict(host.registered)
    for once in before.plan.once if host.host.name in before.hosts else ():
        on = before.hosts[once.hosts[before.wave_of(host.host.name)]]
        undone = any(on.progress[undo.slot].attempts for undo in before.layout.undos if undo.step == once.slot)
        if undone or not on.progress[once.slot].done:
            done.discard(once.slot)
            continue
        done.add(once.slot)
        name = before.layout.slots[once.slot].register
        if name and name in on.registered:
            registered[name] = on.registered[name]
    if done == set(host.done):
        return host
    return replace(host, done=tuple(sorted(done)), done_in=run, registered=registered)


def _first_without(once: Once, plan: Plan) -> Once:
    """Where a step is run that runs once: the first host for which that was not done."""
    waiting = {host.host.name for host in plan.hosts if once.slot not in host.done}
    if plan.slots[once.slot].run_once is RunOnce.RUN:
        return once
    firsts = (next((name for name in wave.hosts if name in waiting), wave.hosts[0]) for wave in plan.waves)
    return replace(once, hosts=tuple(firsts))


def _any_undone(before: RunState, state: HostState) -> bool:
    return any(state.progress[undo.slot].attempts for undo in before.layout.undos)
