"""Runs that take another back: which there are, and that no two of them take back the same."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from orchestrator.core.retry import carry_over
from orchestrator.core.run_state import RunState, fold
from orchestrator.core.taking_back import left_to_undo, take_back
from orchestrator.engine.live_run import LiveRun
from orchestrator.engine.locks import hold
from orchestrator.engine.recorded import recorded_state
from orchestrator.errors import Held, InputError
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.plan import Plan
from orchestrator.model.request import Act
from orchestrator.ports import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """A run that takes another back, and how it stands."""

    id: RunId
    state: RunState


async def backs_of(journal: Journal, run: RunId) -> tuple[Back, ...]:
    """The runs that take this one back, or did, oldest first."""
    found = []
    for request in await journal.requests(run):
        if request.act is not Act.ROLL_BACK:
            continue
        id = RunId(request.why)
        try:
            record = await journal.record(id)
        except InputError:  # its process died between the request and the run
            continue
        found.append(Back(id=id, state=fold(record.plan, await journal.events(id, outputs=False))))
    return tuple(found)


async def made_now(journal: Journal, plan: Plan) -> Plan:
    """The plan of a retry as it would be made now: what it passes over may have been taken back since."""
    run = next((RunId(each.done_in) for each in plan.hosts if each.done_in), None)
    if run is None:
        return plan
    state = await recorded_state(journal, await journal.record(run))
    left = left_to_undo(state, [back.state for back in await backs_of(journal, run)])
    return carry_over(plan, run, state, left, made_now=await made_now(journal, state.plan))


def refuse_beside(run: RunId, backs: Sequence[Back], hosts: Collection[HostName]) -> None:
    """Raise Held while one of these hosts of the run is being taken back."""
    for back in backs:
        if not back.state.finished and not back.state.hosts.keys().isdisjoint(hosts):
            raise Held(
                f"run {run} is being taken back by run {back.id}",
                next=(f"orc status {back.id}", f"orc resume {back.id}"),
            )


async def refuse_if_moved(live: LiveRun) -> None:
    """Look again, now that the hosts are this run's, whether its plan is still what is to be taken back.

    Another run may have done it between the plan and the locks. Raises Held; the run is then finished as held.
    """
    journal, old = live.outside.journal, RunId(live.plan.takes_back)
    record = await journal.record(old)
    state = await recorded_state(journal, record)
    others = [back.state for back in await backs_of(journal, old) if back.id != live.id]
    hosts = tuple(live.state.hosts)
    plans = [take_back(state, old, hosts, others, with_gates=with_gates).plan for with_gates in (False, True)]
    if live.plan.digest not in [plan.digest for plan in plans if plan]:
        cause = f"another run has taken hosts of run {old} back meanwhile"
        await hold(live, cause)
        raise Held(f"{cause}; nothing was started", next=(f"orc status {old}", f"orc rollback {old}"))
