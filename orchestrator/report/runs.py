"""The list of runs."""

from collections.abc import Collection, Sequence
from typing import TypedDict

from orchestrator.model.event import RunFinished, RunPaused
from orchestrator.model.host import HostFence
from orchestrator.model.ids import RunId
from orchestrator.model.state import RunStatus
from orchestrator.ports import RunSummary
from orchestrator.report.columns import cut, table
from orchestrator.report.verdict import WORDS
from orchestrator.report.view import PAPER, Paper
from orchestrator.report.visible import visible
from orchestrator.report.words import iso, moment, names, took


class RunJson(TypedDict):
    """A run as programs read it. driven: a process of this machine drives it. finished_at: null while it is open.

    fenced: hosts that it has left half taken back, and that no run takes before they are marked.
    """

    run: str
    playbook: str
    plan_digest: str
    hosts: int
    created_at: str
    by: str
    status: str
    cause: str
    exit: int | None
    finished_at: str | None
    driven: bool
    fenced: list[str]


def runs_json(runs: Sequence[RunSummary], driven: Collection[RunId], fences: Sequence[HostFence] = ()) -> list[RunJson]:
    """The runs as programs read them, newest first."""
    return [_run_json(run, run.id in driven, [fence.host for fence in fences if fence.run == run.id]) for run in runs]


def _run_json(run: RunSummary, driven: bool, fenced: Sequence[str]) -> RunJson:
    last = run.last.event if run.last else None
    finished = last if isinstance(last, RunFinished) else None
    return RunJson(
        run=run.id,
        playbook=run.playbook,
        plan_digest=run.digest,
        hosts=run.hosts,
        created_at=iso(run.created_at),
        by=run.by,
        status=status_of(run).value,
        cause=last.cause if isinstance(last, RunFinished | RunPaused) else "",
        exit=finished.exit if finished else None,
        finished_at=iso(run.last.at) if finished and run.last else None,
        driven=driven,
        fenced=[*fenced],
    )


def status_of(run: RunSummary) -> RunStatus:
    """Where the run stands, from its latest event."""
    match run.last.event if run.last else None:
        case RunFinished() as finished:
            return finished.status
        case RunPaused() as paused:
            return RunStatus.WAITING if paused.waiting else RunStatus.PAUSED
        case _:
            return RunStatus.RUNNING


def runs_table(
    runs: Sequence[RunSummary], driven: Collection[RunId], paper: Paper = PAPER, fences: Sequence[HostFence] = ()
) -> list[str]:
    """The runs as a table, newest first; below it the hosts that no run takes before they are marked."""
    if not runs:
        return ["no runs yet; the first one: orc run PLAYBOOK -i INVENTORY"]
    head = ("RUN", "BEGUN", "STATUS", "TOOK", "HOSTS", "PLAYBOOK", "BY")
    rows = [cut(line, paper.width) for line in table([head, *(_row(run, run.id in driven, paper) for run in runs)])]
    told = [f"FENCED  {names([each.host])}: {visible(each.why)} in run {visible(each.run)}" for each in fences]
    return [*rows, *([""] if told else []), *told]


def _row(run: RunSummary, driven: bool, paper: Paper) -> tuple[str, ...]:
    status = status_of(run)
    ended = isinstance(run.last.event, RunFinished) if run.last else False
    return (
        visible(run.id),
        f"{moment(run.created_at, paper.zone):%Y-%m-%d %H:%M}",
        "INTERRUPTED" if status is RunStatus.RUNNING and not driven else WORDS[status],
        took(run.last.at - run.created_at) if run.last and ended else "",
        f"{run.hosts:,}".rjust(len("HOSTS")),
        visible(run.playbook),
        visible(run.by),
    )
