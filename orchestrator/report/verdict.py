"""The last line of a report: what came of the run."""

from dataclasses import dataclass

from orchestrator.core.run_state import RunState
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import RunStatus, Standing
from orchestrator.report.sections import in_lists, lists
from orchestrator.report.view import RunView
from orchestrator.report.visible import visible
from orchestrator.report.words import LISTS, count, took


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """word: one of few, in capitals. sentence: what it means here."""

    word: str
    sentence: str


WORDS = {
    RunStatus.RUNNING: "RUNNING",
    RunStatus.WAITING: "WAITING",
    RunStatus.PAUSED: "PAUSED",
    RunStatus.SUCCEEDED: "OK",
    RunStatus.FAILED: "FAILED",
    RunStatus.ROLLED_BACK: "ROLLED BACK",
    RunStatus.ROLLBACK_FAILED: "ROLLBACK FAILED",
    RunStatus.ABORTED: "ABORTED",
    RunStatus.HELD: "HELD",
}


def verdict(view: RunView) -> Verdict:
    """What came of the run, or how far it is."""
    state, total = view.state, count(len(view.state.hosts), "host")
    status = state.status()
    word = "INTERRUPTED" if status is RunStatus.RUNNING and not view.driver else WORDS[status]
    if state.plan.takes_back:
        back = f"taking back run {visible(state.plan.takes_back)} on"
        return Verdict(word=word, sentence=f"{back} {total}: {in_lists(lists(state))}")
    if view.open:
        return Verdict(word=word, sentence=f"{total}: {in_lists(lists(state))}")
    if status is RunStatus.SUCCEEDED:
        return Verdict(word=WORDS[status], sentence=f"{total}, nothing failed")
    fell = any(mine.failure is not None or mine.ever_failed_finally for mine in state.hosts.values())
    if status in (RunStatus.ABORTED, RunStatus.HELD) or not fell:
        return Verdict(word=WORDS[status], sentence=f"{total}: {in_lists(lists(state))}")
    return Verdict(word=WORDS[status], sentence=_sentence(state, status))


def _sentence(state: RunState, status: RunStatus) -> str:
    found = state.lists()
    fallen = sum(mine.failure is not None or mine.ever_failed_finally for mine in state.hosts.values())
    back, broken = len(found[Standing.ROLLED_BACK]), len(found[Standing.ROLLBACK_FAILED])
    said = f"{fallen:,} of {count(len(state.hosts), 'host')} {_how(state)}"
    if status is RunStatus.ROLLBACK_FAILED:
        return f"{said}; {broken:,} could not be rolled back: a person must look"
    if status is RunStatus.ROLLED_BACK:
        said += "; it was rolled back" if back == fallen == 1 else f"; {_all(back, fallen)} rolled back"
    elif back:
        said += f"; {back:,} rolled back"
    rest = {word: listed for word, listed in lists(state).items() if word in _LEFT}
    return f"{said}; {in_lists(rest)}" if rest else said


_LEFT = (LISTS[Standing.STOPPED], LISTS[Standing.NEVER_STARTED])


def _all(back: int, fallen: int) -> str:
    return "all of them were" if back == fallen else f"{count(back, 'host')} {'was' if back == 1 else 'were'}"


def _how(state: RunState) -> str:
    """In a word, how the hosts failed that failed; `failed` where not all failed alike."""
    outcomes = {mine.failure for mine in state.hosts.values() if mine.failure is not None}
    if outcomes == {Outcome.UNREACHABLE}:
        return "could not be reached"
    return "ended unknown" if outcomes == {Outcome.UNKNOWN} else "failed"


def verdict_line(view: RunView, *, exit: int | None) -> str:
    """`ROLLED BACK  1 of 12 hosts failed; it was rolled back   run r261124-071233-x7k3p, 14.2 s   exit 4`."""
    said = verdict(view)
    parts = [f"{said.word}  {said.sentence}", f"run {visible(view.id)}, {took(view.last_at - view.created_at)}"]
    return "   ".join([*parts, f"exit {exit}"] if exit is not None else parts)
