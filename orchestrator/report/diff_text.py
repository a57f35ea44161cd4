"""What differs between two runs, as text and as JSON."""

from collections.abc import Sequence
from typing import TypedDict

from orchestrator.report.columns import hang, table
from orchestrator.report.differences import Differences
from orchestrator.report.plan_differences import Change, PlanDifferences
from orchestrator.report.sections import INDENT, join
from orchestrator.report.verdict import WORDS
from orchestrator.report.view import PAPER, Paper, RunView
from orchestrator.report.visible import command_lines, spelled
from orchestrator.report.words import count, date_time, names, short

MAX_SHOWN = 40
"""Changes of one kind that are shown."""


class ChangeJson(TypedDict):
    """null: it was not there, or is no more. hosts: where; empty where it holds for the whole run.

    origin: file:line:column where it is written now; null where that is not known.
    """

    what: str
    before: str | None
    after: str | None
    hosts: list[str]
    origin: str | None


class PlanDiffJson(TypedDict):
    """What differs between two plans."""

    inputs: list[ChangeJson]
    params: list[ChangeJson]
    values: list[ChangeJson]
    hosts_added: list[str]
    hosts_gone: list[str]
    rules: list[ChangeJson]
    commands: list[ChangeJson]


class DiffJson(PlanDiffJson):
    """What `orc diff --output json` writes."""

    before: str
    after: str
    outcomes: list[ChangeJson]
    durations: list[ChangeJson]


def diff_json(before: RunView, after: RunView, found: Differences) -> DiffJson:
    """The differences as programs read them."""
    return DiffJson(
        before=before.id,
        after=after.id,
        **plan_diff_json(found.plan),
        outcomes=_json(found.outcomes),
        durations=_json(found.durations),
    )


def plan_diff_json(found: PlanDifferences) -> PlanDiffJson:
    """The differences of two plans as programs read them."""
    return PlanDiffJson(
        inputs=_json(found.inputs),
        params=_json(found.params),
        values=_json(found.values),
        hosts_added=[*found.added],
        hosts_gone=[*found.gone],
        rules=_json(found.rules),
        commands=_json(found.commands),
    )


def _json(changes: Sequence[Change]) -> list[ChangeJson]:
    return [
        ChangeJson(
            what=each.what,
            before=each.before or None,
            after=each.after or None,
            hosts=[*each.hosts],
            origin=each.origin or None,
        )
        for each in changes
    ]


def diff_text(before: RunView, after: RunView, found: Differences, paper: Paper = PAPER) -> list[str]:
    """The differences as a person reads them: what went in first, what came of it last."""
    return join(
        [_run("from", before, paper), _run("to", after, paper)],
        *plan_diff_text(found.plan, paper),
        _outcomes(found.outcomes, paper),
        _rows("DURATIONS", _triples(found.durations)),
        [] if found.any else ["nothing differs"],
    )


def plan_diff_text(found: PlanDifferences, paper: Paper = PAPER) -> list[list[str]]:
    """The differences of two plans: a block of lines for each kind."""
    return [
        _rows("FILES", [(each.what, short(each.before), short(each.after)) for each in found.inputs]),
        _rows("PARAMETERS", [(each.what, each.before, each.after + _where(each)) for each in found.params]),
        _hosts(found, paper),
        _values(found.values, paper),
        _rows("RULES", _triples(found.rules)),
        _commands(found.commands, paper),
    ]


def _run(word: str, view: RunView, paper: Paper) -> str:
    plan, begun = view.state.plan, date_time(view.created_at, paper.zone)
    said = f"{plan.playbook} on {count(len(plan.hosts), 'host')}, plan {short(plan.digest)}"
    return spelled(f"{word:<4}  run {view.id}, {begun}, {WORDS[view.state.status()].lower()}: {said}")


def _triples(changes: Sequence[Change]) -> list[tuple[str, str, str]]:
    return [(each.what, each.before, each.after) for each in changes]


def _rows(head: str, rows: Sequence[tuple[str, str, str]]) -> list[str]:
    if not rows:
        return []
    shown = [(f"{INDENT}{spelled(what)}", _arrow(before, after)) for what, before, after in rows[:MAX_SHOWN]]
    return [head, *table(shown), *_more(len(rows))]


def _arrow(before: str, after: str) -> str:
    if not before:
        return f"new: {spelled(after)}"
    return f"{spelled(before)} -> {spelled(after)}" if after else f"gone: {spelled(before)}"


def _more(number: int) -> list[str]:
    return [f"{INDENT}... and {count(number - MAX_SHOWN, 'other')}"] if number > MAX_SHOWN else []


def _hosts(found: PlanDifferences, paper: Paper) -> list[str]:
    told = [("added", found.added), ("gone", found.gone)]
    lines = [
        line
        for word, hosts in told
        if hosts
        for line in hang(f"{INDENT}{word:<5}  {count(len(hosts), 'host')}: ", names(hosts), paper.width, at=",")
    ]
    return ["HOSTS", *lines] if lines else []


def _where(change: Change) -> str:
    """Where it is written now, as it stands after what was said of it."""
    return f"   ({spelled(change.origin)})" if change.origin else ""


def _values(changes: Sequence[Change], paper: Paper) -> list[str]:
    """Each change once, for all the hosts that have it."""
    lines = ["VALUES"] if changes else []
    for each in changes[:MAX_SHOWN]:
        lines.append(f"{INDENT}{spelled(each.what)}: {_arrow(each.before, each.after)}{_where(each)}")
        lines += hang(f"{INDENT * 2}{count(len(each.hosts), 'host')}: ", names(each.hosts), paper.width, at=",")
    return lines + _more(len(changes))


def _commands(changes: Sequence[Change], paper: Paper) -> list[str]:
    """Each change once, for all the hosts that have it."""
    lines = ["COMMANDS"] if changes else []
    for each in changes[:MAX_SHOWN]:
        head = f"{INDENT}{spelled(each.what)}{_where(each).replace('   ', ' ')} on {count(len(each.hosts), 'host')}: "
        lines += hang(head, names(each.hosts), paper.width, at=",")
        lines += [f"{INDENT * 2}- {line}" for line in command_lines(each.before)]
        lines += [f"{INDENT * 2}+ {line}" for line in command_lines(each.after)]
    return lines + _more(len(changes))


def _outcomes(changes: Sequence[Change], paper: Paper) -> list[str]:
    lines = ["OUTCOMES"] if changes else []
    for each in changes[:MAX_SHOWN]:
        head = f"{INDENT}{count(len(each.hosts), 'host')}: {each.before} -> {each.after}  "
        lines += hang(head, names(each.hosts), paper.width, at=",")
    return lines + _more(len(changes))
