"""Whether a run may start, from what the provider says of its hosts before anything is sent."""

from collections.abc import Mapping, Sequence

from orchestrator.errors import Held, InputError
from orchestrator.model.host import ProviderSpec
from orchestrator.model.ids import HostName
from orchestrator.model.origin import Origin, Problem
from orchestrator.model.plan import Plan
from orchestrator.ports import NotReachable, ProbeReply, Refusal

SHOWN = 10
"""Hosts named in one message."""


def judge(plan: Plan, replies: Mapping[HostName, ProbeReply]) -> None:
    """Return where the run may start; a host that is only down now is for the run's budget, not for us.

    replies: what a probe of each host answered; hosts that could not be asked may be missing.
    Raises Held where the key is refused or the API cannot be reached at all, InputError where a vmid is not known.
    """
    refused = {name: reply for name, reply in replies.items() if isinstance(reply, NotReachable)}
    for reply in refused.values():
        if reply.refusal is Refusal.UNAUTHORISED:
            raise Held(_key_refused(plan.provider, reply.message))
    down = [reply for reply in refused.values() if reply.refusal is Refusal.API_DOWN]
    if down and len(down) == len(replies):
        raise Held(
            f"{plan.provider.url} cannot be reached ({down[0].message}); nothing was started. "
            "Check the provider's url and the network"
        )
    unknown = [name for name, reply in refused.items() if reply.refusal is Refusal.NO_SUCH_HOST]
    if unknown:
        raise InputError(_unknown_vmids(plan, unknown))


def _key_refused(provider: ProviderSpec, message: str) -> str:
    return (
        f"{provider.url} refused the API key from {provider.api_key} ({message}); nothing was started. "
        f"Check the key, its rights, and whether it may be used from this machine's address"
    )


def _unknown_vmids(plan: Plan, names: Sequence[HostName]) -> list[Problem]:
    vmids = {host.host.name: host.host.vmid for host in plan.hosts}
    where = Origin(file=plan.inventory or plan.file)
    problems = [
        Problem(
            origin=where,
            path=f"hosts.{name}" if plan.inventory else "vmids",
            problem=f"the provider knows no VPS with the vmid {vmids[name]}",
            fix="nothing was started; correct the vmid, or leave the host out with -l",
        )
        for name in names[:SHOWN]
    ]
    if len(names) > SHOWN:
        more = f"{len(names) - SHOWN} more hosts have vmids that the provider does not know"
        problems.append(Problem(origin=where, problem=more))
    return problems
