"""What differs between two plans: what went in, and where, how and what is done."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import zip_longest

from orchestrator import gates
from orchestrator.core.pattern import fold_names
from orchestrator.core.secret import veiled
from orchestrator.model.host import Host
from orchestrator.model.ids import HostName
from orchestrator.model.origin import Origin
from orchestrator.model.plan import BlastRadius, Command, HostPlan, Plan, Policy, Section, Slot, Tags, Wave
from orchestrator.report.plan_guards import WORDS as GUARDS
from orchestrator.report.rule_words import budget, ok_exit, passed, told, undone_after

OriginOf = Callable[[HostName, str], Origin | None]
"""Where the value of a variable of a host was written; None where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that was one thing and is another; empty where it was not there, or is no more.

    hosts: where. origin: where it is written now; empty where that is not known.
    """

    what: str
    before: str
    after: str
    hosts: tuple[HostName, ...] = ()
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDifferences:
    """inputs: digests of files. values: variables that commands are made of. rules: waves, budgets and steps' own."""

    inputs: tuple[Change, ...] = ()
    params: tuple[Change, ...] = ()
    values: tuple[Change, ...] = ()
    added: tuple[HostName, ...] = ()
    gone: tuple[HostName, ...] = ()
    rules: tuple[Change, ...] = ()
    commands: tuple[Change, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is a difference at all."""
        return any(getattr(self, each.name) for each in fields(self))


def plan_differences(one: Plan, other: Plan, origin_of: OriginOf = lambda *_: None) -> PlanDifferences:
    """What the other plan has different. origin_of: for the other plan's values."""
    one, other = veiled(one), veiled(other)
    hosts, others = [h.host.name for h in one.hosts], [h.host.name for h in other.hosts]
    params = ({name: passed(value) for name, value in plan.params.items()} for plan in (one, other))
    first = other.hosts[0].host.name  # a param is the same on all
    return PlanDifferences(
        inputs=tuple(_changed(one.inputs, other.inputs)),
        params=tuple(replace(each, origin=str(origin_of(first, each.what) or "")) for each in _changed(*params)),
        values=tuple(_values(one, other, origin_of)),
        added=tuple(sorted(set(others) - set(hosts), key=others.index)),
        gone=tuple(sorted(set(hosts) - set(others), key=hosts.index)),
        rules=tuple(_rules(one, other)),
        commands=tuple(_commands(one, other)),
    )


def together(found: Iterable[PlanDifferences]) -> PlanDifferences:
    """Several comparisons, of different hosts, as one: what changed alike is told once, for all of its hosts."""
    every = tuple(found)
    return PlanDifferences(
        inputs=_alike(change for each in every for change in each.inputs),
        params=_alike(change for each in every for change in each.params),
        values=_alike(change for each in every for change in each.values),
        added=tuple(dict.fromkeys(host for each in every for host in each.added)),
        gone=tuple(dict.fromkeys(host for each in every for host in each.gone)),
        rules=_alike(change for each in every for change in each.rules),
        commands=_alike(change for each in every for change in each.commands),
    )


def _alike(changes: Iterable[Change]) -> tuple[Change, ...]:
    """What is the same but for the hosts, once, with the hosts of all."""
    hosts: dict[Change, dict[HostName, None]] = {}
    for each in changes:
        hosts.setdefault(replace(each, hosts=()), {}).update(dict.fromkeys(each.hosts))
    return tuple(replace(each, hosts=tuple(where)) for each, where in hosts.items())


def _values(one: Plan, other: Plan, origin_of: OriginOf) -> Iterator[Change]:
    """The machines and the variables of hosts that both plans have; not the params, which are told for all."""
    found = []
    for old, new in _both(one, other):
        where = (new.host.name,)
        found += [replace(each, hosts=where) for each in _changed(_machine(old.host), _machine(new.host))]
        for name in sorted(old.values.keys() & new.values.keys() - other.params.keys() - {"vmid", "hostname"}):
            was, now = old.values[name], new.values[name]
            if was != now or type(was) is not type(now):
                origin = str(origin_of(new.host.name, name) or "")
                found.append(Change(what=name, before=passed(was), after=passed(now), hosts=where, origin=origin))
    yield from _alike(found)


def _machine(host: Host) -> dict[str, str]:
    return {"vmid": host.vmid, "hostname": host.hostname or ""}


def _both(one: Plan, other: Plan) -> list[tuple[HostPlan, HostPlan]]:
    hosts = {each.host.name: each for each in one.hosts}
    return [(hosts[each.host.name], each) for each in other.hosts if each.host.name in hosts]


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name, ""), after.get(name, "")
        if was != now:
            yield Change(what=name, before=was, after=now)


