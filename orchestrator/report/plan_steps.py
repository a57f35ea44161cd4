"""Every command of a plan, those that are the same on several hosts told once."""

from collections.abc import Iterator, Mapping

from orchestrator.model.ids import HostName
from orchestrator.model.plan import HostPlan, Section, Slot
from orchestrator.model.playbook import RunOnce
from orchestrator.report.columns import hang, table
from orchestrator.report.plan_guards import guard_lines
from orchestrator.report.planned import Planned, condition
from orchestrator.report.probed import Probed, verdict_lines
from orchestrator.report.rule_words import SCOPES, file_words, limits, ok_exit, retries, undone_after
from orchestrator.report.sections import INDENT, join
from orchestrator.report.view import Paper
from orchestrator.report.visible import command_lines, spelled
from orchestrator.report.words import count, names, period

DEEP = INDENT * 2
MAX_BESIDE = 30
"""Characters of hosts that may stand in front of a command; more stand above it."""

SECTIONS = {
    Section.STEPS: "STEPS",
    Section.HANDLERS: "HANDLERS, where a step calls them: at the end of the host's steps, or once its undos are done",
    Section.AFTER_ROLLBACK: "AFTER A ROLLBACK, on each host whose undos are done",
    Section.FINALLY: "FINALLY, on each touched host, whatever happened",
    Section.GATES: "GATES, on each host that is ok of a wave that is done",
}

HOME, AGENT = "the user's HOME", "the agent's own user"

Place = tuple[str, str, tuple[tuple[str, str], ...]]
"""The folder that a command is run in, its user ('' for the agent's own), and its environment."""


def sections(planned: Planned, paper: Paper, probed: Probed | None = None) -> list[str]:
    """The steps, section by section; first what is the same for all of them. probed: what the guests said of them."""
    usual = usual_places(planned)
    shared = _place_lines(usual, INDENT, paper) if usual else []
    return join(
        ["EVERY COMMAND, where nothing else is said", *shared] if shared else [],
        *(_section(planned, section, usual, paper, probed) for section in SECTIONS),
    )


def usual_places(planned: Planned) -> dict[HostName, Place]:
    """Where most slots run on each host; of the slots that are run on every host. Empty where there is none."""
    seen: dict[tuple[Place, ...], int] = {}
    for index in range(len(planned.plan.slots)):
        if not any(planned.skipped(host, index) for host in planned.plan.hosts):
            key = tuple(_place(host, index) for host in planned.plan.hosts)
            seen[key] = seen.get(key, 0) + 1
    if not seen:
        return {}
    most = max(seen, key=lambda key: seen[key])
    return {host.host.name: place for host, place in zip(planned.plan.hosts, most, strict=True)}


def _place(host: HostPlan, index: int) -> Place:
    command = host.commands[index]
    return command.cwd, command.user, command.env


def _section(
    planned: Planned, section: Section, usual: Mapping[HostName, Place], paper: Paper, probed: Probed | None
) -> list[str]:
    found = [(index, slot) for index, slot in planned.forward() if slot.section is section]
    lines = [SECTIONS[section]] if found else []
    for number, (index, slot) in enumerate(found, start=1):
        lines += hang(f"{INDENT}{number:>2} ", f"{spelled(slot.name)}   {', '.join(limits(slot))}", paper.width)
        lines += _once(planned, index, slot, paper)
        lines += _when(planned, index, slot, paper)
        lines += guard_lines(planned, index, slot, paper, open_="" if probed else " (decided at run time)")
        lines += verdict_lines(probed, index, DEEP, paper) if probed else []
        lines += _commands(planned, index, usual, DEEP, paper)
        lines += _success(slot, paper)
        if slot.section is Section.STEPS and index in planned.undos_of:
            lines += _rollback(planned, index, usual, paper)
    return lines


