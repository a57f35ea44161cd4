"""The composition root: settings and files -> plan, journal, provider, clock and a run.

This is its whole surface; its parts are loaded as they are used, since a look at the
journal neither templates nor a provider.
"""

from typing import TYPE_CHECKING

from orchestrator.first_use import on_first_use

if TYPE_CHECKING:
    from orchestrator.wiring.driving import Start, new_run_id, open_provider, resume, run
    from orchestrator.wiring.recorded import ask, clock, open_journal, ownership, pause_for
else:
    __getattr__ = on_first_use(
        __name__,
        driving=["Start", "new_run_id", "open_provider", "resume", "run"],
        recorded=["ask", "clock", "open_journal", "ownership", "pause_for"],
    )

__all__ = [
    "Start",
    "ask",
    "clock",
    "new_run_id",
    "open_journal",
    "open_provider",
    "ownership",
    "pause_for",
    "resume",
    "run",
]
