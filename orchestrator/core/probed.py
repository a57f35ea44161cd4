"""What the guests were asked before a run, and what their answers mean for every line of the plan."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from orchestrator.core.ending import why_skipped
from orchestrator.guest.library import OUTPUT_CAP
from orchestrator.guest.probe import GUARD_TIMEOUT, Answers, Folder, Look
from orchestrator.model.ids import HostName
from orchestrator.model.plan import Command, HostPlan, Plan, Section, Slot
from orchestrator.model.playbook import Guard, is_user_name
from orchestrator.ports import Refusal


class Found(Enum):
    """How a host stands, as far as a probe can tell."""

    READY = "ready"
    """It answered, and a run would start there."""
    UNREACHABLE = "unreachable"
    """The VPS is off, or its agent does not answer."""
    NO_ANSWER = "no_answer"
    """It was asked, and no usable answer came back."""
    OTHER_HOST = "other_host"
    """It has another hostname than declared."""
    REFUSED = "refused"
    """The provider does not run commands there: its filter blocks them, or the key lacks the right."""
    TAKEN = "taken"
    """Another run has it, or it is fenced; so it was not asked."""
    NO_SUCH_HOST = "no_such_host"
    """The provider does not know its vmid."""


FOUND_BY: Mapping[Refusal, Found] = {
    Refusal.BLOCKED: Found.REFUSED,
    Refusal.INVALID: Found.REFUSED,
    Refusal.UNAUTHORISED: Found.REFUSED,
    Refusal.NO_SUCH_HOST: Found.NO_SUCH_HOST,
    Refusal.HOST_DOWN: Found.UNREACHABLE,
    Refusal.RATE_LIMITED: Found.NO_ANSWER,
    Refusal.API_DOWN: Found.NO_ANSWER,
}
"""What the provider's refusal says of the host."""

_EXITS = (
    (2, {Found.NO_SUCH_HOST}),
    (7, {Found.TAKEN, Found.REFUSED}),
    (6, {Found.UNREACHABLE, Found.NO_ANSWER, Found.OTHER_HOST}),
)
"""The exit statuses of hosts that would not start, the worst first; they are those of a run's beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What was found out about one host. at: when, in seconds since the epoch. why: a sentence where it is not READY.

    answers: what the guest said, None where it was not asked or did not answer. unasked: why guards have no answer.
    """

    host: HostName
    at: float
    found: Found
    why: str = ""
    answers: Answers | None = None
    unasked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What was found out about every host of a plan, in its order."""

    hosts: tuple[HostFacts, ...]

    @property
    def exit(self) -> int:
        """0: a run would start on every host; 6: some cannot be reached; 7: it would be held; 2: a vmid is wrong."""
        found = {each.found for each in self.hosts}
        return next((status for status, bad in _EXITS if bad & found), 0)


class Will(Enum):
    """What a run would make of one line of the plan."""

    RUN = "will_run"
    """It is run, unless something before it fails."""
    SKIP = "will_skip"
    """A guard says no, as the guest is now."""
    RUN_TIME = "run_time"
    """It is decided at run time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a run would make of a slot on a host, and why, in a few words; '' where there is nothing to say."""

    will: Will
    why: str = ""


def is_skipped(plan: Plan, host: HostPlan, index: int) -> bool:
    """Whether this slot, or the step that it takes back, is never run on this host, whatever the guest says."""
    undone = plan.slots[index].undo_of
    step = index if undone is None else undone
    elsewhere = any(once.slot == step and once.hosts[host.wave] != host.host.name for once in plan.once)
    return host.whens[index] is False or host.whens[step] is False or elsewhere


def commands(plan: Plan, host: HostPlan) -> Iterator[tuple[int, Slot, Command]]:
    """The commands that may be run on a host, rollbacks too, with their slots."""
    for index, (slot, command) in enumerate(zip(plan.slots, host.commands, strict=True)):
        if index not in host.done and not is_skipped(plan, host, index):
            yield index, slot, command


def look_of(plan: Plan, host: HostPlan) -> Look:
    """What the guest of this host is to be asked. What is not known before the run is not asked."""
    mine = list(commands(plan, host))
    return Look(
        hostname=host.host.hostname,
        users=tuple(dict.fromkeys(user for _, _, command in mine if (user := user_of(command)))),
        folders=tuple(dict.fromkeys(folder for _, _, command in mine if (folder := folder_of(command)))),
        guarded={
            index: command
            for index, slot, command in mine
            if command.guards and command.final and slot.section is not Section.UNDO
        },
    )


def user_of(command: Command) -> str:
    """Who runs a command: '' for the agent's own, and where that is rendered in the run (then it is no name)."""
    return command.user if is_user_name(command.user) else ""


