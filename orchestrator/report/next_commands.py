"""What to type next: commands that work when they are pasted into the shell they were made for."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.core.pattern import fold_names
from orchestrator.core.run_state import RunState
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.plan import Plan
from orchestrator.model.state import RunStatus, Standing
from orchestrator.report.failures import FailureGroup
from orchestrator.report.questions import for_person
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
    yield Advice(why="let it go on", command=shlex.join(["orc", "approve", view.id, name, "-m", "WHY"]))
    yield Advice(why="let it go no further", command=shlex.join(["orc", "deny", view.id, name, "-m", "WHY"]))
    if not view.driver:
        yield Advice(why="then, to have it done", command=f"orc continue {view.id}")


def _look(view: RunView, groups: Sequence[FailureGroup]) -> Iterator[Advice]:
    """Where to read all that the failed commands printed; of those that printed something."""
    shown = [group for group in groups if group.stdout or group.stderr][:LOGS_SHOWN]
    for at, group in enumerate(shown):
        words = ["orc", "logs", view.id, group.first.host, group.first.slot.name]
        yield Advice(why="" if at else "see all that was printed", command=shlex.join(words))


def _again(view: RunView) -> Iterator[Advice]:
    """The same command line once more, for the hosts that are not ok."""
    for fence in view.fences[:LOGS_SHOWN]:
        words = ["orc", "mark", fence.host, "recovered", "-m", "WHY"]
        yield Advice(why=f"once {fence.host} is as it should be, let runs have it again", command=shlex.join(words))
    if view.open or not view.argv:
        return
    lists = view.state.lists()
    if view.state.plan.takes_back:
        if left := [
            host for standing, hosts in lists.items() if standing is not Standing.ROLLED_BACK for host in hosts
        ]:
            words = ["orc", "rollback", view.state.plan.takes_back, "--hosts", fold_names(left)]
            words += ["--with-gates"] if "--with-gates" in view.argv else []
            yield Advice(why="take back what is left", command=shlex.join(words))
        return
    wrong = [host for standing, hosts in lists.items() if standing is not Standing.OK for host in hosts]
    if not wrong:
        return
    why = "once the cause is mended, run it again"
    if lists[Standing.ROLLBACK_FAILED]:
        why = "once what could not be rolled back is mended, run it again"
    if len(wrong) == len(view.state.hosts):
        yield Advice(why=why, command=shlex.join(view.argv))
    elif limited := limit_to(view.argv, wrong):
        yield Advice(why=f"{why} on {_those_not_ok(len(wrong))}", command=shlex.join(limited))
    else:
        yield Advice(why=f"{why} on {_those_not_ok(len(wrong))}", command=f"orc retry {view.id}")


def _those_not_ok(number: int) -> str:
    return "the one host that is not ok" if number == 1 else f"the {number:,} hosts that are not ok"


def limit_to_lists(argv: Sequence[str], state: RunState, plan: Plan, run: RunId) -> list[str]:
    """The same command line with its limit set to the lists of a run that hold the plan's hosts: where they are too
    many to name. Never wider than those lists.
    """
    mine = {each.host.name for each in plan.hosts}
    held = [each.value for each, names in state.lists().items() if mine & set(names)]
    words = list(argv)
    if "-l" in words:
        at = words.index("-l")
        del words[at : at + 2]
    return [*words, "-l", ",".join(f"@{run}.{name}" for name in held)]


def limit_to(argv: Sequence[str], hosts: Sequence[HostName]) -> list[str]:
    """A command line of `orc run` with its limit set to these hosts; empty where they are too many to name."""
    folded = fold_names(hosts)
    if len(folded) > LONGEST_LIMIT:
        return []
    words = list(argv)
    for option in ("-l", "--yes-really"):  # the number of hosts is another one now
        if option in words:
            at = words.index(option)
            del words[at : at + 2]
    return [*words, "-l", folded]
