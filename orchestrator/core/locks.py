"""Which VPSes a run keeps for itself, and for how long."""

from collections.abc import Mapping

from orchestrator.model.event import Event, HostSettled, RunFinished
from orchestrator.model.host import Host, HostFence
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.plan import HostPlan, Plan
from orchestrator.model.playbook import RollbackScope
from orchestrator.model.state import Standing


def lock_key(plan: Plan, host: Host) -> str:
    """What names a VPS for every run, whatever its inventory calls it: the provider's address and the vmid."""
    return f"{plan.provider.url} {host.vmid}"


def needed(plan: Plan) -> Mapping[str, HostName]:
    """The locks that a run of this plan needs before anything is started, by key."""
    return {lock_key(plan, each.host): each.host.name for each in plan.hosts}


def fenced(
    plan: Plan, hosts: Mapping[HostName, HostPlan], run: RunId, event: Event, at: float
) -> tuple[HostFence, ...]:
    """The fences to be put up once this has happened, at `at`: around a host that was left half taken back."""
    if not isinstance(event, HostSettled) or event.standing is not Standing.ROLLBACK_FAILED:
        return ()
    key, why = lock_key(plan, hosts[event.host].host), "its rollback failed"
    return (HostFence(key=key, host=event.host, run=run, since=at, why=why),)


def unneeded(plan: Plan, hosts: Mapping[HostName, HostPlan], event: Event) -> tuple[str, ...]:
    """The keys of the locks that the run needs no more once this has happened.

    A host that is settled may be taken back later where the scope is a wave or the run; a host whose rollback failed is
    given up all the same: what keeps other runs off it is its fence.
    """
    match event:
        case RunFinished():
            return tuple(needed(plan))
        case HostSettled() if plan.policy.rollback in (RollbackScope.NONE, RollbackScope.HOST):
            if event.standing is Standing.BUSY:
                return ()
            return (lock_key(plan, hosts[event.host].host),)
        case _:
            return ()
