"""Which hosts of a finished run are tried again, and where each of them goes on."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from orchestrator import codec
from orchestrator.core.run_state import RunState
from orchestrator.model.ids import HostName, RunId
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

    A step is what it does: its rules, its texts (wherever in the file they stand) and its commands.
    """
    old_slots, new_slots = _slots(before), _slots(now)
    if [name for name, _ in old_slots] != [name for name, _ in new_slots]:
        return tuple(sorted({name for name, _ in old_slots} ^ {name for name, _ in new_slots})) or ("their order",)
    changed = {name for (name, old), (_, new) in zip(old_slots, new_slots, strict=True) if old != new}
    old_hosts = {host.host.name: host for host in before.hosts}
    for host in now.hosts:
        old = old_hosts.get(host.host.name)
        if old is not None:
            pairs = zip(now.slots, old.commands, host.commands, old.whens, host.whens, strict=True)
            changed |= {slot.name for slot, *old_new in pairs if old_new[0] != old_new[1] or old_new[2] != old_new[3]}
    return tuple(name for name in dict.fromkeys(name for name, _ in old_slots) if name in changed)


def _slots(plan: Plan) -> list[tuple[str, Any]]:
    return [(slot["name"], _without_origins(slot)) for slot in codec.to_json(plan)["slots"]]


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
    hosts = tuple(_with_once(_carry_over(host, run, before), run, before) for host in now.hosts)
    plan = replace(now, hosts=hosts)
    plan = replace(plan, once=tuple(_first_without(each, plan) for each in plan.once))
    return replace(plan, digest=codec.digest(plan))


def _carry_over(host: HostPlan, run: RunId, before: RunState) -> HostPlan:
    state = before.hosts.get(host.host.name)
    if state is None:
        return host
    host = replace(host, owed=state.owed)
    if _any_undone(before, state):
        return host
    done = tuple(index for index in before.layout.steps if state.progress[index].done)
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
