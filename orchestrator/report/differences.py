"""What differs between two runs: what went in, where and what was done, and what came of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import zip_longest
from statistics import median

from orchestrator import gates
from orchestrator.core.pattern import fold_names
from orchestrator.core.run_state import RunState, standing
from orchestrator.model.ids import HostName
from orchestrator.model.plan import BlastRadius, Command, HostPlan, Plan, Policy, Section, Slot, Wave
from orchestrator.model.playbook import Outcome
from orchestrator.report.plan_guards import WORDS as GUARDS
from orchestrator.report.rule_words import budget, ok_exit, passed, told, undone_after
from orchestrator.report.view import RunView
from orchestrator.report.words import LISTS

LEAST_SECONDS = 0.5
LEAST_PART = 0.2
"""A duration differs where it is by so many seconds, and by that part of the longer one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that was one thing and is another; empty where it was not there, or is no more. hosts: where."""

    what: str
    before: str
    after: str
    hosts: tuple[HostName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """inputs: digests of files. rules: waves, budgets and steps' own. outcomes: in which list a host ended."""

    inputs: tuple[Change, ...] = ()
    params: tuple[Change, ...] = ()
    added: tuple[HostName, ...] = ()
    gone: tuple[HostName, ...] = ()
    rules: tuple[Change, ...] = ()
    commands: tuple[Change, ...] = ()
    outcomes: tuple[Change, ...] = ()
    durations: tuple[Change, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is a difference at all."""
        return any(getattr(self, each.name) for each in fields(self))


def differences(before: RunView, after: RunView) -> Differences:
    """What the later run has different."""
    one, other = before.state.plan, after.state.plan
    hosts, others = [h.host.name for h in one.hosts], [h.host.name for h in other.hosts]
    params = ({name: passed(value) for name, value in plan.params.items()} for plan in (one, other))
    return Differences(
        inputs=tuple(_changed(one.inputs, other.inputs)),
        params=tuple(_changed(*params)),
        added=tuple(sorted(set(others) - set(hosts), key=others.index)),
        gone=tuple(sorted(set(hosts) - set(others), key=hosts.index)),
        rules=tuple(_rules(one, other)),
        commands=tuple(_commands(one, other)),
        outcomes=tuple(_outcomes(before.state, after.state)),
        durations=tuple(_durations(before, after)),
    )


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name, ""), after.get(name, "")
        if was != now:
            yield Change(what=name, before=was, after=now)


def _rules(one: Plan, other: Plan) -> Iterator[Change]:
    """What holds for the run as a whole, for each wave, and for each step."""
    overall = ({"waves": ", ".join(str(len(wave.hosts)) for wave in plan.waves)} for plan in (one, other))
    yield from _changed(*overall)
    yield from _waves(one, other)
    yield from _changed(_values(one.policy), _values(other.policy))
    yield from _changed(_values(one.limits), _values(other.limits))
    steps, others = _by_name(one), _by_name(other)
    for name in dict.fromkeys((*steps, *others)):
        if name not in steps or name not in others:
            yield Change(what=name, before="a step" if name in steps else "", after="a step" if name in others else "")
        else:
            for change in _changed(_values(steps[name][1]), _values(others[name][1])):
                yield Change(what=f"{name}: {change.what}", before=change.before, after=change.after)


_NOT_RULES = {"name", "section", "template", "undo_of", "fleet"}


def _values(noun: Policy | BlastRadius | Slot) -> dict[str, str]:
    """The fields of a noun that are set, in a plan's words."""
    found = {each.name: told(each.name, getattr(noun, each.name)) for each in fields(noun)}
    if isinstance(noun, Slot):
        found["ok_exit"] = ok_exit(noun)
        if noun.section is Section.UNDO:
            found["undo_on"] = undone_after(noun)
    return {name: said for name, said in found.items() if said and name not in _NOT_RULES}


def _waves(one: Plan, other: Plan) -> Iterator[Change]:
    """What holds for single waves; a change that several have alike once for all of them."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for number, pair in enumerate(zip_longest(one.waves, other.waves), start=1):
        before, after = (_of_wave(wave) if wave else {} for wave in pair)
        for change in _changed(before, after):
            alike.setdefault((change.what, change.before, change.after), []).append(f"wave {number}")
    for (what, was, now), waves in alike.items():
        yield Change(what=f"{fold_names(waves)}: {what}", before=was, after=now)


def _of_wave(wave: Wave) -> dict[str, str]:
    found = {"name": wave.name, "max_failures": budget(wave), "gates": ", ".join(gate.name for gate in wave.gates)}
    return found | {f"gate {gate.name}": f"{gate.kind}: {gates.told(gate)}" for gate in wave.gates}


def _by_name(plan: Plan) -> dict[str, tuple[int, Slot]]:
    """The slots by what a person calls them, with their indices."""
    return {
        f"undo of {slot.name}" if slot.section is Section.UNDO else slot.name: (index, slot)
        for index, slot in enumerate(plan.slots)
    }


def _commands(one: Plan, other: Plan) -> Iterator[Change]:
    """The commands of the steps and hosts that both runs have; alike changes together."""
    steps, others = _by_name(one), _by_name(other)
    hosts = {each.host.name: each for each in one.hosts}
    both = [(hosts[each.host.name], each) for each in other.hosts if each.host.name in hosts]
    for name in (name for name in steps if name in others):
        alike: dict[tuple[str, str], list[HostName]] = {}
        for old, new in both:
            texts = _said(old, steps[name][0]), _said(new, others[name][0])
            if texts[0] != texts[1]:
                alike.setdefault(texts, []).append(new.host.name)
        for (before, after), where in alike.items():
            yield Change(what=name, before=before, after=after, hosts=tuple(where))


def _said(host: HostPlan, index: int) -> str:
    """A command with all that makes it do what it does; empty where its step is never run on the host."""
    command: Command = host.commands[index]
    if host.whens[index] is False:
        return "(not run: when is false)"
    place = [f"in {command.cwd}"] if command.cwd else []
    place += [f"as {command.user}"] if command.user else []
    place += [f"{name}={value}" for name, value in command.env]
    place += [f"{GUARDS[guard]}{text}" for guard, text in command.guards]
    return command.text + (f"   ({', '.join(place)})" if place else "")


def _outcomes(before: RunState, after: RunState) -> Iterator[Change]:
    alike: dict[tuple[str, str], list[HostName]] = {}
    for host, mine in after.hosts.items():
        if host in before.hosts:
            pair = LISTS[standing(before.hosts[host])], LISTS[standing(mine)]
            if pair[0] != pair[1]:
                alike.setdefault(pair, []).append(host)
    for (old, new), hosts in alike.items():
        yield Change(what="hosts", before=old, after=new, hosts=tuple(hosts))


def _durations(before: RunView, after: RunView) -> Iterator[Change]:
    pairs = [("the whole run", before.last_at - before.created_at, after.last_at - after.created_at)]
    steps, others = _by_name(before.state.plan), _by_name(after.state.plan)
    for name in (name for name in steps if name in others):
        old, new = _median(before.state, steps[name][0]), _median(after.state, others[name][0])
        if old is not None and new is not None:
            pairs.append((f"{name}, median", old, new))
    for what, old_seconds, new_seconds in pairs:
        if differ(old_seconds, new_seconds):
            yield Change(what=what, before=f"{old_seconds:.1f} s", after=f"{new_seconds:.1f} s")


def differ(old: float, new: float) -> bool:
    """Whether two durations, in seconds, differ by more than chance has it."""
    return abs(new - old) >= max(LEAST_SECONDS, LEAST_PART * max(old, new))


def _median(state: RunState, index: int) -> float | None:
    """Of the step's successful last attempts, in seconds; None where there is none."""
    took: Sequence[float] = [
        mine.progress[index].duration
        for mine in state.hosts.values()
        if mine.progress[index].outcome is Outcome.OK and not mine.progress[index].running
    ]
    return median(took) if took else None
