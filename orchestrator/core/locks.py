"""Which VPSes a run keeps for itself, and for how long."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from orchestrator.model.event import Event, HostSettled, RunFinished
from orchestrator.model.host import Host, HostFence
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.plan import HostPlan, Plan, Section
from orchestrator.model.rollout import RollbackScope
from orchestrator.model.state import HostState, Standing


def lock_key(plan: Plan, host: Host) -> str:
    """What names a VPS for every run, whatever its inventory calls it: the provider's address and the vmid.

    One address may be spelled in several ways (RFC 3986, section 6.2): `http://LOCALHOST:80` is `http://localhost`.
    """
    parts = urlsplit(plan.provider.url)
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{name}{port}{parts.path.rstrip('/')} {host.vmid}"


_PORTS = {"http": 80, "https": 443}


def needed(plan: Plan) -> Mapping[str, HostName]:
    """The locks that a run of this plan needs before anything is started, by key."""
    return {lock_key(plan, each.host): each.host.name for each in plan.hosts}


def still_needed(plan: Plan, states: Mapping[HostName, HostState]) -> Mapping[str, HostName]:
    """The locks that a run needs to go on, by key: all but those that it gave up by `unneeded`."""
    return {
        lock_key(plan, each.host): each.host.name
        for each in plan.hosts
        if _may_be_used_later(plan, each) or states[each.host.name].settled is None
    }


def _may_be_used_later(plan: Plan, host: HostPlan) -> bool:
    """Whether something may be run on this host once it is settled: it is taken back, or a gate is asked there."""
    slots = zip(plan.slots, host.whens, strict=True)
    asked = any(slot.section is Section.GATES and when is not False for slot, when in slots)
    return asked or plan.policy.rollback not in (RollbackScope.NONE, RollbackScope.HOST)


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

    A host that is settled may be taken back later where the scope is a wave or the run, or a gate may be asked there; a
    host whose rollback failed is given up all the same: what keeps other runs off it is its fence.
    """
    match event:
        case RunFinished():
            return tuple(needed(plan))
        case HostSettled() if not _may_be_used_later(plan, hosts[event.host]):
            if event.standing is Standing.BUSY:
                return ()
            return (lock_key(plan, hosts[event.host].host),)
        case _:
            return ()
