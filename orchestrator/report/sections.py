"""The parts that reports are put together from; each gives lines, or none where there is nothing to tell."""

from collections.abc import Iterator, Mapping, Sequence

from orchestrator.core.run_state import RunState
from orchestrator.model.ids import HostName
from orchestrator.model.plan import Section, Wave
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import RunStatus, Standing
from orchestrator.report.columns import cut, hang, table
from orchestrator.report.failures import LINES, Failure, FailureGroup
from orchestrator.report.next_commands import Advice
from orchestrator.report.rollbacks import RollbackGroup
from orchestrator.report.view import Paper
from orchestrator.report.visible import visible
from orchestrator.report.words import LISTS, count, names, took

MAX_GROUPS = 12
"""Kinds of failure that are shown."""

MAX_WAVES = 8
"""Waves that are told one by one in a line; of more, those of which all hosts are ok are only counted."""

INDENT = "    "

FAILED_WORDS: Mapping[Outcome, str] = {
    Outcome.FAILED: "FAILED",
    Outcome.TIMED_OUT: "TIMED OUT",
    Outcome.UNREACHABLE: "UNREACHABLE",
    Outcome.UNKNOWN: "UNKNOWN",
}


def join(*sections: Sequence[str]) -> list[str]:
    """Sections with an empty line between them; empty ones are left out."""
    lines: list[str] = []
    for section in sections:
        if section:
            lines += ["", *section] if lines else section
    return lines


def failed(groups: Sequence[FailureGroup], paper: Paper) -> list[str]:
    """What failed, once for all hosts on which it failed alike."""
    lines = join(*(_failed_group(group, paper) for group in groups[:MAX_GROUPS]))
    rest = groups[MAX_GROUPS:]
    if rest:
        hosts = {host for group in rest for host in group.hosts}
        others = f"{count(len(rest), 'other failure')} on {count(len(hosts), 'host')}"
        lines += ["", f"... and {others}: orc logs tells of all"]
    return lines


def _failed_group(group: FailureGroup, paper: Paper) -> list[str]:
    first = group.first
    word = FAILED_WORDS.get(first.outcome, "FAILED")
    many = f"{count(len(group.hosts), 'host')}: " if len(group.hosts) > 1 else ""
    lines = hang(f"{word}  {slot_name(first)} on {many}", names(group.hosts), paper.width, at=",")
    lines += hang(INDENT, first.detail + _which(group), paper.width)
    if first.progress.may_be_running:
        lines.append(f"{INDENT}it may still be running there")
    if first.progress.excused:
        lines.append(f"{INDENT}the host went on: on_failure is continue")
    elif first.progress.skipped:
        lines.append(f"{INDENT}the host went on: a person said so")
    return lines + _printed(group, paper)


def slot_name(failure: Failure) -> str:
    """A step, or the undo of one, as a person says it."""
    match failure.slot.section:
        case Section.UNDO:
            return f"undo of {failure.slot.name}"
        case Section.HANDLERS:
            return f"handler {failure.slot.name}"
        case Section.AFTER_ROLLBACK:
            return f"after the rollback, {failure.slot.name}"
        case Section.FINALLY:
            return f"finally, {failure.slot.name}"
        case Section.GATES:
            return f"gate {failure.slot.name}"
        case Section.STEPS:
            return failure.slot.name


def _which(group: FailureGroup) -> str:
    """Which attempt is shown, where it could be another."""
    first, progress = group.first, group.first.progress
    said = ""
    if first.slot.retries.attempts > 1:
        said += f" (attempt {progress.attempts} of {first.slot.retries.attempts})"
    if first.outcome is Outcome.FAILED and progress.duration >= 1:  # the other details say themselves how long
        said += f", after {took(progress.duration)}"
    if len(group.hosts) > 1 and (group.stdout or group.stderr):
        said += f"; all printed what {first.host} did, but for names and times:"
    return said


def _printed(group: FailureGroup, paper: Paper) -> list[str]:
    """The last lines of both outputs; where both have some, which is which."""
    both = bool(group.stdout and group.stderr)
    lines: list[str] = []
    for name, stream in (("stdout", group.stdout), ("stderr", group.stderr)):
        # A command's own words on what went wrong stand in stderr: that gets the more lines.
        room = LINES if not both else LINES // 3 if name == "stdout" else LINES - LINES // 3
        if both:
            lines.append(f"{INDENT}{name}")
        lines += [cut(f"{INDENT}| {line}", paper.width) for line in stream[-room:]]
    return lines


def rolled_back(groups: Sequence[RollbackGroup], paper: Paper) -> list[str]:
    """What was taken back, what could not be, and what stays done."""
    return join(*(_rolled_back_group(group, paper) for group in groups))


