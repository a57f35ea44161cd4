"""How many hosts a run may have: the lists of runs that a limit names, and the number that a person must confirm."""

from collections.abc import Mapping
from functools import partial

import anyio

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.ask import answer_to
from orchestrator.cli.lookup import find_run
from orchestrator.core.blast_radius import Confirmed, Question, is_limited, judge
from orchestrator.core.run_lists import hosts_in, run_lists, spell_out
from orchestrator.core.run_state import fold
from orchestrator.engine.history import past_runs
from orchestrator.errors import Held
from orchestrator.load import Settings
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.plan import Plan

Lists = Mapping[str, tuple[HostName, ...]]


def read_limit(limit: str | None, settings: Settings) -> tuple[str | None, Lists]:
    """The limit with every `@RUN.LIST` spelled out, and the hosts of each. Raises InputError."""
    if limit is None or not run_lists(limit):
        return limit, {}
    return anyio.run(partial(_read_lists, limit, settings))


async def _read_lists(limit: str, settings: Settings) -> tuple[str, Lists]:
    wanted, runs, found = run_lists(limit), dict[str, RunId](), dict[str, tuple[HostName, ...]]()
    async with wiring.open_journal(settings) as journal:
        for each in wanted:
            run = runs[each.run] = await find_run(journal, each.run)
            record = await journal.record(run)
            state = fold(record.plan, await journal.events(run, outputs=False))
            found[spell_out(each.text, wanted, runs)] = hosts_in(each, run, state)
    return spell_out(limit, wanted, runs), found


def must_confirm(plan: Plan, *, limited: bool, confirmed: Confirmed, settings: Settings) -> Question | None:
    """What a person must still confirm before the plan is run. Raises Held where it may not be run."""
    before = None if limited else anyio.run(partial(_hosts_before, plan, settings))
    return judge(plan, confirmed=confirmed, before=before)


async def _hosts_before(plan: Plan, settings: Settings) -> int | None:
    """The hosts of the last run of this playbook file on this inventory file that had no limit, and ended."""
    async with wiring.open_journal(settings) as journal:
        async for past in past_runs(journal, plan):
            if not is_limited(past.record.argv):
                return len(past.record.plan.hosts)
    return None


def ask_number(question: Question) -> None:
    """Have the number of hosts typed, by somebody who is there. Raises Held where another is."""
    output.stderr().line(f"orc: {question.why}")
    typed = answer_to("Type the number of hosts to run this:")
    if typed != str(question.hosts):
        raise Held(f"nothing was started: {typed or 'nothing'} was typed, and it would run on {question.hosts:,} hosts")
