"""Whether a run has more hosts than it may, or other numbers of them than last time: what a person must confirm."""

from collections.abc import Sequence
from dataclasses import dataclass
from posixpath import normpath

from orchestrator.errors import Held
from orchestrator.model.plan import BlastRadius, Plan

MOVED_PERCENT = 20
"""By more than so many percent of the last run's hosts, another number of hosts is a surprise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """The numbers of hosts that a person has typed with the command; None: none. really: also over the limits."""

    expected: int | None = None
    really: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What must be confirmed by typing the number of hosts. why: a sentence for a person."""

    hosts: int
    why: str


def over_limits(radius: BlastRadius, hosts: int) -> str:
    """By which of the playbook's limits so many hosts are too many, with the numbers; empty where they are not."""
    found = []
    if radius.max_hosts is not None and hosts > radius.max_hosts:
        found.append(f"limits.max_hosts is {radius.max_hosts:,}")
    if radius.max_share is not None and hosts > radius.max_share:
        of = f"{radius.share} of the inventory's {_hosts(radius.fleet)}"
        found.append(f"limits.max_share is {radius.max_share:,} ({of})")
    return " and ".join(found)


def moved(hosts: int, before: int) -> bool:
    """Whether a number of hosts differs by more than MOVED_PERCENT from the one before.

    Worked example: from 10, 8 and 12 have not moved, 7 and 13 have.
    """
    return abs(hosts - before) * 100 > before * MOVED_PERCENT


def same_ground(plan: Plan, other: Plan) -> bool:
    """Whether two plans are of one playbook file and one inventory file."""
    return _files(plan) == _files(other)


def is_limited(argv: Sequence[str]) -> bool:
    """Whether the command line of a run narrows the playbook's hosts."""
    return "-l" in argv


def judge(plan: Plan, *, confirmed: Confirmed, before: int | None) -> Question | None:
    """What a person must still confirm before this is run; None: nothing.

    before: the hosts of the last comparable run; None where there is none, or where either of the two is limited.
    Raises Held where the number of hosts is over a limit, or is another than was typed.
    """
    hosts = len(plan.hosts)
    for option, typed in (("--yes-really", confirmed.really), ("--expect-hosts", confirmed.expected)):
        if typed is not None and typed != hosts:
            raise Held(f"{option} says {typed:,}, and this would run on {_hosts(hosts)}; nothing was started")
    if confirmed.really is not None:
        return None
    if over := over_limits(plan.limits, hosts):
        raise Held(
            f"this would run on {_hosts(hosts)}, and {over}; nothing was started. Narrow the plan with "
            f"-l, or, if it must be all of them, say --yes-really {hosts}"
        )
    if confirmed.expected is not None or before is None or not moved(hosts, before):
        return None
    change = f"{abs(hosts - before):,} {'more' if hosts > before else 'fewer'}"
    return Question(hosts=hosts, why=f"this would run on {_hosts(hosts)}, {change} than its last run had ({before:,})")


def held(question: Question) -> Held:
    """The error where nobody has confirmed."""
    return Held(f"{question.why}; nothing was started. If that is right, say --expect-hosts {question.hosts}")


def _files(plan: Plan) -> tuple[str, str]:
    return normpath(plan.file), normpath(plan.inventory)


def _hosts(count: int) -> str:
    return f"{count:,} host" if count == 1 else f"{count:,} hosts"
