"""Whole runs on a fleet in memory: what follows when a step has failed for good, and hosts that wait for a person."""

from pathlib import Path

import pytest

from orchestrator.clock import FakeClock
from orchestrator.engine.requests import take_answers
from orchestrator.journal.memory import MemoryJournal
from orchestrator.model.event import Answer, AttemptStarted, GateAnswered, GateAsked, WaveOpened
from orchestrator.model.ids import HostName
from orchestrator.model.request import Act, Request
from orchestrator.model.state import RunStatus
from tests.fake_fleet import Ran, Script
from tests.small_run import RUN, Ended, drive, plan_of, taken_up

pytestmark = pytest.mark.anyio


def playbook(keys: str, *, hosts: str = "[1, 2]", rollout: str = "{}") -> str:
    return f"""
vmids: {hosts}
rollout: {rollout}
steps:
  - {{name: one, run: one, rollback: undo one}}
  - {{name: two, run: two, rollback: undo two, {keys}}}
  - {{name: three, run: three, rollback: undo three}}
"""


def failing(host: str = "1", *, times: int = 1000, slot: str = "01-two", ending: str = "exited") -> Script:
    def script(here: str, what: str, attempt: int) -> Ran:
        fails = here == host and what == slot and attempt <= times
        return Ran(exit_code=1, ending=ending) if fails else Ran()

    return script


def asked(ended: Ended) -> list[tuple[str, str]]:
    return [(str(e.host), str(e.step)) for e in ended.events if isinstance(e, GateAsked)]


def answered(ended: Ended) -> list[tuple[str, Answer, str]]:
    return [(str(e.host), e.answer, e.by) for e in ended.events if isinstance(e, GateAnswered)]


async def test_the_others_go_on_while_a_host_waits_for_a_person(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, playbook("on_failure: pause")), failing(times=1), answers=[("1", Act.RETRY)])
    assert ended.lists == {"ok": ("1", "2")}
    assert asked(ended) == [("1", "two")]
    assert answered(ended) == [("1", Answer.RETRY, "ana")]
    question = next(i for i, e in enumerate(ended.events) if isinstance(e, GateAnswered))
    others = [e for e in ended.events[:question] if isinstance(e, AttemptStarted) and e.host == "2"]
    assert [e.step for e in others] == ["one", "two", "three"]


async def test_a_retry_runs_the_step_once_more_and_asks_again_where_that_fails(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("on_failure: pause"))
    ended = await drive(plan, failing(times=2), answers=[("1", Act.RETRY), ("1", Act.RETRY)])
    assert ended.slots_of("1") == ["00-one", "01-two", "01-two", "01-two", "02-three"]
    assert len(asked(ended)) == 2
    assert ended.exit == 0


async def test_a_skip_goes_on_with_the_next_step_and_its_undo_is_still_owed(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("on_failure: pause"))
    ended = await drive(plan, failing(), answers=[("1", Act.SKIP)])
    assert ended.slots_of("1") == ["00-one", "01-two", "02-three"]
    assert ended.lists == {"ok": ("1", "2")}

    def then_three_fails(host: str, slot: str, attempt: int) -> Ran:
        return Ran(exit_code=int(host == "1" and slot in ("01-two", "02-three")))

    ended = await drive(plan, then_three_fails, answers=[("1", Act.SKIP)])
    assert ended.slots_of("1")[3:] == ["05-three-undo", "04-two-undo", "03-one-undo"]


async def test_a_fail_is_a_failure_like_any_other(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("on_failure: pause"))
    ended = await drive(plan, failing(), answers=[("1", Act.FAIL)])
    assert ended.lists == {"ok": ("2",), "rolled_back": ("1",)}
    assert ended.exit == 4


async def test_no_later_wave_opens_while_a_host_waits_for_a_person(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("on_failure: pause", rollout="{waves: [1, 100%]}"))
    ended = await drive(plan, failing(times=1), answers=[("1", Act.RETRY)])
    opened = [i for i, e in enumerate(ended.events) if isinstance(e, WaveOpened)]
    answer = next(i for i, e in enumerate(ended.events) if isinstance(e, GateAnswered))
    assert opened[0] < answer < opened[1]


