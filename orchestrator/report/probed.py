"""What the guests were found to be like, as a plan tells it: hosts folded, those that would not start first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.core.probed import Found, HostFacts, Probe, Verdict, Will, is_skipped, verdict_on, warnings_on
from orchestrator.model.ids import HostName
from orchestrator.model.plan import Plan
from orchestrator.report.columns import cut, hang
from orchestrator.report.view import Paper
from orchestrator.report.visible import visible
from orchestrator.report.words import count, names, took

INDENT = "    "
MOST = 8
"""Different reasons that are told of one thing; the hosts with still others are named together."""
BESIDE = 40
"""Characters of hosts that may stand in front of what is told of them."""
LONGEST = 200
"""Characters of a reason: a guest or a provider may have made it."""

FOUND: Mapping[Found, str] = {
    Found.NO_SUCH_HOST: "unknown vmid",
    Found.TAKEN: "taken",
    Found.REFUSED: "refused",
    Found.OTHER_HOST: "another hostname",
    Found.UNREACHABLE: "unreachable",
    Found.NO_ANSWER: "no answer",
    Found.READY: "would start",
}
"""In the order in which they are told."""

WILL: Mapping[Will, str] = {
    Will.RUN: "will run",
    Will.SKIP: "will skip",
    Will.RUN_TIME: "decided at run time",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A plan and what its guests said. ago: how old the oldest answer is. facts: what is known of each host.

    warnings: what is amiss, and in which guests; what most of them have first.
    """

    plan: Plan
    probe: Probe
    ago: str
    facts: Mapping[HostName, HostFacts]
    warnings: Mapping[str, Sequence[HostName]]

    @classmethod
    def of(cls, plan: Plan, probe: Probe, now: float) -> "Probed":
        """now: when this is told, in seconds since the epoch."""
        facts = {each.host: each for each in probe.hosts}
        warnings: dict[str, list[HostName]] = {}
        for host in plan.hosts:
            for warning in warnings_on(plan, host, facts[host.host.name]):
                warnings.setdefault(warning, []).append(host.host.name)
        return cls(
            plan=plan,
            probe=probe,
            ago=f"{took(now - min(each.at for each in probe.hosts))} ago",
            facts=facts,
            warnings=dict(sorted(warnings.items(), key=lambda each: -len(each[1]))),
        )

    def verdicts(self, index: int) -> dict[HostName, Verdict]:
        """What a run would make of a slot, on each host on which it may be run."""
        return {
            host.host.name: verdict_on(self.plan, host, index, self.facts[host.host.name])
            for host in self.plan.hosts
            if index not in host.done and not is_skipped(self.plan, host, index)
        }


def verdict_lines(probed: Probed, index: int, indent: str, paper: Paper) -> list[str]:
    """What would become of a step: one line where it is the same everywhere, else one for each way."""
    verdicts = probed.verdicts(index)
    lines: list[str] = []
    for will in Will:
        reasons = _by_reason((name, each.why) for name, each in verdicts.items() if each.will is will)
        word = f"{WILL[will]} (probed {probed.ago})" if will is Will.SKIP else WILL[will]
        for why, hosts in reasons:
            on = f" on {count(len(hosts), 'host')}" if len(hosts) < len(verdicts) else ""
            lines += _told(f"{indent}{word}{on}", hosts if on else [], why, paper)
    return lines


def _told(head: str, hosts: Sequence[HostName], why: str, paper: Paper) -> list[str]:
    """The hosts and what is told of them; where they are many, below it."""
    named = names(hosts)
    if len(named) <= BESIDE:
        said = ": ".join(each for each in (named, why) if each)
        return hang(f"{head}: ", said, paper.width) if said else [head]
    lines = hang(f"{head}: ", why, paper.width) if why else [head]
    return lines + hang(INDENT * 3, named, paper.width, at=",")


def probe_lines(probed: Probed, paper: Paper) -> list[str]:
    """All that was found out, in short. Every host is in one of the lists, which sum up to all."""
    hosts = probed.probe.hosts
    ready = [each for each in hosts if each.found is Found.READY]
    lines = [f"PROBED  {probed.ago}, nothing was written: {len(ready):,} of {count(len(hosts), 'host')} would start"]
    for found, word in FOUND.items():
        of = [each for each in hosts if each.found is found]
        for why, mine in _by_reason((each.host, each.why) for each in of):
            lines += _told(f"{INDENT}{count(len(mine), 'host'):>11}  {word}", mine, why, paper)
    told, more = [*probed.warnings.items()][: 2 * MOST], [*probed.warnings.items()][2 * MOST :]
    for warning, warned in told:
        lines += _told(f"WARNING  {count(len(warned), 'host')}", warned, cut(visible(warning), LONGEST), paper)
    if more:
        others = [name for name in probed.facts if any(name in warned for _, warned in more)]
        lines += _told(f"WARNING  {count(len(others), 'host')}", others, f"{len(more):,} more, in --output json", paper)
    return lines + (hang("GUESTS  ", _guests(ready), paper.width) if ready else [])


def _guests(ready: list[HostFacts]) -> str:
    answers = [each.answers for each in ready if each.answers]
    shells: dict[str, int] = {}
    for each in answers:
        shells[each.shell or "not told"] = shells.get(each.shell or "not told", 0) + 1
    told = sorted(shells.items(), key=lambda shell: -shell[1])[:MOST]
    rest = len(answers) - sum(number for _, number in told)
    told += [("another", rest)] if rest else []
    shell = ", ".join(f"{visible(name)} on {number:,}" for name, number in told)
    systemd, library = sum(each.systemd for each in answers), sum(each.library for each in answers)
    of = count(len(answers), "host")
    return f"sh is {shell}; systemd runs on {systemd:,} of {of}; {library:,} have the library"


def _by_reason(told: Iterable[tuple[HostName, str]]) -> list[tuple[str, list[HostName]]]:
    """Hosts by the reason that is told of them, in the order of appearance; of many reasons, the first few."""
    found: dict[str, list[HostName]] = {}
    for name, why in told:
        found.setdefault(cut(visible(why), LONGEST), []).append(name)
    if len(found) <= MOST:
        return list(found.items())
    first, rest = list(found.items())[: MOST - 1], list(found.items())[MOST - 1 :]
    return [*first, (f"for {len(rest):,} other reasons, in --output json", [name for _, mine in rest for name in mine])]
