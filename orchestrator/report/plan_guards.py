"""What the guests decide for themselves right before a command: the guards of a step, as a plan tells them."""

from collections.abc import Mapping

from orchestrator.model.plan import HostPlan, Slot
from orchestrator.model.playbook import Guard
from orchestrator.report.columns import hang
from orchestrator.report.planned import Planned
from orchestrator.report.view import Paper
from orchestrator.report.visible import spelled
from orchestrator.report.words import names

INDENT = "        "

WORDS: Mapping[Guard, str] = {
    Guard.CREATES: "skipped where this is there: ",
    Guard.UNLESS: "skipped where this succeeds: ",
    Guard.ONLY_IF: "skipped where this fails: ",
}


def guard_lines(planned: Planned, index: int, slot: Slot, paper: Paper, *, open_: str) -> list[str]:
    """A line for each guard; what differs from host to host is told for each. open_: what stands after each of them."""
    lines: list[str] = []
    for guard, _ in slot.template.guards:
        texts: dict[str, list[HostPlan]] = {}
        for host in planned.plan.hosts:
            if not planned.skipped(host, index):
                texts.setdefault(dict(host.commands[index].guards)[guard], []).append(host)
        for text, hosts in texts.items():
            on = f" on {names([host.host.name for host in hosts])}" if len(texts) > 1 else ""
            said = f"{spelled(text)}{on}{open_}"
            lines += hang(f"{INDENT}{WORDS[guard]}", said, paper.width)
    return lines
