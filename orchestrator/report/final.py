"""The report at the end of a run: what failed, where every host stands, what to type next, and the verdict."""

from collections.abc import Sequence

from orchestrator.model.state import RunStatus, Standing
from orchestrator.report import sections
from orchestrator.report.api_health import how_ill
from orchestrator.report.certificates import became, fenced
from orchestrator.report.columns import hang, wrap
from orchestrator.report.failures import FailureGroup, group
from orchestrator.report.next_commands import Advice, next_commands
from orchestrator.report.questions import waiting_for
from orchestrator.report.rollbacks import rollbacks
from orchestrator.report.verdict import verdict_line
from orchestrator.report.view import PAPER, Paper, RunView
from orchestrator.report.visible import visible
from orchestrator.report.words import names

INTERRUPTED = 130
"""The exit status of a run that was left before its end."""
WAITING = 7
"""The exit status of a run that goes on once a person has answered: it is held."""


def exit_status(view: RunView) -> int:
    """The exit status of `orc run`."""
    if view.state.finished:
        return view.state.finished.exit
    return WAITING if view.state.status() is RunStatus.WAITING else INTERRUPTED


def final_report(view: RunView, paper: Paper = PAPER) -> list[str]:
    """The lines of the report."""
    groups = group(view.state, view.outputs)
    return sections.join(
        sections.failed(groups, paper),
        sections.rolled_back(rollbacks(view.state), paper),
        became(view, paper),
        fenced(view, paper),
        why_it_stopped(view, paper),
        sections.handlers_owed(view.state, paper),
        sections.wave_line(view.state, paper),
        sections.hosts(view.state, paper),
        sections.what_next(advice(view, groups)),
        [verdict_line(view, exit=exit_status(view))],
    )


def advice(view: RunView, groups: Sequence[FailureGroup]) -> list[Advice]:
    """What to type next; there is always something."""
    found = next_commands(view, groups)
    return found or [Advice(why="see what each step printed", command=f"orc logs {view.id}")]


def why_it_stopped(view: RunView, paper: Paper) -> list[str]:
    """Why hosts were left out that had not failed: a budget that was over, or who paused the run; else nothing."""
    state = view.state
    if state.paused:
        word = "ABORTED" if state.paused.aborting else "PAUSED"
        return wrap(f"{word}  by {visible(state.paused.by)}: {visible(state.paused.cause)}", paper.width)
    if state.finished and state.status() is RunStatus.HELD:
        return wrap(f"HELD  {visible(state.finished.cause)}", paper.width)
    if state.ill and not state.finished:
        return hang("WAITING  " if state.left else "API PAUSED  ", how_ill(state.ill, paper), paper.width)
    if asking := state.asking():
        return hang("WAITING  ", f"for a person to say how {names([*asking])} {_goes(len(asking))} on", paper.width)
    if view.open and (waits := waiting_for(view, paper)):
        return hang("WAITING  ", waits, paper.width)
    cause = state.stop_cause
    lists = state.lists()
    left = lists[Standing.NEVER_STARTED] or lists[Standing.STOPPED] or state.between.stop
    taken_back = state.status() in (RunStatus.ROLLED_BACK, RunStatus.ROLLBACK_FAILED)
    if not cause or not (left or taken_back):
        return []
    return wrap(f"STOPPED  {visible(cause)}", paper.width)


def _goes(hosts: int) -> str:
    return "goes" if hosts == 1 else "go"
