"""A run as its journal has it, for whoever goes on from it: it, another run of its hosts, or one that takes it back."""

from orchestrator.core.outputs import with_outputs
from orchestrator.core.run_state import RunState, fold
from orchestrator.ports import Journal, RunRecord


async def recorded_state(journal: Journal, record: RunRecord) -> RunState:
    """The state of a run, with those outputs alone that later steps read: all of them may fill the memory.

    Raises JournalError.
    """
    events = await journal.events(record.id, outputs=False)
    steps = {slot.name for slot in record.plan.slots if slot.register}
    outputs = [each for step in steps for each in await journal.outputs(record.id, step=step)]
    return fold(record.plan, with_outputs(events, outputs))
