"""A gate that is asked on the hosts of a wave: where its command is still to be run, and what its ends come to."""

from collections.abc import Mapping, Sequence

from orchestrator.core.between import Between
from orchestrator.core.layout import Layout
from orchestrator.gates import wave_command
from orchestrator.gates.kind import Settled
from orchestrator.model.gate import WaveCommand
from orchestrator.model.ids import HostName, StepName
from orchestrator.model.state import HostState, Standing


def asked(layout: Layout, between: Between, wave: int) -> int | None:
    """The slot of the gate that is asked on the hosts of a wave; None where none is."""
    question = between.question
    if question is None or question.wave != wave or question.inconclusive is not None:
        return None
    gate = question.gate
    return layout.find(StepName(gate.name), undo=False) if isinstance(gate, WaveCommand) else None


def awaits_check(layout: Layout, state: HostState, slot: int) -> bool:
    """Whether the command of a gate, which has this slot, is still to be begun on a host: on one that is done there."""
    done = Standing.ROLLED_BACK if layout.goes_back else Standing.OK
    return state.settled is done and not state.progress[slot].touched


def worked_on(layout: Layout, state: HostState) -> bool:
    """Whether anything was run on a host that may have changed it: the commands of gates only look."""
    return any(progress.touched for progress in state.progress[: layout.looks_from])


def look(
    layout: Layout, gate: WaveCommand, *, hosts: Sequence[HostName], states: Mapping[HostName, HostState]
) -> Settled | None:
    """The answer of these hosts, those of the wave; None while the command is to be run, or runs, on one of them."""
    slot = layout.find(StepName(gate.name), undo=False)
    if any(states[host].progress[slot].running or awaits_check(layout, states[host], slot) for host in hosts):
        return None
    ends = {host: states[host].progress[slot] for host in hosts if states[host].progress[slot].touched}
    return wave_command.judge(ends)
