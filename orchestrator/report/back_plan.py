"""The plan of a run that takes another back, as a person reads it before it is done."""

from collections.abc import Iterator

from orchestrator.core.host import owed
from orchestrator.core.run_state import RunState
from orchestrator.core.secret import veiled
from orchestrator.core.taking_back import TakeBack
from orchestrator.model.ids import HostName
from orchestrator.model.plan import HostPlan, Plan, Section
from orchestrator.report.columns import hang
from orchestrator.report.plan_summary import each_wave
from orchestrator.report.rollbacks import what_stays
from orchestrator.report.sections import INDENT, join
from orchestrator.report.view import PAPER, Paper
from orchestrator.report.visible import command_lines, spelled
from orchestrator.report.words import count, names, short

Told = tuple[tuple[str, str], ...]
"""What is told of a host: a line's head, and its text."""


def back_plan(plan: Plan, nothing: tuple[HostName, ...], paper: Paper = PAPER) -> list[str]:
    """The lines. nothing: hosts that were asked for and have nothing left to take back."""
    state = RunState(plan)
    alike: dict[Told, list[HostName]] = {}
    for host in veiled(plan).hosts:
        alike.setdefault(tuple(_told(state, host)), []).append(host.host.name)
    head = f"TAKE BACK  run {plan.takes_back} of {spelled(plan.playbook)} on {count(len(plan.hosts), 'host')}"
    return join(
        [f"{head}, newest step first; plan {short(plan.digest)}"],
        ["WAVES, one after the other", *each_wave(plan, paper)] if len(plan.waves) > 1 else [],
        *(_group(told, hosts, paper) for told, hosts in alike.items()),
        hang("NOTHING TO TAKE BACK  ", names(nothing), paper.width, at=",") if nothing else [],
    )


def _group(told: Told, hosts: list[HostName], paper: Paper) -> list[str]:
    lines = hang(f"{INDENT}{count(len(hosts), 'host')}: ", names(hosts), paper.width, at=",")
    width = max(len(head) for head, _ in told)
    for head, text in told:
        first, *rest = command_lines(text)
        lines += [f"{INDENT * 2}{head:<{width}}  {first}", *(f"{INDENT * 2}{'':<{width}}  {line}" for line in rest)]
    return lines


def _told(state: RunState, host: HostPlan) -> Iterator[tuple[str, str]]:
    mine, layout = state.hosts[host.host.name], state.layout
    for undo in owed(layout, mine):
        name = spelled(layout.slots[undo.slot].name)
        if not host.whens[undo.slot]:
            yield f"not owed  {name}", "its when is false"
        else:
            yield f"{'verify' if undo.verifies else 'undo'}  {name}", f"$ {host.commands[undo.slot].text}"
    for said in what_stays(state, mine):
        yield "stays done", spelled(said)
    called = {i for undo in owed(layout, mine) if host.whens[undo.slot] for i in layout.calls[undo.slot]}
    for index in (*sorted(called), *layout.after_rollback, *layout.finally_):
        if host.whens[index] is not False:
            yield f"then  {spelled(layout.slots[index].name)}", f"$ {host.commands[index].text}"
    for index in layout.checks:
        if host.whens[index]:
            yield f"gate  {spelled(layout.slots[index].name)}", f"$ {host.commands[index].text}"


def lacks(found: TakeBack) -> list[str]:
    """What is lacking, once for each command; the first host stands for all."""
    by_command: dict[str, list[str]] = {}
    for lack in found.lacks:
        name = f"the undo of {lack.step}" if lack.section is Section.UNDO else f"{lack.step} ({lack.section.value})"
        by_command.setdefault(name, []).append(f"{lack.host}: {lack.why}")
    return [
        f"{name} cannot be made on {count(len(hosts), 'host')}, first {hosts[0]}" for name, hosts in by_command.items()
    ]
