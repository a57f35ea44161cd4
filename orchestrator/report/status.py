"""How a run stands: what `orc status` shows, and what programs read."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NotRequired, TypedDict

from orchestrator.core.between import Hold
from orchestrator.core.certificate import certificate_json
from orchestrator.core.run_state import RunState, standing
from orchestrator.model.plan import Section
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import UNTOUCHED, HostState, Progress, RunStatus, Standing
from orchestrator.report import sections
from orchestrator.report.api_health import how_ill
from orchestrator.report.certificates import became, fenced, taken_back
from orchestrator.report.columns import hang, table
from orchestrator.report.failures import group
from orchestrator.report.final import exit_status, why_it_stopped
from orchestrator.report.next_commands import next_commands
from orchestrator.report.questions import GateJson, answered, gate_json
from orchestrator.report.rollbacks import rollbacks
from orchestrator.report.verdict import verdict_line
from orchestrator.report.view import PAPER, Paper, RunView
from orchestrator.report.visible import visible
from orchestrator.report.words import LISTS, OUTCOMES, called, clock_time, count, date_time, names, short, state_of

NOT_DRIVEN = (
    "no process drives this run: the one that did has ended before the run had; "
    "attempts under way in the guests may still be running"
)

MAX_SHOWN = 20
"""Hosts under way that are named one by one."""


class StepJson(TypedDict):
    """state: waiting, running, retrying, ok, failed or skipped; of a step of the run that is taken back, past.

    outcome, exit_code: of the latest attempt to end; null for a step that is past: they are in the status of its run.

    changed: whether that one may have changed something.
    undo: the same for the step's rollback, where that was begun; of several commands, for the last that was.
    undo_parts: for each of several commands, by name.
    """

    state: str
    outcome: str | None
    exit_code: int | None
    attempts: int
    changed: bool
    undo: NotRequired["StepJson"]
    undo_parts: NotRequired[dict[str, "StepJson"]]


class HostJson(TypedDict):
    """state: the name of the list that the host is in."""

    state: str
    steps: dict[str, StepJson]


class TakenBackJson(TypedDict):
    """by: the run. lists: its hosts by where they stand."""

    by: str
    lists: dict[str, list[str]]


class StatusJson(TypedDict):
    """A run as programs read it. lists: every host in exactly one; `running` is there only while the run is open.

    takes_back: the run that this one takes back; null for none. taken_back: by later runs, and how their hosts stand.
    fenced: hosts that no run takes before they are marked. certificate: null where nothing was taken back.
    """

    run: str
    status: str
    cause: str
    plan_digest: str
    gate: GateJson | None
    lists: dict[str, list[str]]
    hosts: dict[str, HostJson]
    next: list[str]
    takes_back: str | None
    taken_back: list[TakenBackJson]
    fenced: list[str]
    certificate: dict[str, Any] | None


def status_json(view: RunView) -> StatusJson:
    """The run as programs read it."""
    state, lists = view.state, view.state.lists()
    return StatusJson(
        run=view.id,
        status=state.status().value,
        cause=cause(view),
        plan_digest=state.plan.digest,
        gate=gate_json(view),
        lists={state_of(each): [*lists[each]] for each in LISTS if view.open or each is not Standing.BUSY},
        hosts={name: _host_json(state, mine) for name, mine in state.hosts.items()},
        next=[each.command for each in next_commands(view, group(state, view.outputs))],
        takes_back=state.plan.takes_back or None,
        taken_back=[
            TakenBackJson(by=back.by, lists={name: [*hosts] for name, hosts in back.lists.items()})
            for back in view.taken_back
        ],
        fenced=[fence.host for fence in view.fences],
        certificate=certificate_json(view.certificate) if view.certificate else None,
    )


def cause(view: RunView) -> str:
    """Why the run stands where it does; empty where that needs no reason."""
    state = view.state
    if state.finished:
        return state.finished.cause
    if state.paused:
        return f"{state.paused.by}: {state.paused.cause}"
    if state.ill and (view.driver or state.left):
        return how_ill(state.ill)
    if view.answer:
        return answered(view.answer, PAPER)
    if isinstance(decision := state.decide(), Hold):
        return decision.waits_for
    return "" if view.driver else NOT_DRIVEN


def _host_json(state: RunState, mine: HostState) -> HostJson:
    steps: dict[str, StepJson] = {}
    for slot, progress in zip(state.layout.slots, mine.progress, strict=True):
        if slot.section is Section.GATES and not progress.touched:
            continue
        if slot.section is not Section.UNDO:
            past = state.layout.goes_back and slot.section is Section.STEPS
            steps[slot.name] = StepJson(**_slot_json(UNTOUCHED) | {"state": "past"}) if past else _slot_json(progress)
        elif slot.undo_of is not None and (progress.touched or progress.skipped):
            step = state.layout.slots[slot.undo_of].name
            steps[step]["undo"] = _slot_json(progress)
            if len(state.layout.undo_slots(step)) > 1:
                steps[step].setdefault("undo_parts", {})[slot.name] = _slot_json(progress)
    return HostJson(state=state_of(standing(mine)), steps=steps)


def _slot_json(progress: Progress) -> StepJson:
    return StepJson(
        state=slot_state(progress),
        outcome=progress.outcome.value if progress.outcome else None,
        exit_code=progress.exit_code,
        attempts=progress.attempts,
        changed=progress.changed,
    )


def slot_state(progress: Progress) -> str:
    """Where a step stands on a host, in one word."""
    if progress.running:
        return "running"
    if progress.retry_at is not None:
        return "retrying"
    if progress.skipped:
        return "skipped"
    if progress.outcome is None:
        return "waiting"
    return "ok" if progress.outcome is Outcome.OK else "failed"


def status_report(view: RunView, paper: Paper = PAPER) -> list[str]:
    """The lines of `orc status`."""
    groups = group(view.state, view.outputs)
    return sections.join(
        _head(view, paper),
        sections.failed(groups, paper),
        sections.rolled_back(rollbacks(view.state), paper),
        became(view, paper),
        fenced(view, paper),
        taken_back(view, paper),
        why_it_stopped(view, paper),
        _not_driven(view, paper),
        _under_way(view, paper),
        [] if view.open else sections.handlers_owed(view.state, paper),
        sections.waves(view.state),
        _steps(view.state),
        sections.hosts(view.state, paper),
        sections.what_next(next_commands(view, groups)),
        [verdict_line(view, exit=None if view.open else exit_status(view))],
    )


def _head(view: RunView, paper: Paper) -> list[str]:
    plan = view.state.plan
    lines = [f"{visible(plan.playbook)}, plan {short(plan.digest)}, run {visible(view.id)}"]
    lines.append(f"begun {date_time(view.created_at, paper.zone)} by {visible(view.by)}")
    if plan.takes_back:
        lines.append(f"takes back run {visible(plan.takes_back)}")
    if view.open and view.driver:
        lines.append(f"driven by {visible(view.driver)}")
    return lines


def _steps(state: RunState) -> list[str]:
    """What became of each step, over all hosts on which anything was begun."""
    begun = [mine for mine in state.hosts.values() if mine.begun]
    rows = []
    for index, slot in enumerate(state.layout.slots):
        # What an earlier run did stands in the state of one that takes it back, and is none of its own.
        ours = [p for p in (mine.progress[index] for mine in begun) if p.touched or p.skipped]
        found = Counter(map(slot_state, ours))
        del found["waiting"]
        if slot.changed_when and found["ok"]:
            same = sum(slot_state(p) == "ok" and not p.changed for p in ours)
            found["ok"], found["ok without a change"] = found["ok"] - same, same
        if found:
            rows.append((f"    {visible(called(slot))}", sections.counted(found)))
    return ["STEPS", *table(rows)] if rows else []


def _under_way(view: RunView, paper: Paper) -> list[str]:
    """The attempts that had begun and not ended when the journal was read, and the retries that are due."""
    rows = list(_attempts(view.state, paper))
    if not rows:
        return []
    lines = ["UNDER WAY", *table(rows[:MAX_SHOWN])]
    if len(rows) > MAX_SHOWN:
        lines.append(f"    ... and on {count(len(rows) - MAX_SHOWN, 'other host')}")
    return lines


def _attempts(state: RunState, paper: Paper) -> Iterator[tuple[str, str, str]]:
    for host, mine in state.hosts.items():
        for slot, progress in zip(state.layout.slots, mine.progress, strict=True):
            name = visible(called(slot))
            if progress.running:
                since = f"since {clock_time(progress.started_at, paper.zone)}"
                yield (
                    f"    {names([host])}",
                    name,
                    f"attempt {progress.attempts} of {max(progress.attempts, slot.retries.attempts)}, {since}",
                )
            elif progress.retry_at is not None and mine.settled is None:
                at = clock_time(progress.retry_at, paper.zone)
                said = f"attempt {progress.attempts} {OUTCOMES[progress.outcome or Outcome.UNKNOWN]}, again at {at}"
                yield f"    {names([host])}", name, said


def _not_driven(view: RunView, paper: Paper) -> list[str]:
    if view.driver or view.state.paused or view.state.status() is not RunStatus.RUNNING:
        return []
    said = f"{NOT_DRIVEN}. Its last event was at {date_time(view.last_at, paper.zone)}"
    return hang("INTERRUPTED  ", said, paper.width)
