"""A fleet that speaks HostUp's agent-exec contract over HTTP on loopback and runs the commands for real.

Each VPS is a directory; its commands are real processes of the user that runs the simulator, on this machine.
It is a place to try playbooks out and to test them against everything that goes wrong, not a sandbox.
"""

from orchestrator.simulator.faults import Chance, Count, Fault, Faults, read_faults
from orchestrator.simulator.lifecycle import Simulator, running_simulator, serve
from orchestrator.simulator.settings import RestartKills, SimulatorSettings
from orchestrator.simulator.stats import LogEntry, Stats, VpsStats

__all__ = [
    "Chance",
    "Count",
    "Fault",
    "Faults",
    "LogEntry",
    "RestartKills",
    "Simulator",
    "SimulatorSettings",
    "Stats",
    "VpsStats",
    "read_faults",
    "running_simulator",
    "serve",
]
