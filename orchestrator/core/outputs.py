"""Events that were read without their outputs, and the outputs that later steps need of them."""

from collections.abc import Iterable
from dataclasses import replace

from orchestrator.model.event import AttemptEnded, Recorded, UndoEnded
from orchestrator.ports import Output


def with_outputs(events: Iterable[Recorded], outputs: Iterable[Output]) -> tuple[Recorded, ...]:
    """Events that were read without their outputs, with these put back."""
    known = {(each.host, each.step, each.undo, each.attempt): each for each in outputs}

    def whole(recorded: Recorded) -> Recorded:
        event = recorded.event
        if not isinstance(event, AttemptEnded | UndoEnded) or event.result is None:
            return recorded
        output = known.get((event.host, event.step, isinstance(event, UndoEnded), event.attempt))
        if output is None:
            return recorded
        result = replace(event.result, stdout=output.stdout, stderr=output.stderr)
        return replace(recorded, event=replace(event, result=result))

    return tuple(whole(each) for each in events)
