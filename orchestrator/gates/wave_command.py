"""The gate `command` with `on: wave`: a command on every host of the wave, whose ends answer together."""

import shlex
from collections.abc import Mapping

from orchestrator.gates.command import NOT_KNOWN
from orchestrator.gates.kind import Due, GateKind, LookOnHosts, Settled
from orchestrator.gates.words import period
from orchestrator.model.event import Answer
from orchestrator.model.gate import WaveCommand
from orchestrator.model.ids import HostName
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import Progress


def judge(ends: Mapping[HostName, Progress]) -> Settled:
    """What it means how the command ended on these hosts: passed where all were ok, failed where any has failed.

    Between the two it could not be found out: on some host it was not run, did not end in time, was cut short by a
    restart, or exited with 75. The same where there is no host to ask.
    """
    failed = {host: end for host, end in ends.items() if _failed(end)}
    if failed:
        return Settled(answer=Answer.FAILED, why=f"it failed on {_named(failed, len(ends))}")
    lost = {host: end for host, end in ends.items() if end.outcome is not Outcome.OK}
    if lost:
        return Settled(answer=Answer.INCONCLUSIVE, why=f"nobody knows of {_named(lost, len(ends))}")
    if not ends:
        return Settled(answer=Answer.INCONCLUSIVE, why="there is no host in the wave to run it on")
    return Settled(answer=Answer.PASSED)


def _failed(end: Progress) -> bool:
    """One that was run has an exit status; one that could not be made from the host's results has none."""
    return end.outcome is Outcome.FAILED and not end.interrupted and end.exit_code not in (None, NOT_KNOWN)


def _named(hosts: Mapping[HostName, Progress], total: int) -> str:
    """`2 of 5 hosts, first web-2: exit status 1`."""
    first = next(iter(hosts))
    why = hosts[first].detail
    return f"{len(hosts)} of {total} host{'' if total == 1 else 's'}, first {first}" + (f": {why}" if why else "")


def written(gate: WaveCommand) -> str:
    """The command as its author wrote it."""
    return gate.run.source if gate.run else shlex.join(text.source for text in gate.argv)


def _due(gate: WaveCommand, asked_at: float, now: float) -> Due:
    return LookOnHosts()


WAVE_COMMAND: GateKind[WaveCommand] = GateKind(
    name="wave_command",
    key="command",
    help="A command on every host of the wave: exit status 0 on all of them passes.",
    example="{run: ./is-healthy, on: wave}",
    told=lambda gate: f"on every host of the wave, within {period(gate.timeout)}: {written(gate)}",
    due=_due,
)
