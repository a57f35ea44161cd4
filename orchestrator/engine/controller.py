"""What gates need of the machine that drives the run, as a Protocol."""

from typing import Protocol

from orchestrator.model.gate import CommandReply, ControllerCommand, UrlReply, UrlWatch


class Controller(Protocol):
    """The machine that drives the run, as gates use it. What goes wrong is a value."""

    async def run(self, gate: ControllerCommand) -> CommandReply:
        """Run a gate's command to its end, or to its time limit."""
        ...

    async def fetch(self, gate: UrlWatch) -> UrlReply:
        """Ask a gate's address once."""
        ...