async def test_a_host_that_waits_for_a_person_keeps_its_place(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("on_failure: pause", hosts="[1, 2, 3]", rollout="{max_parallel: 1}"))
    ended = await drive(plan, failing(times=1), answers=[("1", Act.RETRY)])
    answer = next(i for i, e in enumerate(ended.events) if isinstance(e, GateAnswered))
    assert {e.host for e in ended.events[:answer] if isinstance(e, AttemptStarted)} == {"1"}
    assert ended.exit == 0


async def test_an_answer_that_was_given_before_the_question_does_not_count(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("on_failure: pause"))
    waiting = await drive(plan, failing())
    async with FakeClock() as clock, MemoryJournal(clock=clock) as journal:
        live = await taken_up(plan, waiting.events, journal, clock)
        for before, act in ((0.001, Act.FAIL), (0, Act.SKIP)):
            at = live.state.hosts[HostName("1")].asked_at - before
            await journal.ask(Request(run=RUN, act=act, by="ana", at=at, host=HostName("1")))
        await take_answers(live, until=2)
        events = [each.event for each in await journal.events(RUN)]
        assert [e.answer for e in events if isinstance(e, GateAnswered)] == [Answer.SKIP]


async def test_a_question_lapses_where_the_run_goes_no_further(tmp_path: Path) -> None:
    def script(host: str, slot: str, attempt: int) -> Ran:
        late = Ran(exit_code=1, duration=60)
        return (
            Ran(exit_code=1)
            if host == "1" and slot == "01-two"
            else late
            if host == "2" and slot == "02-three"
            else Ran()
        )

    ended = await drive(plan_of(tmp_path, playbook("on_failure: pause")), script)
    assert answered(ended) == [("1", Answer.FAILED, "orc")]
    assert ended.lists == {"rolled_back": ("1", "2")}


async def test_an_interrupted_step_whose_rule_is_ask_waits_for_a_person_though_attempts_are_left(
    tmp_path: Path,
) -> None:
    plan = plan_of(tmp_path, playbook("interrupted: ask, retries: {attempts: 5}"))
    ended = await drive(plan, failing(times=1, ending="lost"), answers=[("1", Act.RETRY)])
    assert asked(ended) == [("1", "two")]
    assert ended.slots_of("1") == ["00-one", "01-two", "01-two", "02-three"]
    assert ended.exit == 0


async def test_a_step_that_may_be_left_failed_is_shown_and_its_host_goes_on(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, playbook("on_failure: continue")), failing())
    assert ended.slots_of("1") == ["00-one", "01-two", "02-three"]
    assert ended.lists == {"ok": ("1", "2")}
    assert ended.state.hosts[HostName("1")].progress[1].excused


async def test_nobody_goes_on_from_a_step_that_may_still_be_running(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, playbook("on_failure: continue")), failing(ending="stuck"))
    assert ended.slots_of("1")[:2] == ["00-one", "01-two"]
    assert "02-three" not in ended.slots_of("1")


async def test_a_host_that_is_to_be_left_stays_as_it_is_also_where_its_wave_is_taken_back(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("on_failure: leave", rollout="{rollback: wave}"))
    ended = await drive(plan, failing())
    assert ended.slots_of("1") == ["00-one", "01-two"]
    assert ended.lists == {"failed": ("1",), "rolled_back": ("2",)}
    assert ended.exit == 3


async def test_a_step_that_aborts_ends_the_run_and_undoes_nothing(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("on_failure: abort", hosts="[1, 2, 3]", rollout="{max_parallel: 1}"))
    ended = await drive(plan, failing())
    assert ended.slots_of("1") == ["00-one", "01-two"]
    assert ended.lists == {"failed": ("1",), "never_started": ("2", "3")}
    assert ended.state.status() is RunStatus.ABORTED
    assert ended.exit == 3
