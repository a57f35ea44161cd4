"""Finds a run in the journal, and what a report needs of it."""

from itertools import islice
from typing import Protocol

from orchestrator import wiring
from orchestrator.core.between import given
from orchestrator.core.certificate import Certificate, certify, took_back
from orchestrator.core.run_state import RunState, fold
from orchestrator.engine.going_back import Back, backs_of
from orchestrator.errors import InputError
from orchestrator.load import Settings
from orchestrator.model.ids import RunId
from orchestrator.model.request import Request
from orchestrator.model.state import RunStatus
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
        taken_back=tuple(map(_taken_back, filter(_began, await backs_of(journal, run)))),
        answer=await answer_given(journal, run, state),
    )


async def read_certificate(journal: Journal, view: RunView) -> Certificate | None:
    """The undo certificate of a run, made from all that its journal has; None where it took nothing back."""
    return certify(view.id, view.state, await journal.events(view.id)) if took_back(view.state) else None


async def answer_given(journal: Journal, run: RunId, state: RunState) -> Request | None:
    """The answer of a person to the gate at which a run waits, on which no process has acted yet; None: none."""
    if state.finished or state.between.question is None:
        return None
    return given(state.between, await journal.requests(run), started_by=state.started_by)


def _began(back: Back) -> bool:
    """Whether a run that was to take another back was not kept from starting."""
    return back.state.status() is not RunStatus.HELD


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
