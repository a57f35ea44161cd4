"""The gate `command`: a command on the machine that drives the run, whose exit status answers."""

import shlex

from orchestrator.gates.kind import Due, GateKind, LookHere, Settled
from orchestrator.gates.words import period
from orchestrator.model.event import Answer
from orchestrator.model.gate import CommandLost, CommandRan, CommandReply, ControllerCommand

NOT_KNOWN = 75
"""The exit status (EX_TEMPFAIL of sysexits.h) by which a command says that it could not find out."""

LAST_WORDS = 200


def _due(gate: ControllerCommand, asked_at: float, now: float) -> Due:
    return LookHere()


def judge(reply: CommandReply) -> Settled:
    """What a command's end means: 0 passed, 75 could not find out, any other status failed."""
    match reply:
        case CommandLost():
            return Settled(answer=Answer.INCONCLUSIVE, why=reply.why)
        case CommandRan(exit_code=0):
            return Settled(answer=Answer.PASSED)
        case CommandRan():
            said = " ".join(reply.output.split())[-LAST_WORDS:]
            why = f"exit status {reply.exit_code}" + (f": {said}" if said else "")
            answer = Answer.INCONCLUSIVE if reply.exit_code == NOT_KNOWN else Answer.FAILED
            return Settled(answer=answer, why=why)


def written(gate: ControllerCommand) -> str:
    """The command as one would type it."""
    return gate.run.source if gate.run else shlex.join(gate.argv)


COMMAND: GateKind[ControllerCommand] = GateKind(
    name="command",
    help="A command on the machine that drives the run: exit status 0 passes, 75 is for a person to say.",
    example="{run: ./check-dashboards, on: controller}",
    told=lambda gate: f"on this machine, within {period(gate.timeout)}: {written(gate)}",
    due=_due,
)