def _rules(one: Plan, other: Plan) -> Iterator[Change]:
    """What holds for the run as a whole, for each wave, and for each step."""
    yield from _changed(_overall(one), _overall(other))
    yield from _waves(one, other)
    yield from _moved(one, other)
    yield from _changed(_fields(one.policy), _fields(other.policy))
    yield from _changed(_fields(one.limits), _fields(other.limits))
    yield from _changed(_fields(one.tags), _fields(other.tags))
    steps, others = ({name: each for name, each in by_name(plan).items() if _is_step(each[1])} for plan in (one, other))
    if [name for name in steps if name in others] != [name for name in others if name in steps]:
        yield Change(what="order of steps", before=", ".join(steps), after=", ".join(others))
    for name in dict.fromkeys((*steps, *others)):
        if name not in steps or name not in others:
            yield Change(what=name, before="a step" if name in steps else "", after="a step" if name in others else "")
        else:
            for change in _changed(_fields(steps[name][1]), _fields(others[name][1])):
                yield Change(what=f"{name}: {change.what}", before=change.before, after=change.after)


def _is_step(slot: Slot) -> bool:
    """Whether the slot's own rules are told: those of a gate are, with its wave."""
    return slot.section is not Section.GATES


_NOT_RULES = {"name", "section", "template", "undo_of", "fleet"}


def _overall(plan: Plan) -> dict[str, str]:
    provider = plan.provider
    rate = f", {provider.rate:g} calls a second, {provider.burst} at once" if provider.rate else ""
    return {
        "tool": f"orc {plan.tool}",
        "playbook": f"{plan.playbook} ({plan.file})",
        "inventory": plan.inventory,
        "provider": f"{provider.kind} {provider.url}, key {provider.api_key}{rate}",
        "waves": ", ".join(str(len(wave.hosts)) for wave in plan.waves),
        "waves left out": ", ".join(plan.left_out),
    }


def _fields(noun: Policy | BlastRadius | Tags | Slot) -> dict[str, str]:
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


def _moved(one: Plan, other: Plan) -> Iterator[Change]:
    """The waves whose hosts are others, or in another order, where all are as large as they were."""
    if [len(wave.hosts) for wave in one.waves] == [len(wave.hosts) for wave in other.waves]:
        for number, (old, new) in enumerate(zip(one.waves, other.waves, strict=True), start=1):
            if old.hosts != new.hosts:
                before, after = (fold_names(wave.hosts) for wave in (old, new))
                same = before == after
                yield Change(what=f"wave {number}: {'order of hosts' if same else 'hosts'}", before=before, after=after)


def _of_wave(wave: Wave) -> dict[str, str]:
    found = {"name": wave.name, "max_failures": budget(wave), "gates": ", ".join(gate.name for gate in wave.gates)}
    return found | {f"gate {gate.name}": f"{gate.kind}: {gates.told(gate)}" for gate in wave.gates}


def by_name(plan: Plan) -> dict[str, tuple[int, Slot]]:
    """The slots by what a person calls them, with their indices."""
    return {
        f"undo of {slot.name}" if slot.section is Section.UNDO else slot.name: (index, slot)
        for index, slot in enumerate(plan.slots)
    }


def _commands(one: Plan, other: Plan) -> Iterator[Change]:
    """The commands of the steps and hosts that both runs have; alike changes together."""
    steps, others = by_name(one), by_name(other)
    both = _both(one, other)
    for name in (name for name in steps if name in others):
        alike: dict[tuple[str, str], dict[HostName, tuple[str, str]]] = {}
        for old, new in both:
            texts = _said(old, steps[name][0]), _said(new, others[name][0])
            if texts[0] != texts[1]:
                key = _impersonal(texts[0], old.host), _impersonal(texts[1], new.host)
                alike.setdefault(key, {})[new.host.name] = texts
        origin = _rewritten(steps[name][1], others[name][1])
        for impersonal, where in alike.items():
            written = set(where.values())
            before, after = written.pop() if len(written) == 1 else impersonal
            yield Change(what=name, before=before, after=after, hosts=tuple(where), origin=origin)


def _impersonal(text: str, host: Host) -> str:
    """A text with the host's own name and vmid as they would be written for all hosts."""
    for own, written in ((host.hostname, "{{ hostname }}"), (host.name, "{{ host }}"), (host.vmid, "{{ vmid }}")):
        text = text.replace(own, written) if own else text
    return text


def _rewritten(old: Slot, new: Slot) -> str:
    """Where the first text of a command stands that is not what it was; empty where they all are."""
    before, after = old.template.body.texts, new.template.body.texts
    pairs = zip_longest((text.source for text in before), after)
    return next((str(text.origin) for source, text in pairs if text and text.source != source), "")


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
