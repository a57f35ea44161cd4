"""The dry run: everything that a plan will do, as a person reads it."""

import shlex
from collections.abc import Sequence

from orchestrator.model.plan import Plan
from orchestrator.report.columns import hang
from orchestrator.report.next_commands import Advice
from orchestrator.report.plan_steps import sections
from orchestrator.report.plan_summary import budgets, chosen, head, not_undone, warnings, waves
from orchestrator.report.planned import Planned
from orchestrator.report.probed import Probed, probe_lines
from orchestrator.report.sections import join, what_next
from orchestrator.report.view import PAPER, Paper
from orchestrator.report.visible import spelled
from orchestrator.report.words import count, short


def plan_text(plan: Plan, argv: Sequence[str] = (), paper: Paper = PAPER, probed: Probed | None = None) -> list[str]:
    """The lines of the dry run. argv: the command line of `orc run` that would do it. probed: what the guests said."""
    planned = Planned.of(plan)
    return join(
        head(plan, paper),
        waves(plan, paper),
        budgets(plan),
        chosen(plan, paper),
        sections(planned, paper, probed),
        warnings(planned, paper),
        not_undone(planned, paper),
        _totals(planned, paper),
        probe_lines(probed, paper) if probed else [],
        what_next([Advice(why="do it", command=shlex.join(argv))] if argv else []),
        [_last_line(plan)],
    )


def _totals(planned: Planned, paper: Paper) -> list[str]:
    """How much of this is settled now, and what it costs."""
    commands = [command.final for command in planned.commands()]
    final, late = sum(commands), len(commands) - sum(commands)
    said = f"{final:,} of {count(len(commands), 'command')} final, rollbacks among them"
    if late:
        said += f"; {late:,} late: shown as written, and rendered on their hosts once what they wait for is known"
    calls = f"at least {planned.calls():,}, if nothing fails: a probe of each host, two calls for each step"
    return [
        *hang("COMMANDS   ", said, paper.width),
        *hang("API CALLS  ", calls, paper.width),
        *hang("DURATION   ", "not predicted yet", paper.width),
    ]


def _last_line(plan: Plan) -> str:
    waves, hosts = count(len(plan.waves), "wave"), count(len(plan.hosts), "host")
    return f"PLAN  {spelled(plan.playbook)} on {hosts} in {waves}; nothing was started   digest {short(plan.digest)}"
