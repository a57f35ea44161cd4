"""Which run, host and step `orc logs` is asked about."""

from collections.abc import Collection
from dataclasses import dataclass

from orchestrator.cli.lookup import FindingJournal, find_run
from orchestrator.errors import InputError
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.near import did_you_mean
from orchestrator.model.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """A run, and the host and the step of it that are meant; None for all of them."""

    run: RunId
    plan: Plan
    host: HostName | None
    step: StepName | None


async def find_which(journal: FindingJournal, typed: str, host: str | None, step: str | None) -> Which:
    """What a person means. Raises InputError for a name that the run does not have, with the nearest that it has."""
    run = await find_run(journal, typed)
    plan = (await journal.record(run)).plan
    hosts = {each.host.name for each in plan.hosts}
    one_host = None if host is None else HostName(_known(host, hosts, "host"))
    one_step = None if step is None else StepName(_known(step, {slot.name for slot in plan.slots}, "step"))
    return Which(run=run, plan=plan, host=one_host, step=one_step)


def _known(name: str, known: Collection[str], what: str) -> str:
    if name in known:
        return name
    fix = did_you_mean(name, known) or f"the {what}s of the run: {', '.join(sorted(known)[:10])}"
    raise InputError.of(f"the run has no {what} {name!r}", fix=fix)
