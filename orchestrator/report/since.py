"""How a plan differs from what was last run with success, host by host."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.model.ids import HostName
from orchestrator.model.plan import Plan
from orchestrator.report.columns import hang
from orchestrator.report.diff_text import PlanDiffJson, plan_diff_json, plan_diff_text
from orchestrator.report.plan_differences import OriginOf, PlanDifferences, plan_differences, together
from orchestrator.report.sections import join
from orchestrator.report.view import PAPER, Paper
from orchestrator.report.words import count, names


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """An earlier run, and the hosts that were last ok in it."""

    run: str
    plan: Plan
    hosts: tuple[HostName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """bases: newest first. never_ok: the hosts that are in none. found: what is another."""

    bases: tuple[Base, ...]
    never_ok: tuple[HostName, ...]
    found: PlanDifferences


class BaseJson(PlanDiffJson):
    """How a plan differs from the last good run of each of its hosts.

    runs: the hosts by that run's id, newest first. never_ok: hosts that no run has left ok.
    """

    runs: dict[str, list[str]]
    never_ok: list[str]


def since(now: Plan, bases: Sequence[Base], origin_of: OriginOf) -> Since:
    """Each host's commands and values against those of its own last good run; all else against the newest of these."""
    known = {host for base in bases for host in base.hosts}
    never_ok = tuple(host.host.name for host in now.hosts if host.host.name not in known)
    if not bases:
        return Since(bases=(), never_ok=never_ok, found=PlanDifferences())
    of_hosts = together(
        plan_differences(_only(base.plan, base.hosts), _only(now, base.hosts), origin_of) for base in bases
    )
    whole = plan_differences(bases[0].plan, now, origin_of)
    found = replace(whole, added=(), values=of_hosts.values, commands=of_hosts.commands)
    return Since(bases=tuple(bases), never_ok=never_ok, found=found)


def _only(plan: Plan, hosts: Sequence[HostName]) -> Plan:
    wanted = set(hosts)
    return replace(plan, hosts=tuple(host for host in plan.hosts if host.host.name in wanted))


def since_json(told: Since) -> BaseJson:
    """The differences as programs read them."""
    runs = {base.run: [*map(str, base.hosts)] for base in told.bases}
    return BaseJson(runs=runs, never_ok=[*told.never_ok], **plan_diff_json(told.found))


def since_text(told: Since, paper: Paper = PAPER) -> list[str]:
    """The differences as a person reads them."""
    lines = []
    for base in told.bases:
        said = f"SINCE  run {base.run}, the last good one of {count(len(base.hosts), 'host')}: "
        lines += hang(said, names(base.hosts), paper.width, at=",")
    if told.never_ok:
        said = f"NEW    {count(len(told.never_ok), 'host')} that no run of this playbook has left ok: "
        lines += hang(said, names(told.never_ok), paper.width, at=",")
    same = [] if told.found.any or not told.bases else ["nothing differs"]
    return join(lines, *plan_diff_text(told.found, paper), same)