def _rollback(planned: Planned, step: int, usual: Mapping[HostName, Place], paper: Paper) -> Iterator[str]:
    """How a step is taken back: after which outcomes, where at all, by which commands, and how that is checked."""
    slots, (first, *more) = planned.plan.slots, planned.undos_of[step]
    alone = all(slots[undo].verifies for undo in more)
    own = _own_limits(slots[step], slots[first]) if alone else ""
    yield f"{DEEP}undone after {undone_after(slots[first])}{own}, by"
    if slots[first].when:
        yield from (f"{INDENT}{line}" for line in _when(planned, first, slots[first], paper))
    for undo in (first, *more):
        slot = slots[undo]
        if slot.verifies:
            yield f"{DEEP}then verified{_own_limits(slots[step], slot)}, by"
        elif not alone:
            yield f"{DEEP}{INDENT}{spelled(slot.name)}{_own_limits(slots[step], slot)}"
        yield from _commands(planned, undo, usual, DEEP + INDENT, paper)


def _own_limits(step: Slot, undo: Slot) -> str:
    """The limits of an undo where they are not its step's."""
    own = [f"timeout {period(undo.timeout)}"] if undo.timeout != step.timeout else []
    own += [retries(undo.retries)] if undo.retries.attempts > 1 else []
    return f" ({', '.join(own)})" if own else ""


def _when(planned: Planned, index: int, slot: Slot, paper: Paper) -> list[str]:
    """On which hosts the slot is run at all."""
    lines: list[str] = []
    if slot.section is Section.GATES:
        asked = {host.wave + 1 for host in planned.plan.hosts if not planned.skipped(host, index)}
        return [f"{DEEP}after {'wave' if len(asked) == 1 else 'waves'} {', '.join(map(str, sorted(asked)))}"]
    if slot.repeat and (lacking := [host.host.name for host in planned.plan.hosts if host.lacks(slot)]):
        said = f"of the loop of {spelled(slot.repeat.step)}: not on {count(len(lacking), 'host')}: {names(lacking)}"
        lines += hang(f"{DEEP}item {slot.repeat.index + 1} ", said, paper.width)
    if not slot.conditions:
        return lines
    skipped = [host.host.name for host in planned.plan.hosts if planned.skipped(host, index) and not host.lacks(slot)]
    said = f"skipped on {count(len(skipped), 'host')}: {names(skipped)}" if skipped else "true on every host"
    if any(host.whens[index] is None for host in planned.plan.hosts):
        said = "decided at run time"
    return lines + hang(f"{DEEP}when ", f"{spelled(condition(slot))}: {said}", paper.width)


def _once(planned: Planned, index: int, slot: Slot, paper: Paper) -> list[str]:
    """On which host a step is run that is not run on every one."""
    on = next((each.hosts for each in planned.plan.once if each.slot == index), ())
    if not on:
        return []
    scope = SCOPES[slot.run_once or RunOnce.RUN]
    return hang(f"{DEEP}{scope}, on ", f"{names(tuple(dict.fromkeys(on)))}; the others wait for it", paper.width)


def _success(slot: Slot, paper: Paper) -> Iterator[str]:
    """What counts as success, and what is kept of the result."""
    judgements = [("until", slot.until), ("failed when", slot.failed_when), ("changed when", slot.changed_when)]
    judgements = [] if slot.section is Section.GATES else judgements
    for word, text in judgements:
        if text:
            yield from hang(f"{DEEP}{word} ", spelled(text.source), paper.width)
    if slot.ok_exit != (0,):
        yield f"{DEEP}ok with exit status {ok_exit(slot)}"
    if slot.register:
        yield f"{DEEP}registers {spelled(slot.register)}"
    if slot.handlers:
        yield from hang(f"{DEEP}calls ", spelled(", ".join(slot.handlers)), paper.width)


