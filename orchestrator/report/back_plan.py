"""The plan of a run that takes another back, as a person reads it before it is done."""

from collections.abc import Iterator

from orchestrator.core.host import owed
from orchestrator.core.layout import Layout
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


def back_plan(plan: Plan, found: TakeBack, paper: Paper = PAPER) -> list[str]:
    """The lines. plan: what was found can be taken back."""
    state = RunState(plan)
    alike: dict[Told, list[HostName]] = {}
    for host in veiled(plan).hosts:
        alike.setdefault(tuple(_told(state, host)), []).append(host.host.name)
    head = f"TAKE BACK  run {plan.takes_back} of {spelled(plan.playbook)} on {count(len(plan.hosts), 'host')}"
    return join(
        [f"{head}, newest step first; plan {short(plan.digest)}"],
        ["WAVES, one after the other", *each_wave(plan, paper)] if len(plan.waves) > 1 else [],
        *(_group(told, hosts, paper) for told, hosts in alike.items()),
        [line for said in kept(state.layout, found) for line in hang("STAYS DONE  ", said, paper.width)],
        hang("NOTHING TO TAKE BACK  ", names(found.nothing), paper.width, at=",") if found.nothing else [],
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
    undos = [undo for undo in owed(layout, mine) if undo.slot not in host.kept]
    for undo in undos:
        name = spelled(layout.slots[undo.slot].name)
        if not host.whens[undo.slot]:
            yield f"not owed  {name}", "its when is false"
        else:
            yield f"{'verify' if undo.verifies else 'undo'}  {name}", f"$ {host.commands[undo.slot].text}"
    for said in what_stays(state, mine):
        yield "stays done", spelled(said)
    run = [undo.slot for undo in undos if host.whens[undo.slot]]
    called = {i for slot in run for i in layout.calls[slot]}
    # Where every undo is not owed nothing is run, so nothing follows.
    for index in (*sorted(called), *layout.after_rollback, *layout.finally_) if run else ():
        if host.whens[index] is not False:
            yield f"then  {spelled(layout.slots[index].name)}", f"$ {host.commands[index].text}"
    for index in layout.checks:
        if host.whens[index]:
            yield f"gate  {spelled(layout.slots[index].name)}", f"$ {host.commands[index].text}"


def kept(layout: Layout, found: TakeBack) -> list[str]:
    """The steps that ran once and stay done, each a sentence: where, and who relies on them."""
    return [
        f"{spelled(layout.slots[step].name)} on {names([on])}: it ran once for all, and {names(relying)} "
        f"{'relies' if len(relying) == 1 else 'rely'} on it"
        for (on, step), relying in found.kept.items()
    ]


def lacks(found: TakeBack) -> list[str]:
    """What is lacking, once for each command; the first host stands for all."""
    by_command: dict[str, list[str]] = {}
    for lack in found.lacks:
        name = f"the undo of {lack.step}" if lack.section is Section.UNDO else f"{lack.step} ({lack.section.value})"
        by_command.setdefault(name, []).append(f"{lack.host}: {lack.why}")
    return [
        f"{name} cannot be made on {count(len(hosts), 'host')}, first {hosts[0]}" for name, hosts in by_command.items()
    ]
