"""The undo certificate, and what became of hosts besides, as a person reads it."""

from collections.abc import Mapping

from orchestrator.core.certificate import Fate, Table, table_of, took_back
from orchestrator.model.ids import HostName
from orchestrator.report.columns import hang
from orchestrator.report.view import Paper, RunView
from orchestrator.report.visible import visible
from orchestrator.report.words import count, date_time, names

INDENT = "    "


def became(view: RunView, paper: Paper) -> list[str]:
    """What became of each step of a run that took something back, and the command that proves it."""
    proof = f"proof: orc certificate {visible(view.id)}"
    return table_lines(table_of(view.state), proof, paper) if took_back(view.state) else []


def table_lines(table: Table, proof: str, paper: Paper) -> list[str]:
    """What became of each step, hosts on which it went alike together.

    Hosts on which every step was done and stays, or none was begun, are not what a person looks for here.
    """
    alike: dict[tuple[tuple[str, str], ...], list[HostName]] = {}
    for host, steps in table.items():
        alike.setdefault(tuple((step, fate.value) for step, fate in steps.items()), []).append(host)
    lines = [f"CERTIFICATE  what became of each step   {proof}"]
    for told, hosts in alike.items():
        lines += hang(f"{INDENT}{count(len(hosts), 'host')}: ", names(hosts), paper.width, at=",")
        fates = {fate for _, fate in told}
        same = f"all {fates.pop()}" if fates in ({Fate.DONE.value}, {Fate.NEVER_STARTED.value}) else ""
        said = same or ", ".join(f"{visible(step)} {fate}" for step, fate in told)
        lines += hang(INDENT * 2, said, paper.width, at=", ")
    return lines


def fenced(view: RunView, paper: Paper) -> list[str]:
    """The hosts that no run takes before a person has looked at them."""
    if not view.fences:
        return []
    hosts = [fence.host for fence in view.fences]
    since = date_time(min(fence.since for fence in view.fences), paper.zone)
    said = f"{names(hosts)}, since {since}: no run takes {'it' if len(hosts) == 1 else 'them'} until they are marked"
    return hang("FENCED  ", said.replace("they are", "it is") if len(hosts) == 1 else said, paper.width)


def taken_back(view: RunView, paper: Paper) -> list[str]:
    """What later runs have taken back of this one."""
    lines: list[str] = []
    for back in view.taken_back:
        said = "; ".join(_listed(back.lists)) or "no host of it yet"
        lines += hang(f"TAKEN BACK  by run {visible(back.by)}: ", said, paper.width)
    return lines


def _listed(lists: Mapping[str, tuple[HostName, ...]]) -> list[str]:
    return [f"{names(hosts)} {state.replace('_', ' ')}" for state, hosts in lists.items()]
