"""Which hosts of a finished run are tried again, and where each of them goes on."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator import codec
from orchestrator.core.layout import Layout, lay_out
from orchestrator.core.locks import needed
from orchestrator.core.run_state import RunState
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.plan import HostPlan, Once, Plan, Section
from orchestrator.model.playbook import RunOnce
from orchestrator.model.state import HostState, Registered, Standing

NOT_OK = tuple(standing for standing in Standing if standing not in (Standing.OK, Standing.BUSY))
"""The hosts that `orc retry` takes by itself."""

TAKEN_BACK = (Standing.ROLLED_BACK, Standing.ROLLBACK_FAILED)


def to_retry(
    state: RunState, standings: Iterable[Standing], backs: Iterable[RunState] = (), fenced: Collection[str] = ()
) -> tuple[HostName, ...]:
    """The hosts of a run that stand so, in the plan's order, where these runs have taken parts of it back since.

    fenced: the keys of hosts that no run takes: one whose rollback failed is left out until a person has looked at it.
    """
    stand = {host: standing for standing, hosts in state.lists().items() for host in hosts}
    for back in backs:
        for standing, hosts in back.lists().items():
            stand.update((host, standing) for host in hosts if standing in TAKEN_BACK and back.hosts[host].touched)
    wanted = set(standings)
    waiting = {host for key, host in needed(state.plan).items() if key in fenced}
    left_out = {host for host in waiting if stand[host] is Standing.ROLLBACK_FAILED}
    return tuple(host for host in state.hosts if stand[host] in wanted and host not in left_out)


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
        if slot.section is not Section.GATES and (slot.repeat is None or not all(host.lacks(slot) for host in here)):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """A run that ended, as another goes on from it. hosts: as they stand now, whatever took them back since.

    plans: of its hosts, as they would be made now. gone: of the steps that each host passed over, those that were done
    in earlier runs and were taken back there since.
    """

    run: RunId
    state: RunState
    hosts: Mapping[HostName, HostState]
    plans: Mapping[HostName, HostPlan]
    gone: Mapping[HostName, frozenset[int]]

    def was_done(self, host: HostName, step: int) -> bool:
        """Whether a step (a slot of the old plan) was done on a host, in that run or in one that it went on from."""
        return self.hosts[host].progress[step].done or step in self.plans[host].done

    def was_undone(self, host: HostName, step: int | None = None) -> bool:
        """Whether an undo was begun on a host: of this step, or of any."""
        own = (index for index in self.gone[host] if step == index or (step is None and not self._once(index)))
        undos = (undo for undo in self.state.layout.undos if step in (None, undo.step))
        return any(True for _ in own) or any(self.hosts[host].progress[undo.slot].touched for undo in undos)

    def _once(self, step: int) -> bool:
        """Whether a step may have been done elsewhere."""
        return self.state.layout.slots[step].run_once is not None

    def index_in(self, layout: Layout, slot: int) -> int | None:
        """Where a slot of the old plan stands in the new one; loops may have other items now."""
        return layout.by_name.get((self.state.layout.slots[slot].name, False))


def carry_over(
    now: Plan, run: RunId, before: RunState, hosts: Mapping[HostName, HostState], *, made_now: Plan | None = None
) -> Plan:
    """The plan in which every host goes on where the run left it: steps that were done and not undone are passed over.

    hosts: those of the run as they stand now, whatever other runs have taken back of it (`left_to_undo`). made_now: its
    plan as it would be made now, where it went on from another run itself that may have been taken back since.
    A host on which anything was undone begins anew. Registered results go along, and handlers that are still owed.
    What runs once, and was done and not undone, is passed over by all that it was done for.
    """
    plans = {each.host.name: each for each in (made_now or before.plan).hosts}
    gone = {
        each.host.name: frozenset({*each.done}.difference(plans[each.host.name].done)) for each in before.plan.hosts
    }
    past = _Past(run=run, state=before, hosts=hosts, plans=plans, gone=gone)
    layout = lay_out(now)
    plan = replace(now, hosts=tuple(_carry_over(each, layout, past) for each in now.hosts))
    plan = replace(plan, once=tuple(_first_without(each, plan) for each in plan.once))
    return replace(plan, digest=codec.digest(plan))


def _carry_over(host: HostPlan, layout: Layout, past: _Past) -> HostPlan:
    name = host.host.name
    if name not in past.hosts:
        return host
    owed = tuple(i for slot in past.hosts[name].owed if (i := past.index_in(layout, slot)) is not None)
    done: set[int] = set()
    registered: dict[str, Registered] = {}
    if not past.was_undone(name):
        steps = (step for step in past.state.layout.steps if past.was_done(name, step))
        done = {i for step in steps if (i := past.index_in(layout, step)) is not None}
        registered = dict(past.hosts[name].registered)
    for once in past.state.plan.once:
        index, on = past.index_in(layout, once.slot), once.hosts[past.plans[name].wave]
        if index is None:
            continue
        if past.was_undone(on, once.slot) or not past.was_done(on, once.slot):
            done.discard(index)
            continue
        done.add(index)
        word = past.state.layout.slots[once.slot].register
        if word and word in past.hosts[on].registered:
            registered[word] = past.hosts[on].registered[word]
    return replace(host, done=tuple(sorted(done)), done_in=past.run if done else "", registered=registered, owed=owed)


def _first_without(once: Once, plan: Plan) -> Once:
    """Where a step is run that runs once: the first host for which that was not done."""
    waiting = {host.host.name for host in plan.hosts if once.slot not in host.done}
    if plan.slots[once.slot].run_once is RunOnce.RUN:
        return once
    firsts = (next((name for name in wave.hosts if name in waiting), wave.hosts[0]) for wave in plan.waves)
    return replace(once, hosts=tuple(firsts))