def folder_of(command: Command) -> Folder | None:
    """The folder in which a command is run; None for the HOME, and where that is rendered in the run."""
    if not command.cwd or (not command.final and ("{" in command.cwd or command.user != user_of(command))):
        return None
    return Folder(user=command.user, cwd=command.cwd)


def verdict_on(plan: Plan, host: HostPlan, index: int, facts: HostFacts) -> Verdict:
    """What a run would make of a slot that goes forward and is not skipped on this host."""
    slot, command = plan.slots[index], host.commands[index]
    if facts.found is not Found.READY or facts.answers is None:
        return _open("the host would not start")
    if slot.section is Section.HANDLERS:
        return _open("run where a step calls it")
    if slot.section is Section.AFTER_ROLLBACK:
        return _open("run after a rollback")
    if host.whens[index] is None:
        return _open("its when asks for a result")
    if not command.final:
        return _open(f"waits for {', '.join(command.waits_for)}")
    if command.guards:
        return _guarded(index, command, facts.answers, facts.unasked)
    return Verdict(will=Will.RUN)


def _guarded(index: int, command: Command, answers: Answers, unasked: str) -> Verdict:
    if not answers.setsid:
        return _open("no guard can be looked at: there is no setsid")
    if answers.users.get(user_of(command)) is False:
        return _open(f"there is no user {command.user} now")
    if (folder := folder_of(command)) and answers.folders.get(folder) is False:
        return _open(f"there is no folder {command.cwd} now")
    for guard, _ in command.guards:
        status = answers.guards.get((index, guard))
        if status is None:
            return _open(unasked or "its guards are too long to be asked")
        if status > 128:
            return _open(f"{guard.value} was killed, or took longer than {GUARD_TIMEOUT} s")
        if (status > 0) is (guard is Guard.ONLY_IF):
            return Verdict(will=Will.SKIP, why=why_skipped(guard, command))
    return Verdict(will=Will.RUN)


def _open(why: str) -> Verdict:
    return Verdict(will=Will.RUN_TIME, why=why)


MIB = 1024 * 1024


def room_for(plan: Plan, host: HostPlan) -> int:
    """Bytes that a run may need in the guest: the library's, and for each command what is given back of its outputs.

    Of 20 commands with 64 KiB of each stream that is 1 MiB + 20 x 128 KiB = 3.5 MiB, and rounded up 4 MiB.
    """
    outputs = sum(not slot.plain for _, slot, _ in commands(plan, host)) * 2 * OUTPUT_CAP
    return -(-(MIB + outputs) // MIB) * MIB


def warnings_on(plan: Plan, host: HostPlan, facts: HostFacts) -> list[str]:
    """What is amiss in a guest that would start, each in words that are the same for all hosts with which it is."""
    answers = facts.answers
    if answers is None or facts.found is not Found.READY:
        return []
    mine = list(commands(plan, host))
    found = [f"no user {user}{_needed(_by(mine, user=user))}" for user, there in answers.users.items() if not there]
    found += [
        f"no folder {folder.cwd}{_needed(_by(mine, folder=folder))}"
        for folder, there in answers.folders.items()
        if not there and answers.users.get(folder.user, True)
    ]
    if any(not slot.plain for _, slot, _ in mine):
        room = room_for(plan, host)
        if not answers.setsid:
            found.append("no setsid, without which no step can be run but with exec: plain")
        if not answers.writable:
            found.append("STATE, where attempts are kept, cannot be written to")
        if answers.free is not None and answers.free < room:
            found.append(f"less than the {room // MIB} MiB free in STATE that this plan may need")
    if facts.unasked:
        found.append(f"guards could not be looked at: {facts.unasked}")
    return found


Mine = list[tuple[int, Slot, Command]]


def _by(mine: Mine, *, user: str = "", folder: Folder | None = None) -> list[tuple[int, str]]:
    """The commands that need a user or a folder: their places among all of this host's, and their steps' names."""
    return [
        (place, slot.name)
        for place, (_, slot, command) in enumerate(mine)
        if (user and user_of(command) == user) or (folder and folder_of(command) == folder)
    ]


def _needed(by: list[tuple[int, str]]) -> str:
    """By which steps, and that an earlier one may make it."""
    names = list(dict.fromkeys(name for _, name in by))
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    unless = ", unless an earlier step makes it" if by and by[0][0] > 0 else ""
    return f", needed by {names[0]!r}{more}{unless}" if names else ""