def _commands(
    planned: Planned, index: int, usual: Mapping[HostName, Place], indent: str, paper: Paper
) -> Iterator[str]:
    """The commands of a slot, where they are run if that is not as usual, and what they wait for."""
    hosts = [host for host in planned.plan.hosts if not planned.skipped(host, index)]
    texts = {host.host.name: host.commands[index].text for host in hosts}
    yield from _told_once(texts, indent)
    slot = planned.plan.slots[index]
    if slot.template.body.file and not slot.secret:
        yield from hang(f"{indent}with ", file_words(slot.template.body.file), paper.width)
    places = {host.host.name: _place(host, index) for host in hosts}
    if any(place != usual.get(host) for host, place in places.items()):
        yield from _place_lines({host: _apart(place, usual.get(host)) for host, place in places.items()}, indent, paper)
        lacking = {host: said for host, place in places.items() if (said := _lacking(place, usual.get(host)))}
        yield from _value_lines("without ", lacking, len(places), indent, paper)
    waits = sorted({name for host in hosts for name in host.commands[index].waits_for})
    if waits:
        yield f"{indent}late: waits for {', '.join(map(spelled, waits))}"


def _apart(place: Place, usual: Place | None) -> Place:
    """A place that is not the usual one, in which nothing goes without saying that is said of every command."""
    if usual is None:
        return place
    cwd, user, env = place
    return cwd or (usual[0] and HOME), user or (usual[1] and AGENT), env


def _lacking(place: Place, usual: Place | None) -> str:
    """The variables of the usual environment that are not set."""
    mine = dict(place[2])
    return ", ".join(name for name, _ in (usual[2] if usual else ()) if name not in mine)


def _told_once(texts: Mapping[HostName, str], indent: str) -> Iterator[str]:
    groups = [(names(hosts), len(hosts), _prompted(text)) for text, hosts in _alike(texts).items()]
    if len(groups) == 1:
        yield from (f"{indent}{line}" for line in groups[0][2])
    elif all(len(named) <= MAX_BESIDE and len(lines) == 1 for named, _, lines in groups):
        yield from (f"{indent}{line}" for line in table([(named, lines[0]) for named, _, lines in groups]))
    else:
        for named, number, lines in groups:
            yield f"{indent}on {count(number, 'host')}: {named}"
            yield from (f"{indent}{INDENT}{line}" for line in lines)


def _prompted(text: str) -> list[str]:
    """The lines of a command after a prompt, so that it cannot be taken for what is said of it."""
    first, *rest = command_lines(text)
    return [f"$ {first}", *(f"  {line}" for line in rest)]


def _alike(texts: Mapping[HostName, str]) -> dict[str, list[HostName]]:
    """Hosts by their text, in the order of appearance."""
    found: dict[str, list[HostName]] = {}
    for host, text in texts.items():
        found.setdefault(text, []).append(host)
    return found


def _place_lines(places: Mapping[HostName, Place], indent: str, paper: Paper) -> list[str]:
    """`in /srv/app`, `as deploy`, and a line for each variable; values that differ with their hosts."""
    total = len(places)
    lines = _value_lines("in ", {host: cwd for host, (cwd, _, _) in places.items() if cwd}, total, indent, paper)
    lines += _value_lines("as ", {host: user for host, (_, user, _) in places.items() if user}, total, indent, paper)
    for name in dict.fromkeys(name for _, _, env in places.values() for name, _ in env):
        values = {host: dict(env)[name] for host, (_, _, env) in places.items() if name in dict(env)}
        lines += _value_lines(f"{spelled(name)}=", values, total, indent, paper)
    return lines


def _value_lines(word: str, values: Mapping[HostName, str], total: int, indent: str, paper: Paper) -> list[str]:
    groups = _alike(values)
    if len(groups) == 1 and len(values) == total:
        return hang(f"{indent}{word}", spelled(next(iter(groups))), paper.width)
    said = ", ".join(f"{spelled(value)} on {names(hosts)}" for value, hosts in groups.items())
    return hang(f"{indent}{word}", said, paper.width, at=", ") if groups else []
