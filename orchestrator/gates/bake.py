"""The gate `bake`: nothing is done for a while, so that what goes wrong later has time to."""

from orchestrator.gates.kind import Due, GateKind, Settled, WaitUntil
from orchestrator.gates.words import period
from orchestrator.model.event import Answer
from orchestrator.model.gate import Bake


def _due(gate: Bake, asked_at: float, now: float) -> Due:
    """The time counts from the event in the journal: it goes on while no process drives the run."""
    over = asked_at + gate.seconds
    return Settled(answer=Answer.PASSED) if now >= over else WaitUntil(at=over)


BAKE: GateKind[Bake] = GateKind(
    name="bake",
    help="Waits so long.",
    example="5m",
    told=lambda gate: f"wait {period(gate.seconds)}",
    due=_due,
)