def _rolled_back_group(group: RollbackGroup, paper: Paper) -> list[str]:
    lines = hang(f"{group.word}  {count(len(group.hosts), 'host')}: ", names(group.hosts), paper.width, at=",")
    width = max((len(name) for name, _ in group.rows), default=0)
    for name, steps in group.rows:
        lines += hang(f"{INDENT}{name:<{width}}  ", ", ".join(steps), paper.width)
    return lines


def handlers_owed(state: RunState, paper: Paper) -> list[str]:
    """The handlers that were called and not run with success, and where."""
    owed: dict[int, list[HostName]] = {}
    for name, mine in state.hosts.items():
        for index in mine.owed if mine.settled else ():
            owed.setdefault(index, []).append(name)
    lines: list[str] = []
    for index, where in sorted(owed.items()):
        said = f"handler {state.layout.slots[index].name} on {count(len(where), 'host')}: {names(where)}"
        lines += hang("STILL OWED  ", said, paper.width, at=",")
    return lines


def hosts(state: RunState, paper: Paper) -> list[str]:
    """Every host in exactly one list; the counts sum to the total."""
    found = lists(state)
    digits = max(len(f"{len(listed):,}") for listed in found.values())
    width = max(map(len, found))
    lines = [f"HOSTS  {count(len(state.hosts), 'host')}: {in_lists(found)}"]
    for name, listed in found.items():
        lines += hang(f"{INDENT}{len(listed):>{digits},}  {name:<{width}}  ", names(listed), paper.width, at=",")
    return lines


def lists(state: RunState) -> dict[str, tuple[HostName, ...]]:
    """The lists that hold a host, by what they are called."""
    found = state.lists()
    return {word: found[standing] for standing, word in list_words(state).items() if found[standing]}


def list_words(state: RunState) -> Mapping[Standing, str]:
    """What the lists are called. While a run is open, a host that was never started may still get its turn."""
    if state.finished:
        return LISTS
    resting = state.status() in (RunStatus.PAUSED, RunStatus.WAITING)
    begun = "unfinished" if resting else LISTS[Standing.BUSY]
    return {**LISTS, Standing.BUSY: begun, Standing.NEVER_STARTED: "not started"}


def in_lists(lists: Mapping[str, Sequence[HostName]]) -> str:
    """`11 ok, 1 rolled back`."""
    return ", ".join(f"{len(listed):,} {name}" for name, listed in lists.items())


def waves(state: RunState) -> list[str]:
    """How far each wave is, on a line of its own, where there are several."""
    told = zip(_waves(state), state.plan.waves, strict=True)
    rows = [(f"{INDENT}{name}", count(hosts, "host"), said + _gates(state, wave)) for (name, hosts, said), wave in told]
    return ["WAVES", *table(rows)] if len(rows) > 1 else []


def _gates(state: RunState, wave: Wave) -> str:
    """How many of an open wave's gates have passed."""
    if not wave.gates or wave.index >= state.opened:
        return ""
    passed = state.between.passed if wave.index == state.opened - 1 else len(wave.gates)
    return f"; {passed} of {count(len(wave.gates), 'gate')} passed"


def wave_line(state: RunState, paper: Paper) -> list[str]:
    """The same in a line: `WAVES  1 canary: 1 ok; 2: 3 ok, 1 failed; 8 waves not opened`."""
    found = list(_waves(state))
    if len(found) < 2:
        return []
    opened = found[: state.opened]
    well = {name for name, hosts, said in opened if said == f"{hosts:,} {LISTS[Standing.OK]}"}
    told = [f"{name}: {said}" for name, _, said in opened if name not in well or len(found) <= MAX_WAVES]
    if len(found) > MAX_WAVES and well:
        told.insert(0, f"{count(len(well), 'wave')} all ok")
    rest = len(found) - len(opened)
    told += [f"{count(rest, 'wave')} not opened"] if rest else []
    return hang("WAVES  ", "; ".join(told), paper.width)


def _waves(state: RunState) -> Iterator[tuple[str, int, str]]:
    """Of each wave: what it is called, its hosts, and how they stand. One that is not open yet says so."""
    words = list_words(state)
    for wave, counts in zip(state.plan.waves, state.waves, strict=True):
        said = counted({words[each]: counts.standing[each] for each in words})
        said = said if wave.index < state.opened else "not opened"
        yield f"{wave.index + 1} {visible(wave.name)}".rstrip(), len(wave.hosts), said


def counted(found: Mapping[str, int]) -> str:
    """`11 ok, 1 rolled back`; what there is none of is left out."""
    return ", ".join(f"{number:,} {word}" for word, number in found.items() if number)


def what_next(advice: Sequence[Advice]) -> list[str]:
    """The commands to type next. The words stand on lines of their own: not every shell takes a comment."""
    lines = ["NEXT"] if advice else []
    for each in advice:
        lines += [f"{INDENT}{each.why}:"] if each.why else []
        lines.append(f"{INDENT}    {each.command}")
    return lines
