"""The groups of an inventory: whose hosts they are, which stand in which, and in what order their variables count."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from graphlib import CycleError, TopologicalSorter

from orchestrator.load.inventory_shape import GroupShape
from orchestrator.load.problems import Finding, Loc
from orchestrator.load.ranges import Range, read_range

MAX_GROUPS = 5_000
"""The most groups of one inventory."""

MAX_MEMBERSHIPS = 5_000_000
"""The most hosts that all groups of one inventory may have, taken together."""

_MAX_CYCLES = 20
_LOOK = "write one that is declared under hosts, or declare it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """members: the hosts of every group, its children's included. depth: 0 for a group that stands in no other."""

    members: Mapping[str, frozenset[str]]
    depth: Mapping[str, int]
    findings: tuple[Finding, ...] = ()

    def of_each(self, hosts: Mapping[str, object]) -> dict[str, frozenset[str]]:
        """The groups of every host."""
        found: dict[str, list[str]] = {host: [] for host in hosts}
        for group, members in self.members.items():
            for host in members:
                found[host].append(group)
        return {host: frozenset(groups) for host, groups in found.items()}

    def by_weight(self, groups: frozenset[str]) -> list[str]:
        """Groups in the order in which their variables count, the last one most: parents first, then by name."""
        return sorted(groups, key=lambda group: (self.depth[group], group))


def resolve_groups(shapes: Mapping[str, GroupShape | None], hosts: Mapping[str, object]) -> Groups:
    """The groups of an inventory; a shape is None where it has been found wrong already."""
    if len(shapes) > MAX_GROUPS:
        problem = f"there are more than {MAX_GROUPS} groups"
        return Groups(members={}, depth={}, findings=(Finding(loc=("groups",), problem=problem, on_key=True),))
    findings = [
        Finding(loc=("groups", group), problem=f"{group} is a host too", fix="rename one", on_key=True)
        for group in shapes
        if group in hosts
    ]
    own: dict[str, set[str]] = {group: set() for group in shapes}
    children: dict[str, list[str]] = {group: [] for group in shapes}
    for group, shape in shapes.items():
        for index, written in enumerate(shape.hosts if shape else ()):
            names, wrong = _members(written, ("groups", group, "hosts", index), hosts, shapes)
            own[group] |= names
            findings += wrong
        for index, child in enumerate(shape.children if shape else ()):
            if child in shapes:
                children[group].append(child)
            else:
                loc = ("groups", group, "children", index)
                fix = "a host is written under hosts" if child in hosts else "declare it, or take it out"
                findings.append(Finding(loc=loc, problem=f"no group is called {child}", fix=fix, near=(child, shapes)))
    findings += _broken_cycles(children)
    order = list(TopologicalSorter(children).static_order())
    members = _with_children(order, own, children)
    if len(members) < len(order):
        problem = f"the groups have more than {MAX_MEMBERSHIPS} hosts, taken together"
        findings.append(Finding(loc=("groups",), problem=problem, on_key=True))
    depth = dict.fromkeys(order, 0)
    for group in reversed(order):
        for child in children[group]:
            depth[child] = max(depth[child], depth[group] + 1)
    in_order = {group: members[group] for group in shapes if group in members}
    return Groups(members=in_order, depth=depth, findings=tuple(findings))


def _with_children(
    order: Sequence[str], own: Mapping[str, set[str]], children: Mapping[str, Sequence[str]]
) -> dict[str, frozenset[str]]:
    """The hosts of every group and its children; children come before parents. Ends early where they are too many."""
    members: dict[str, frozenset[str]] = {}
    total = 0
    for group in order:
        members[group] = frozenset(own[group]).union(*(members[child] for child in children[group]))
        total += len(members[group])
        if total > MAX_MEMBERSHIPS:
            break
    return members


def _members(
    written: str, loc: Loc, hosts: Mapping[str, object], groups: Mapping[str, object]
) -> tuple[set[str], list[Finding]]:
    """The hosts that one entry of a group means: a name, a range, or a glob."""
    if written in hosts:
        return {written}, []
    try:
        names = read_range(written)
    except ValueError as error:
        return set(), [Finding(loc=loc, problem=str(error))]  # which says what to write
    if names:
        every = set(names.written_out())
        return every & hosts.keys(), _strangers(names, loc, hosts)
    if any(char in written for char in "*?["):
        glob = re.compile(translate(written))
        found = {name for name in hosts if glob.match(name)}
        return found, [] if found else [Finding(loc=loc, problem=f"{written} matches no host", fix=_LOOK)]
    if written in groups:
        return set(), [Finding(loc=loc, problem=f"{written} is a group", fix="write it under children")]
    return set(), [Finding(loc=loc, problem=f"no host is called {written}", fix=_LOOK, near=(written, hosts))]


def _strangers(names: Range, loc: Loc, hosts: Mapping[str, object]) -> list[Finding]:
    missing = [name for name in names.written_out() if name not in hosts]
    if not missing:
        return []
    problem = f"{len(missing)} of these {len(names)} hosts are not in the inventory, the first is {missing[0]}"
    return [Finding(loc=loc, problem=problem, fix="write a range of those that are, or declare them under hosts")]


def _broken_cycles(children: dict[str, list[str]]) -> Iterator[Finding]:
    """Take the groups that stand in themselves apart, and say which they are."""
    for _ in range(_MAX_CYCLES):
        try:
            TopologicalSorter(children).prepare()
            return
        except CycleError as error:
            # graphlib lists a cycle from child to parent, its first member twice.
            cycle = list(reversed(error.args[1]))
            start = min(range(len(cycle) - 1), key=lambda at: cycle[at])
            cycle = [*cycle[start:-1], *cycle[: start + 1]]
            loc = ("groups", cycle[0], "children")
            yield Finding(loc=loc, problem=f"{cycle[0]} stands in itself: {' > '.join(cycle)}", fix="take one out")
            children[cycle[0]] = [child for child in children[cycle[0]] if child != cycle[1]]
    for group in children:
        children[group] = []
