"""Gate kinds: what can stand between two waves. One file a kind, one line in the table."""

from collections.abc import Mapping
from typing import Any

from orchestrator.gates.approval import APPROVAL
from orchestrator.gates.bake import BAKE
from orchestrator.gates.command import COMMAND
from orchestrator.gates.kind import Due, GateKind, WaitUntil
from orchestrator.gates.url import URL
from orchestrator.gates.wave_command import WAVE_COMMAND
from orchestrator.model.gate import Gate

__all__ = ["GATES", "Due", "GateKind", "WaitUntil", "due", "expires_at", "told"]

GATES: Mapping[str, GateKind[Any]] = {kind.name: kind for kind in (BAKE, APPROVAL, COMMAND, WAVE_COMMAND, URL)}
"""Every gate kind by its name."""


def due(gate: Gate, asked_at: float, now: float) -> Due:
    """What is to be done about a gate that was asked at `asked_at`, at `now` (seconds since the epoch)."""
    return GATES[gate.kind].due(gate, asked_at, now)


def told(gate: Gate) -> str:
    """The gate in words, as a plan has it."""
    return GATES[gate.kind].told(gate)


def expires_at(gate: Gate, asked_at: float) -> float | None:
    """When an answer comes too late, of a gate that is asked at `asked_at`; None: never."""
    lasts = GATES[gate.kind].lasts(gate)
    return None if lasts is None else asked_at + lasts
