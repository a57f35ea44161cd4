"""The command line: one file for each command; arguments, one call, one report."""

from typing import TYPE_CHECKING

from orchestrator.first_use import on_first_use

if TYPE_CHECKING:
    from orchestrator.cli.live_view import live_screen
else:
    __getattr__ = on_first_use(__name__, live_view=["live_screen"])  # it brings rich along

__all__ = ["live_screen"]
