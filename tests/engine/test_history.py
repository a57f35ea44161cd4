"""What the journal knows of a plan from earlier runs."""

from dataclasses import replace

import pytest

from orchestrator.engine.history import durations, last_good
from orchestrator.journal.memory import MemoryJournal
from orchestrator.model.event import AttemptEnded, AttemptStarted, Event, RunFinished, RunStarted
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.plan import Plan
from orchestrator.model.playbook import Outcome
from orchestrator.model.request import Act, Request
from orchestrator.model.state import RunStatus
from orchestrator.ports import RunRecord
from tests.builders import host_names, make_plan
from tests.journal.examples import CountingClock

pytestmark = pytest.mark.anyio
PLAN = make_plan(3)
ONE, TWO, THREE = host_names(3)


def ended(step: str, took: float, outcome: Outcome = Outcome.OK, *, skipped: bool = False) -> AttemptEnded:
    return AttemptEnded(
        host=ONE, step=StepName(step), attempt=1, outcome=outcome, duration=took, skipped=skipped
    )  # fmt: skip


async def keep(
    journal: MemoryJournal,
    run: str,
    at: float,
    *ok: HostName,
    plan: Plan = PLAN,
    events: tuple[Event, ...] = (),
    status: RunStatus = RunStatus.SUCCEEDED,
) -> None:
    await journal.create(RunRecord(id=RunId(run), plan=plan, created_at=at, by="ana@laptop"))
    finished = RunFinished(status=status, cause="", exit=0, lists={"ok": ok})
    await journal.append(
        RunId(run),
        [RunStarted(by="ana@laptop", playbook=plan.playbook, digest=plan.digest, hosts=3), *events, finished],
    )


async def test_each_host_has_the_newest_run_in_which_it_was_ok() -> None:
    async with MemoryJournal(clock=CountingClock()) as journal:
        await keep(journal, "r1", 1.0, ONE, TWO)
        await keep(journal, "r2", 2.0, TWO)
        await keep(journal, "r3", 3.0)
        assert [(run.id, run.hosts) for run in await last_good(journal, PLAN)] == [("r2", (TWO,)), ("r1", (ONE,))]


async def test_only_finished_runs_of_the_same_files_that_did_something_count() -> None:
    async with MemoryJournal(clock=CountingClock()) as journal:
        await keep(journal, "r1", 1.0, ONE, plan=replace(PLAN, file="other.yml"))
        await keep(journal, "r2", 2.0, ONE, plan=replace(PLAN, playbook="other"))
        await keep(journal, "r3", 3.0, ONE, status=RunStatus.HELD)
        await keep(journal, "r4", 4.0, ONE, plan=replace(PLAN, takes_back="r0"))
        await journal.create(RunRecord(id=RunId("r5"), plan=PLAN, created_at=5.0, by="ana"))
        assert await last_good(journal, PLAN) == ()
        assert await durations(journal, PLAN) == {}


async def test_a_run_that_was_taken_back_on_a_host_is_no_good_run_of_that_host() -> None:
    async with MemoryJournal(clock=CountingClock()) as journal:
        await keep(journal, "r1", 1.0, ONE, TWO, THREE)
        back = replace(PLAN, takes_back="r1", hosts=PLAN.hosts[:1])
        await journal.create(RunRecord(id=RunId("r2"), plan=back, created_at=2.0, by="ana"))
        await journal.ask(Request(run=RunId("r1"), act=Act.ROLL_BACK, by="ana", at=2.0, why="r2"))
        assert [run.hosts for run in await last_good(journal, PLAN)] == [(TWO, THREE)]


async def test_durations_are_those_of_attempts_that_were_ok_and_ran() -> None:
    async with MemoryJournal(clock=CountingClock()) as journal:
        started = AttemptStarted(host=ONE, step=StepName("pull"), attempt=1, nonce="a" * 16)
        await keep(
            journal, "r1", 1.0, ONE,
            events=(
                started, ended("pull", 4.0), ended("migrate", 9.0, Outcome.FAILED), ended("restart", 1.0, skipped=True)
            ),
        )  # fmt: skip
        await keep(journal, "r2", 2.0, ONE, events=(ended("pull", 2.0),))
        assert await durations(journal, PLAN) == {"pull": [2.0, 4.0]}
