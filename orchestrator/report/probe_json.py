"""What the guests were found to be like, as programs read it: the key `probe` of `orc plan --probe --output json`."""

from typing import TypedDict

from orchestrator.core.probed import HostFacts, warnings_on
from orchestrator.model.plan import HostPlan, Plan, Section
from orchestrator.report.probed import Probed
from orchestrator.report.words import iso


class ProbedHostJson(TypedDict):
    """One host. state: ready, unreachable, no_answer, other_host, refused, taken or no_such_host; why: '' where ready.

    at: when that was known. hostname, shell: as the guest tells them, '' where it does not. The rest is null where the
    guest said nothing: free_bytes, where attempts are kept; library: whether the guest has it already.
    """

    host: str
    state: str
    why: str
    at: str
    hostname: str | None
    shell: str | None
    systemd: bool | None
    free_bytes: int | None
    library: bool | None
    warnings: list[str]


class VerdictJson(TypedDict):
    """One command of the plan. verdict: will_run, will_skip (as the guest was then) or run_time."""

    host: str
    step: str
    verdict: str
    why: str


class ProbeJson(TypedDict):
    """exit: what `orc plan --probe` exits with. verdicts: as many, and in the same order, as the plan's commands."""

    exit: int
    hosts: list[ProbedHostJson]
    verdicts: list[VerdictJson]


def probe_json(probed: Probed) -> ProbeJson:
    """All of it."""
    plan = probed.plan
    by_slot = {
        index: (slot, probed.verdicts(index))
        for index, slot in enumerate(plan.slots)
        if slot.section is not Section.UNDO
    }
    return ProbeJson(
        exit=probed.probe.exit,
        hosts=[_host(plan, host, probed.facts[host.host.name]) for host in plan.hosts],
        verdicts=[
            VerdictJson(host=host.host.name, step=slot.name, verdict=verdict.will.value, why=verdict.why)
            for host in plan.hosts
            for slot, verdicts in by_slot.values()
            if (verdict := verdicts.get(host.host.name))
        ],
    )


def _host(plan: Plan, host: HostPlan, facts: HostFacts) -> ProbedHostJson:
    answers = facts.answers
    return ProbedHostJson(
        host=facts.host,
        state=facts.found.value,
        why=facts.why,
        at=iso(facts.at),
        hostname=answers.hostname if answers else None,
        shell=answers.shell if answers else None,
        systemd=answers.systemd if answers else None,
        free_bytes=answers.free if answers else None,
        library=answers.library if answers else None,
        warnings=warnings_on(plan, host, facts),
    )
