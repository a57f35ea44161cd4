"""Finds a run in the journal, and what a report needs of it."""

from itertools import islice
from typing import Protocol

from orchestrator import wiring
from orchestrator.core.certificate import certify, took_back
from orchestrator.core.run_state import RunState, fold
from orchestrator.engine.going_back import Back, backs_of
from orchestrator.errors import InputError
from orchestrator.load import Settings
from orchestrator.model.ids import RunId
from orchestrator.ports import Journal, Output
from orchestrator.report.failures import failures
from orchestrator.report.view import RunView, TakenBack, Which
from orchestrator.report.words import state_of

LATEST = "last"
"""What a person types for the newest run."""

MOST_OUTPUTS = 500
"""Failures of one run whose outputs are read; a report shows a dozen kinds of failure."""


class FindingJournal(Journal, Protocol):
    """A journal that knows its runs by the beginning of their ids."""

    async def find(self, prefix: str) -> RunId: ...


async def find_run(journal: FindingJournal, typed: str) -> RunId:
    """The run that a person means. Raises InputError."""
    if typed != LATEST:
        return await journal.find(typed)
    newest = await journal.runs(limit=1)
    if not newest:
        raise InputError.of("there are no runs yet", fix="the first one: orc run PLAYBOOK -i INVENTORY")
    return newest[0].id


async def read_view(journal: Journal, run: RunId, settings: Settings) -> RunView:
    """The run as its journal has it now. Raises InputError where there is none."""
    record = await journal.record(run)
    owner = wiring.ownership(settings).owner(run)
    events = await journal.events(run, outputs=False)
    state = fold(record.plan, events)
    certificate = certify(run, state, await journal.events(run)) if took_back(state) else None
    return RunView(
        id=run,
        state=state,
        created_at=record.created_at,
        last_at=events[-1].at if events else record.created_at,
        by=record.by,
        argv=record.argv,
        driver=str(owner) if owner else "",
        outputs=await _outputs(journal, run, state),
        fences=tuple(fence for fence in await journal.fences() if fence.run == run),
        taken_back=tuple(_taken_back(back) for back in await backs_of(journal, run)),
        certificate=certificate,
    )


def _taken_back(back: Back) -> TakenBack:
    lists = {state_of(standing): hosts for standing, hosts in back.state.lists().items() if hosts}
    return TakenBack(by=back.id, lists=lists)


async def _outputs(journal: Journal, run: RunId, state: RunState) -> dict[Which, Output]:
    """What the last attempt of each slot that failed for good has printed."""
    found: dict[Which, Output] = {}
    for failure in islice(failures(state), MOST_OUTPUTS):
        for output in await journal.outputs(run, host=failure.host, step=failure.slot.name):
            if output.undo is failure.undo and output.attempt == failure.progress.attempts:
                found[failure.which] = output
    return found
