"""Runs of a playbook that have not ended, told to whoever is about to begin another."""

from dataclasses import dataclass

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.ask import answer_to
from orchestrator.core.locks import needed
from orchestrator.errors import Held
from orchestrator.load import Settings
from orchestrator.model.event import RunFinished
from orchestrator.model.ids import RunId
from orchestrator.model.plan import Plan
from orchestrator.report.words import count

LOOKED_AT = 200
"""Of the journal's runs, the newest so many are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """A run that has not ended. shared: hosts of the plan that it has, too. driver: the process that drives it."""

    id: RunId
    shared: int
    driver: str = ""

    def sentence(self) -> str:
        """What a person is told."""
        doing = f"is driven by {self.driver}" if self.driver else "is driven by no process"
        hosts = f"has {count(self.shared, 'host')} of these" if self.shared else "has none of these hosts"
        return f"run {self.id} of this playbook has not ended: it {doing} and {hosts}"


async def open_runs(plan: Plan, settings: Settings) -> tuple[OpenRun, ...]:
    """The runs of the plan's playbook that have not ended, newest first."""
    async with wiring.open_journal(settings) as journal:
        summaries = await journal.runs(limit=LOOKED_AT)
        found = []
        mine = needed(plan).keys()
        for summary in summaries:
            if summary.playbook != plan.playbook or (summary.last and isinstance(summary.last.event, RunFinished)):
                continue
            other = (await journal.record(summary.id)).plan
            owner = wiring.ownership(settings).owner(summary.id)
            shared = len(mine & needed(other).keys())
            found.append(OpenRun(id=summary.id, shared=shared, driver=str(owner) if owner else ""))
    return tuple(found)


def choose(runs: tuple[OpenRun, ...], *, asks: bool) -> RunId | None:
    """Tell about these runs; the one that is to be gone on with in place of a new run, None for none.

    asks: there is somebody to ask; else it is only told, and the host locks keep the runs apart. Raises Held where the
    answer is neither.
    """
    for run in runs:
        output.stderr().line(
            f"orc: {run.sentence()}. Go on with it: orc {'watch' if run.driver else 'resume'} {run.id}"
        )
    left = next((run for run in runs if not run.driver), None)
    if left is None or not asks:
        return None
    match answer_to(f"Go on with run {left.id} (r), or begin a new one beside it (n)? [r/n]"):
        case "r" | "resume":
            return left.id
        case "n" | "new":
            return None
        case _:
            raise Held("nothing was started: no answer was given", next=(f"orc status {left.id}",))
