"""What other processes can see of runs: the journal, who drives which, and the requests that are left for them."""

from orchestrator.clock import SystemClock
from orchestrator.journal.ownership import RunOwnership
from orchestrator.journal.sql import SqlJournal
from orchestrator.load import Settings
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.request import Act, Request
from orchestrator.ports import Clock, Journal


def open_journal(settings: Settings) -> SqlJournal:
    """The journal of these settings, not yet entered."""
    return SqlJournal(settings.database_url, clock=SystemClock())


def ownership(settings: Settings) -> RunOwnership:
    """Who drives which run on this machine."""
    return RunOwnership(settings.state_dir, clock=SystemClock())


async def ask(
    journal: Journal,
    run: RunId,
    act: Act,
    *,
    by: str,
    why: str = "",
    host: HostName | None = None,
    gate: str | None = None,
) -> Request:
    """Keep what somebody asks of a run; a process that drives it heeds it within a second. Returns it with its id."""
    return await journal.ask(Request(run=run, act=act, by=by, at=SystemClock().now(), why=why, host=host, gate=gate))


def clock() -> Clock:
    """The system's clock."""
    return SystemClock()


async def pause_for(seconds: float) -> None:
    """Wait; for those who only look at what others do."""
    here = SystemClock()
    await here.sleep_until(here.now() + seconds)
