"""Whether a VPS may be asked now by somebody who only looks.

A VPS's agent serves one request at a time, and what a second one is answered can be meant for the first (Proxmox VE has
one client of its socket). So while a process sees an attempt through there, nobody else asks; a host that its run has
locked but on which nothing is under way may be asked.
"""

from orchestrator import wiring
from orchestrator.core.locks import lock_key
from orchestrator.errors import Held
from orchestrator.load import Settings
from orchestrator.model.event import AttemptEnded, AttemptStarted, UndoEnded, UndoStarted
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.plan import HostPlan, Plan
from orchestrator.ports import Journal


class Bystander:
    """Looks at one VPS's runs, as the journal has them."""

    def __init__(self, journal: Journal, settings: Settings, plan: Plan, host_plan: HostPlan) -> None:
        self._journal = journal
        self._owners = wiring.ownership(settings)
        self._key = lock_key(plan, host_plan.host)
        self._seen: dict[RunId, tuple[int, bool]] = {}

    async def look(self) -> None:
        """Return where the VPS may be asked. Raises Held while a process has an attempt under way there."""
        for lock in await self._journal.locks():
            if lock.key != self._key:
                continue
            owner = self._owners.owner(lock.run)
            if owner and await self._is_busy(lock.run, lock.host):
                raise Held(
                    f"run {lock.run} has an attempt under way on {lock.host} ({owner}), and a VPS takes one request at "
                    "a time; ask again once it has ended",
                    next=(f"orc logs {lock.run} {lock.host} -f", f"orc status {lock.run}"),
                )

    async def _is_busy(self, run: RunId, host: HostName) -> bool:
        seq, busy = self._seen.get(run, (0, False))
        for recorded in await self._journal.events(run, after=seq, outputs=False):
            seq = recorded.seq
            match recorded.event:
                case AttemptStarted() | UndoStarted() as event if event.host == host:
                    busy = True
                case AttemptEnded() | UndoEnded() as event if event.host == host:
                    busy = False
                case _:
                    pass
        self._seen[run] = (seq, busy)
        return busy
