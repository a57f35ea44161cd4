"""A plan in short: what is run on which hosts, in which waves, within which budgets."""

from orchestrator.gates import told
from orchestrator.gates.words import period
from orchestrator.model.plan import Plan, Policy
from orchestrator.model.rollout import HostOrder, InFlight, RollbackScope
from orchestrator.report.columns import hang, table, wrap
from orchestrator.report.planned import Planned
from orchestrator.report.rule_words import budget, passed, spread
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
    steps = ", ".join(slot.name for _, slot in planned.steps())
    return join(
        head(plan, paper), waves(plan, paper), budgets(plan),
        [*hang("STEPS  ", spelled(steps), paper.width), *chosen(plan, paper)],
        warnings(planned, paper), not_undone(planned, paper),
    )  # fmt: skip


def head(plan: Plan, paper: Paper) -> list[str]:
    """What is run where."""
    source = f"{plan.file} with {plan.inventory}" if plan.inventory != plan.file else plan.file
    lines = [f"{spelled(plan.playbook)} on {count(len(plan.hosts), 'host')}, plan {short(plan.digest)}"]
    lines += wrap(spelled(f"from {source}, {plan.provider.kind} at {plan.provider.url}"), paper.width)
    params = (f"{name}={passed(value)}" for name, value in plan.params.items())
    return lines + (hang("with ", spelled(", ".join(params)), paper.width) if plan.params else [])


def chosen(plan: Plan, paper: Paper) -> list[str]:
    """By which tags the steps were chosen, and which of them are left out."""
    tags = plan.tags
    asked = [f"--tags {','.join(tags.only)}"] if tags.only else []
    asked += [f"--skip-tags {','.join(tags.skip)}"] if tags.skip else []
    lines = hang("TAGS  ", spelled(" ".join(asked)), paper.width) if asked else []
    if tags.left_out:
        said = f"{count(len(tags.left_out), 'step')} by {'these tags' if asked else 'the tag never'}: "
        lines += hang("LEFT OUT  ", said + spelled(", ".join(tags.left_out)), paper.width)
    return lines


def waves(plan: Plan, paper: Paper) -> list[str]:
    """Who goes with whom, in which order."""
    return [f"WAVES{_order(plan.policy)}", *each_wave(plan, paper)]


def each_wave(plan: Plan, paper: Paper) -> list[str]:
    """The waves, each with its own budget and its gates."""
    heads = table(
        [
            (f"{INDENT}{wave.index + 1} {spelled(wave.name)}".rstrip(), count(len(wave.hosts), "host"))
            for wave in plan.waves
        ]
    )
    width = max(map(len, heads))
    lines: list[str] = []
    for start, wave in zip(heads, plan.waves, strict=True):
        lines += hang(f"{start:<{width}}   ", names(wave.hosts), paper.width, at=",")
        if said := budget(wave):
            lines.append(f"{INDENT * 2}{said}")
        for gate in wave.gates:
            lines += hang(f"{INDENT * 2}then {spelled(gate.name)}: ", spelled(told(gate)), paper.width)
    return lines


def _order(policy: Policy) -> str:
    match policy.order:
        case HostOrder.INVENTORY:
            return ""
        case HostOrder.SHUFFLE:
            return f", the hosts shuffled by the seed {spelled(policy.seed)}"
        case HostOrder.SORTED:
            return ", the hosts sorted by name"
        case HostOrder.REVERSE:
            return ", the hosts in reverse"


def _more(policy: Policy) -> list[tuple[str, str, str]]:
    """The rules that few runs have."""
    rows: list[tuple[str, str, str]] = []
    if policy.spread:
        rows.append(("spread", f"{policy.spread.max:,}", spread(policy.spread)))
    if policy.in_flight is InFlight.CANCEL:
        rows.append(("in_flight", "cancel", "once the run stops, steps under way are ended and taken back"))
    if policy.min_healthy:
        rows.append(("min_healthy", period(policy.min_healthy), "ok for so long, until another takes its place"))
    if policy.progress_deadline is not None:
        rows.append(("progress", period(policy.progress_deadline), "without another host ok stops the run"))
    return rows


def budgets(plan: Plan) -> list[str]:
    """How far the run may go, in hosts."""
    policy, limits = plan.policy, plan.limits
    rows = [
        ("max_parallel", f"{policy.max_parallel:,}", "under way at once, no more"),
        ("max_failures", f"{policy.max_failures:,}", f"may fail; {_over(policy.max_failures)} stops the run"),
        ("max_unreachable", f"{policy.max_unreachable:,}", f"may be; {_over(policy.max_unreachable)} stops the run"),
        ("rollback", policy.rollback.value, SCOPES[policy.rollback]),
        *_more(policy),
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
