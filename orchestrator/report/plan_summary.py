"""A plan in short: what is run on which hosts, in which waves, within which budgets."""

from orchestrator.model.plan import Plan
from orchestrator.model.playbook import RollbackScope
from orchestrator.report.columns import hang, table, wrap
from orchestrator.report.planned import Planned
from orchestrator.report.sections import INDENT, join
from orchestrator.report.view import PAPER, Paper
from orchestrator.report.visible import spelled
from orchestrator.report.words import count, names, short

SCOPES = {
    RollbackScope.NONE: "nothing is taken back, whatever fails",
    RollbackScope.HOST: "a host that fails is taken back; the others stay as they are",
    RollbackScope.WAVE: "a host that fails is taken back; over a budget, its whole wave",
    RollbackScope.RUN: "a host that fails is taken back; over a budget, every host of the run",
}


def plan_summary(plan: Plan, paper: Paper = PAPER) -> list[str]:
    """The lines that stand before the question whether to run a plan."""
    planned = Planned.of(plan)
    steps = ", ".join(slot.name for _, slot in planned.forward())
    return join(
        head(plan, paper), waves(plan, paper), budgets(plan), hang("STEPS  ", spelled(steps), paper.width),
        warnings(planned, paper), not_undone(planned, paper),
    )  # fmt: skip


def head(plan: Plan, paper: Paper) -> list[str]:
    """What is run where."""
    source = f"{plan.file} with {plan.inventory}" if plan.inventory != plan.file else plan.file
    lines = [f"{spelled(plan.playbook)} on {count(len(plan.hosts), 'host')}, plan {short(plan.digest)}"]
    lines += wrap(spelled(f"from {source}, {plan.provider.kind} at {plan.provider.url}"), paper.width)
    passed = (f"{name}={value if isinstance(value, str) else repr(value)}" for name, value in plan.params.items())
    return lines + (hang("with ", spelled(", ".join(passed)), paper.width) if plan.params else [])


def waves(plan: Plan, paper: Paper) -> list[str]:
    """Who goes with whom, in which order."""
    heads = table(
        [
            (f"{INDENT}{wave.index + 1} {spelled(wave.name)}".rstrip(), count(len(wave.hosts), "host"))
            for wave in plan.waves
        ]
    )
    width = max(map(len, heads))
    lines = ["WAVES"]
    for start, wave in zip(heads, plan.waves, strict=True):
        lines += hang(f"{start:<{width}}   ", names(wave.hosts), paper.width, at=",")
    return lines


def budgets(plan: Plan) -> list[str]:
    """How far the run may go, in hosts."""
    policy, limits = plan.policy, plan.limits
    rows = [
        ("max_parallel", f"{policy.max_parallel:,}", "under way at once, no more"),
        ("max_failures", f"{policy.max_failures:,}", f"may fail; {_over(policy.max_failures)} stops the run"),
        ("max_unreachable", f"{policy.max_unreachable:,}", f"may be; {_over(policy.max_unreachable)} stops the run"),
        ("rollback", policy.rollback.value, SCOPES[policy.rollback]),
    ]
    if limits.max_hosts is not None:
        rows.append(("max_hosts", f"{limits.max_hosts:,}", "in the run; with more it is held"))
    if limits.max_share is not None:
        of = f"in the run, {limits.share} of the inventory's {limits.fleet:,}; with more it is held"
        rows.append(("max_share", f"{limits.max_share:,}", of))
    return ["BUDGETS, in hosts", *(f"{INDENT}{line}" for line in table(rows))]


def _over(budget: int) -> str:
    """The host with which a budget is over: count > budget."""
    return "the first one" if budget == 0 else "one more"


def warnings(planned: Planned, paper: Paper) -> list[str]:
    """What a person should know before this is run."""
    return [line for warning in planned.warnings() for line in hang("WARNING  ", spelled(warning), paper.width)]


def not_undone(planned: Planned, paper: Paper) -> list[str]:
    """The steps that no rollback takes back."""
    slots = planned.cannot_be_undone()
    named = ", ".join(f"{slot.name} ({'irreversible' if slot.irreversible else 'no rollback'})" for slot in slots)
    return hang("CANNOT BE UNDONE  ", spelled(named), paper.width) if slots else []
