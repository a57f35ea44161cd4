"""The dry run: everything that a plan will do, as a person reads it."""

import shlex
from collections.abc import Sequence

from orchestrator.core.estimate import GUESS, Estimate, estimate
from orchestrator.model.plan import Plan
from orchestrator.report.columns import hang
from orchestrator.report.known import NOTHING_KNOWN, Known
from orchestrator.report.next_commands import Advice
from orchestrator.report.plan_steps import sections
from orchestrator.report.plan_summary import budgets, chosen, head, not_undone, warnings, waves
from orchestrator.report.planned import Planned
from orchestrator.report.probed import probe_lines
from orchestrator.report.sections import join, what_next
from orchestrator.report.since import since_text
from orchestrator.report.view import PAPER, Paper
from orchestrator.report.visible import spelled
from orchestrator.report.words import count, short, took


def plan_text(plan: Plan, argv: Sequence[str] = (), paper: Paper = PAPER, known: Known = NOTHING_KNOWN) -> list[str]:
    """The lines of the dry run, with what is known besides. argv: the command line that would do it."""
    planned = Planned.of(plan)
    return join(
        head(plan, paper),
        waves(plan, paper),
        budgets(plan),
        chosen(plan, paper),
        sections(planned, paper, known.probed),
        warnings(planned, paper),
        not_undone(planned, paper),
        _totals(planned, estimate(plan, known.durations), paper),
        probe_lines(known.probed, paper) if known.probed else [],
        since_text(known.since, paper) if known.since else [],
        what_next([Advice(why="do it", command=shlex.join(argv))] if argv else []),
        [_last_line(plan)],
    )


def _totals(planned: Planned, found: Estimate, paper: Paper) -> list[str]:
    """How much of this is settled now, and what it costs."""
    commands = [command.final for command in planned.commands()]
    final, late = sum(commands), len(commands) - sum(commands)
    said = f"{final:,} of {count(len(commands), 'command')} final, rollbacks among them"
    if late:
        said += f"; {late:,} late: shown as written, and rendered on their hosts once what they wait for is known"
    calls = (
        f"at least {found.calls:,}, if nothing fails: a probe of each host, two calls for each step; "
        f"at the busiest some {max(1, round(found.peak)):,} a second"
    )
    return [
        *hang("COMMANDS   ", said, paper.width),
        *hang("API CALLS  ", calls, paper.width),
        *hang("DURATION   ", _duration(found), paper.width),
    ]


def _duration(found: Estimate) -> str:
    """How long it will take, and what that rests on."""
    time = f"about {took(found.seconds)}"
    if found.seconds_p90 > found.seconds:
        time += f", {took(found.seconds_p90)} where every step is slow"
    if found.attempts:
        time += f", by {count(found.attempts, 'attempt')} in earlier runs"
    if not found.guessed:
        return time
    steps = "its steps" if not found.attempts else ", ".join(found.guessed)
    return f"a guess: {time}; nothing is known of how long {spelled(steps)} take ({GUESS:g} s each assumed)"


def _last_line(plan: Plan) -> str:
    waves, hosts = count(len(plan.waves), "wave"), count(len(plan.hosts), "host")
    return f"PLAN  {spelled(plan.playbook)} on {hosts} in {waves}; nothing was started   digest {short(plan.digest)}"
