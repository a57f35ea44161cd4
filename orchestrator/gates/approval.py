"""The gate `approval`: a person says yes or no; who may, and until when."""

from orchestrator.gates.kind import AskPerson, Due, GateKind, Settled
from orchestrator.gates.words import period
from orchestrator.model.event import Answer
from orchestrator.model.gate import Approval, OnDeny


def _due(gate: Approval, asked_at: float, now: float) -> Due:
    if gate.expires is not None and now >= asked_at + gate.expires:
        return Settled(answer=Answer.FAILED, why=f"nobody approved it within {period(gate.expires)}")
    return AskPerson(who=who_may(gate))


def who_may(gate: Approval) -> str:
    """Who may answer, in words."""
    return ", ".join(gate.by) + ("; not who started the run" if gate.four_eyes else "")


def objection(gate: Approval, *, by: str, started_by: str) -> str:
    """Why this person's answer does not count; empty where it does.

    by, started_by: as `ana@laptop`. A name without a machine is that of a user on any machine. Whoever started the
    run is the same person on another machine.
    """
    user = _user(by)
    if not {by, user} & set(gate.by):
        return f"{by} may not answer it: {who_may(gate)} may"
    if gate.four_eyes and user == _user(started_by):
        return f"{by} may not answer it: {started_by} started the run, and a second pair of eyes is asked for"
    return ""


def _user(whom: str) -> str:
    return whom.partition("@")[0]


def _told(gate: Approval) -> str:
    said = f"a person says yes: {who_may(gate)}"
    said += f", within {period(gate.expires)}" if gate.expires is not None else ""
    return f"{said}; if not, what was done {'stays' if gate.on_deny is OnDeny.LEAVE else 'is taken back'}"


APPROVAL: GateKind[Approval] = GateKind(
    name="approval",
    help="A person says yes or no, from any terminal.",
    example="{by: [ana, ben], expires: 4h}",
    told=_told,
    due=_due,
    lasts=lambda gate: gate.expires,
)
