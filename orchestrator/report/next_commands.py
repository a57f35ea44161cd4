"""What to type next: commands that work when they are pasted into the shell they were made for."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.core.host import owed
from orchestrator.core.pattern import fold_names
from orchestrator.core.run_state import RunState
from orchestrator.model.ids import HostName, StepName
from orchestrator.model.plan import HostPlan
from orchestrator.model.request import Act
from orchestrator.model.state import RunStatus, Standing
from orchestrator.report.failures import FailureGroup
from orchestrator.report.questions import SAID, for_person
from orchestrator.report.view import RunView

LONGEST_LIMIT = 4_000
"""Characters of hosts that are offered on a command line."""

LOGS_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing to do: why, and the command."""

    why: str
    command: str


def next_commands(view: RunView, groups: Sequence[FailureGroup]) -> list[Advice]:
    """What to do about a run, most pressing first."""
    return [*_go_on(view), *_look(view, groups), *_again(view)]


def _go_on(view: RunView) -> Iterator[Advice]:
    if not view.open:
        return
    yield from _answers(view)
    yield from _of_gate(view)
    if view.driver:
        yield Advice(why="look again", command=f"orc status {view.id}")
    elif view.state.left:
        yield Advice(why="once the API is well, go on from where it was left", command=f"orc resume {view.id}")
    elif view.state.status() is RunStatus.WAITING:
        return
    elif view.state.paused:
        yield Advice(why="go on from where it was paused", command=f"orc resume {view.id}")
    else:
        yield Advice(why="take it up again from what its journal says", command=f"orc resume {view.id}")


def _answers(view: RunView) -> Iterator[Advice]:
    """How to answer for the hosts that wait for a person, step by step."""
    asking = view.state.asking()
    by_step: dict[StepName, list[HostName]] = {}
    for host, state in asking.items():
        if state.asks:
            by_step.setdefault(state.asks, []).append(host)
    for step, hosts in by_step.items():
        folded = fold_names(hosts)
        words = ["orc", "continue", view.id, "--host", folded if len(folded) <= LONGEST_LIMIT else hosts[0], "retry"]
        yield Advice(why=f"once {step} can go on there: retry, or skip it, or fail", command=shlex.join(words))


def _of_gate(view: RunView) -> Iterator[Advice]:
    """How to answer the gate at which the run waits for a person."""
    question = view.state.between.question
    if question is None or not for_person(question) or view.state.paused:
        return
    name = question.gate.name
    if view.answer:
        if not view.driver:
            end = "go on" if view.answer.act is Act.APPROVE else "end"
            yield Advice(why=f"it is {SAID[view.answer.act]}: let the run {end}", command=f"orc resume {view.id}")
        return
    yield Advice(why="let it go on", command=shlex.join(["orc", "approve", view.id, name, "-m", "WHY"]))
    yield Advice(why="let it go no further", command=shlex.join(["orc", "deny", view.id, name, "-m", "WHY"]))
    if not view.driver:
        yield Advice(why="then, to have it done", command=f"orc resume {view.id}")


def _look(view: RunView, groups: Sequence[FailureGroup]) -> Iterator[Advice]:
    """Where to read all that the failed commands printed; of those that printed something."""
    shown = [group for group in groups if group.stdout or group.stderr][:LOGS_SHOWN]
    for at, group in enumerate(shown):
        words = ["orc", "logs", view.id, group.first.host, group.first.slot.name]
        yield Advice(why="" if at else "see all that was printed", command=shlex.join(words))


def _again(view: RunView) -> Iterator[Advice]:
    """How to go on from a run that has ended with the hosts that are not as they should be."""
    for fence in view.fences[:LOGS_SHOWN]:
        words = ["orc", "mark", fence.host, "recovered", "-m", "WHY"]
        yield Advice(why=f"once {fence.host} is as it should be, let runs have it again", command=shlex.join(words))
    if view.open:
        return
    if view.state.plan.takes_back:
        yield from _back_again(view)
        return
    wrong = sum(len(hosts) for standing, hosts in view.state.lists().items() if standing is not Standing.OK)
    if wrong:
        # Never the run's own command line: what runs once, what was done and handlers that are owed are for the retry.
        yield Advice(why=f"once the cause is mended, go on with {_those_not_ok(wrong)}", command=f"orc retry {view.id}")


def _back_again(view: RunView) -> Iterator[Advice]:
    """How to take back what a run that takes another back has left; never on more hosts than it had."""
    state = view.state
    owing = [each.host.name for each in state.plan.hosts if _still_owed(state, each)]
    if not owing:
        return
    words = ["orc", "rollback", state.plan.takes_back, "--hosts", fold_names(owing)]
    if len(words[-1]) > LONGEST_LIMIT and view.argv:
        words = [*view.argv]  # of the hosts that it names, those where something is left are taken back
    elif "--with-gates" in view.argv:
        words.append("--with-gates")
    yield Advice(why="once the cause is mended, take back what is left", command=shlex.join(words))


def _still_owed(state: RunState, host: HostPlan) -> bool:
    """Whether an undo is still to be done on a host; one that is not owed there is not."""
    mine, layout = state.hosts[host.host.name], state.layout
    return any(host.whens[undo.slot] is not False for undo in owed(layout, mine))


def _those_not_ok(number: int) -> str:
    return "the one host that is not ok" if number == 1 else f"the {number:,} hosts that are not ok"
