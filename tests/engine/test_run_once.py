"""Whole runs on a fleet in memory: a step that runs once, and what the other hosts make of it."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.clock import FakeClock
from orchestrator.core import host as core_host
from orchestrator.core.host_decisions import HostDecision, Skip, Start, Wait
from orchestrator.core.locks import needed
from orchestrator.core.retry import NOT_OK, carry_over, to_retry
from orchestrator.core.run_state import RunState, fold
from orchestrator.core.taking_back import TakeBack, left_to_undo, take_back
from orchestrator.engine.going_back import made_now
from orchestrator.journal.memory import MemoryJournal
from orchestrator.model.event import (
    AttemptEnded,
    AttemptStarted,
    Event,
    HostSettled,
    Recorded,
    RunStarted,
    StepSkipped,
    UndoEnded,
    UndoStarted,
    WaveOpened,
)
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.plan import Plan
from orchestrator.model.playbook import Outcome
from orchestrator.model.request import Act, Request
from orchestrator.model.state import RELIED_ON, RunStatus, Standing
from orchestrator.ports import RunRecord
from tests.fake_fleet import Ran, Script
from tests.small_run import RUN, Ended, drive, plan_of

pytestmark = pytest.mark.anyio

BAD = Ran(exit_code=1)
HEAD = "  - {name: pull, run: p, rollback: q}\n"
REST = "  - {name: switch, run: s, rollback: t}\n  - {name: check, run: c}\n"


def playbook(hosts: int = 3, *, once: str = "run", rollout: str = "{}", migrate: str = "rollback: u") -> str:
    listed = list(range(1, hosts + 1))
    step = f"  - {{name: migrate, run: m, run_once: {once}, register: r, {migrate}}}\n"
    return f"vmids: {listed}\nrollout: {rollout}\nsteps:\n{HEAD}{step}{REST}"


def bad(*which: tuple[str, str]) -> Script:
    """These slots (without their numbers) fail on these hosts."""
    return lambda host, slot, attempt: Ran(exit_code=int((host, slot[3:]) in which), duration=1)


def where(ended: Ended, slot: str) -> list[str]:
    return [host for host, here, _ in ended.fleet.order if here[3:] == slot]


def position(ended: Ended, host: str, slot: str) -> int:
    return next(i for i, (name, here, _) in enumerate(ended.fleet.order) if (name, here[3:]) == (host, slot))


@pytest.mark.parametrize("parallel", [1, 2, 5])
async def test_it_runs_on_the_first_host_and_the_others_go_on_only_after_it(tmp_path: Path, parallel: int) -> None:
    ended = await drive(plan_of(tmp_path, playbook(5, rollout=f"{{max_parallel: {parallel}}}")), bad())
    assert where(ended, "migrate") == ["1"]
    assert ended.lists == {"ok": ("1", "2", "3", "4", "5")}
    migrated = position(ended, "1", "migrate")
    assert all(position(ended, host, "switch") > migrated for host in "12345")
    skipped = {e.host: e.reason for e in ended.events if isinstance(e, StepSkipped)}
    assert skipped == dict.fromkeys("2345", "runs once, on 1")


async def test_the_others_do_meanwhile_what_comes_before_it(tmp_path: Path) -> None:
    def script(host: str, slot: str, attempt: int) -> Ran:
        return Ran(duration=60 if slot[3:] == "migrate" else 1)

    ended = await drive(plan_of(tmp_path, playbook(3)), script)
    assert ended.fleet.most_at_once == 3
    assert [slot[3:] for _, slot, _ in ended.fleet.order[:4]] == ["pull", "pull", "pull", "migrate"]


@pytest.mark.parametrize(("once", "hosts"), [("run", ["1"]), ("wave", ["1", "2", "4"])])
async def test_once_in_a_run_or_in_each_wave(tmp_path: Path, once: str, hosts: list[str]) -> None:
    plan = plan_of(tmp_path, playbook(5, once=once, rollout="{waves: [1, 2]}"))
    ended = await drive(plan)
    assert where(ended, "migrate") == hosts
    assert ended.exit == 0


async def test_its_result_is_there_on_every_host(tmp_path: Path) -> None:
    text = playbook(3).replace("run: s,", "run: 'echo {{ r.stdout }}',")
    ended = await drive(plan_of(tmp_path, text), lambda h, slot, n: Ran(stdout="v7\n" if "migrate" in slot else ""))
    assert {ended.fleet.commands[host, "02-switch", 1] for host in "123"} == {"echo v7"}


async def test_where_it_fails_nobody_goes_past_it_whatever_the_budget(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(3, rollout="{max_failures: 3}"))
    ended = await drive(plan, bad(("1", "migrate")))
    assert where(ended, "switch") == []
    assert ended.lists == {"rolled_back": ("1",), "stopped": ("2", "3")}
    assert "runs once" in ended.state.finished.cause  # type: ignore[union-attr]  # drive() goes to the end


async def test_where_an_earlier_step_fails_there_it_never_runs(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, playbook(3, rollout="{max_failures: 3}")), bad(("1", "pull")))
    assert where(ended, "migrate") == where(ended, "switch") == []


async def test_where_a_person_is_asked_about_it_the_others_wait_and_the_run_holds(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(3, migrate="on_failure: pause"))
    ended = await drive(plan, bad(("1", "migrate")), answers=[("1", Act.SKIP)])
    assert ended.lists == {"ok": ("1", "2", "3")}
    assert where(ended, "migrate") == ["1"]


async def test_as_the_very_first_step_it_holds_up_hosts_that_have_not_begun(tmp_path: Path) -> None:
    text = playbook(3, migrate="on_failure: pause").replace(HEAD, "")
    ended = await drive(plan_of(tmp_path, text), bad(("1", "migrate")), answers=[("1", Act.SKIP)])
    assert ended.lists == {"ok": ("1", "2", "3")}


async def test_it_is_not_taken_back_while_others_rely_on_it(tmp_path: Path) -> None:
    def script(host: str, slot: str, attempt: int) -> Ran:
        return Ran(exit_code=int((host, slot[3:]) == ("1", "check")), duration=5 if host == "1" else 1)

    ended = await drive(plan_of(tmp_path, playbook(3, rollout="{max_failures: 1}")), script)
    assert where(ended, "migrate-undo") == []
    assert where(ended, "pull-undo") == where(ended, "switch-undo") == ["1"]
    kept = [e for e in ended.events if isinstance(e, StepSkipped) and e.undo]
    assert [(e.host, e.step, e.reason) for e in kept] == [("1", "migrate", "it runs once, and other hosts rely on it")]
    assert ended.lists == {"ok": ("2", "3"), "rolled_back": ("1",)}


async def test_it_is_taken_back_where_nobody_has_gone_past_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(3, rollout="{waves: [1, 2], max_failures: 1}"))
    ended = await drive(plan, bad(("1", "check")))
    assert where(ended, "migrate-undo") == ["1"]
    assert where(ended, "switch") == ["1"], "went on from what was taken back"
    assert ended.lists == {"rolled_back": ("1",), "never_started": ("2", "3")}


@pytest.mark.parametrize("parallel", [1, 4])
async def test_a_run_that_is_taken_back_whole_takes_it_back_last(tmp_path: Path, parallel: int) -> None:
    rollout = f"{{waves: [1, 2, 1], rollback: run, max_parallel: {parallel}}}"
    ended = await drive(plan_of(tmp_path, playbook(4, rollout=rollout)), bad(("4", "check")))
    assert where(ended, "migrate-undo") == ["1"]
    assert position(ended, "1", "migrate-undo") > max(position(ended, host, "pull-undo") for host in "234")
    assert ended.lists == {"rolled_back": ("1", "2", "3", "4")}


async def test_it_stays_where_only_its_wave_is_taken_back_and_others_have_gone_past_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(4, rollout="{waves: [2, 2], rollback: wave}"))
    ended = await drive(plan, bad(("3", "check")))
    assert where(ended, "migrate-undo") == []
    assert ended.lists["ok"] == ("1", "2")


async def test_it_stays_where_the_undo_of_a_host_that_relies_on_it_fails(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(2, rollout="{rollback: run, max_parallel: 1}"))
    ended = await drive(plan, bad(("2", "check"), ("2", "switch-undo")))
    assert where(ended, "migrate-undo") == []
    assert ended.lists == {"rolled_back": ("1",), "rollback_failed": ("2",)}


async def test_retry_does_not_repeat_it_where_it_was_done(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(3))
    first = await drive(plan, bad(("2", "switch")))
    assert first.lists["rolled_back"] == ("2",)
    second = await drive(carry_over(plan, RunId("r1"), first.state, first.state.hosts))
    assert where(second, "migrate") == []
    assert second.exit == 0
    assert second.state.hosts[HostName("2")].registered["r"].ok


async def test_retry_repeats_it_where_it_was_taken_back(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(3, rollout="{waves: [1, 2]}"))
    first = await drive(plan, bad(("1", "check")))
    second = await drive(carry_over(plan, RunId("r1"), first.state, first.state.hosts))
    assert where(second, "migrate") == ["1"]
    assert second.exit == 0


async def test_retry_of_waves_runs_it_on_the_first_host_for_which_it_was_not_done(tmp_path: Path) -> None:
    text = playbook(4, once="wave", rollout="{waves: [2, 2], max_failures: 4}")
    plan = plan_of(tmp_path, text)
    first = await drive(plan, bad(("2", "check"), ("3", "migrate")))
    assert where(first, "migrate") == ["1", "3"]
    one_wave = plan_of(tmp_path, text.replace("[2, 2]", "[4]"))
    again = carry_over(one_wave, RunId("r1"), first.state, first.state.hosts)
    assert [each.hosts for each in again.once] == [("3",)]
    assert where(await drive(again), "migrate") == ["3"]


async def test_a_host_for_which_an_earlier_run_did_it_keeps_what_it_gave_there(tmp_path: Path) -> None:
    text = playbook(4, once="wave", rollout="{waves: [2, 2], max_failures: 4}")
    plan, fails = plan_of(tmp_path, text), bad(("2", "check"), ("3", "migrate"))
    first = await drive(plan, lambda *attempt: replace(fails(*attempt), stdout="old"))
    backwards = plan_of(tmp_path, text.replace("waves: [2, 2]", "order: reverse, max_parallel: 1"))
    again = carry_over(backwards, RunId("r1"), first.state, first.state.hosts)
    second = await drive(again, lambda *_: Ran(stdout="new"))
    assert where(second, "migrate") == ["4"]
    results = {name: mine.registered["r"].stdout for name, mine in second.state.hosts.items()}
    assert results == {"1": "old", "2": "old", "3": "new", "4": "new"}


def told(plan: Plan, events: Iterable[Event]) -> RunState:
    recorded = (Recorded(run=RunId("r"), seq=i, at=float(i), event=event) for i, event in enumerate(events, start=1))
    return fold(plan, recorded)


def decided(plan: Plan, state: RunState, host: str) -> HostDecision:
    mine = next(each for each in plan.hosts if each.host.name == host)
    return core_host.decide(state.layout, mine, state.hosts[mine.host.name], state.signals(mine.wave), 99.0)


def did(host: str, step: str, outcome: Outcome = Outcome.OK) -> list[Event]:
    name, on = StepName(step), HostName(host)
    return [
        AttemptStarted(host=on, step=name, attempt=1, nonce="n"),
        AttemptEnded(host=on, step=name, attempt=1, outcome=outcome, duration=1),
    ]


def test_an_undo_waits_for_hosts_that_went_past_it_and_are_under_way(tmp_path: Path) -> None:
    """One of them may have begun its next step at the very moment at which the first host failed."""
    plan = plan_of(tmp_path, playbook(2, rollout="{max_failures: 1}"))
    migrate, one, two = StepName("migrate"), HostName("1"), HostName("2")
    events: list[Event] = [RunStarted(playbook="p", digest="", hosts=2, by="test"), WaveOpened(wave=0, hosts=2)]
    events += [*did("1", "pull"), *did("2", "pull"), *did("1", "migrate")]
    assert isinstance(decided(plan, told(plan, events), "2"), Skip)
    events += [StepSkipped(host=two, step=migrate, reason="runs once, on 1")]
    events += did("1", "switch", Outcome.FAILED)
    events += [UndoStarted(host=one, step=StepName("switch"), attempt=1, nonce="n")]
    state = told(plan, events)
    assert not state.signals(0).forward
    events += [UndoEnded(host=one, step=StepName("switch"), attempt=1, outcome=Outcome.OK, duration=1)]
    assert isinstance(decided(plan, told(plan, events), "1"), Wait)
    late = [*events, *did("2", "switch"), HostSettled(host=two, standing=Standing.STOPPED)]
    assert decided(plan, told(plan, late), "1") == Skip(slot=5, reason="it runs once, and other hosts rely on it")
    stopped = [*events, HostSettled(host=two, standing=Standing.STOPPED)]
    assert decided(plan, told(plan, stopped), "1") == Start(slot=5, attempt=1)
    assert told(plan, stopped).status() is RunStatus.RUNNING


def taken_back(first: Ended, *hosts: str, backs: Iterable[RunState] = ()) -> TakeBack:
    return take_back(first.state, RUN, tuple(map(HostName, hosts)), backs)


async def test_a_finished_run_is_taken_back_with_what_ran_once_last_in_a_wave_of_its_own(tmp_path: Path) -> None:
    first = await drive(plan_of(tmp_path, playbook(4, rollout="{waves: [1, 3]}")))
    found = taken_back(first, "1", "2", "3", "4")
    assert found.plan
    assert [wave.hosts for wave in found.plan.waves] == [("2", "3", "4"), ("1",)]
    back = await drive(found.plan)
    assert where(back, "migrate-undo") == ["1"]
    assert position(back, "1", "migrate-undo") > max(position(back, host, "pull-undo") for host in "234")
    assert position(back, "1", "switch-undo") > max(position(back, host, "pull-undo") for host in "234")
    assert back.lists == {"rolled_back": ("1", "2", "3", "4")}


async def test_where_a_host_that_relies_on_it_cannot_be_taken_back_it_stays_done(tmp_path: Path) -> None:
    first = await drive(plan_of(tmp_path, playbook(3)))
    found = taken_back(first, "1", "2", "3")
    assert found.plan
    back = await drive(found.plan, bad(("3", "switch-undo")))
    assert where(back, "migrate-undo") == []
    assert back.lists == {"never_started": ("1",), "rolled_back": ("2",), "rollback_failed": ("3",)}


async def test_what_hosts_rely_on_that_stay_is_kept_and_taken_back_once_they_are_back_too(tmp_path: Path) -> None:
    first = await drive(plan_of(tmp_path, playbook(3)))
    found = taken_back(first, "1", "2")
    assert found.plan
    assert dict(found.kept) == {("1", 1): ("3",)}
    back = await drive(found.plan)
    assert where(back, "migrate-undo") == []
    assert sorted(where(back, "pull-undo")) == sorted(where(back, "switch-undo")) == ["1", "2"]
    assert [e.reason for e in back.events if isinstance(e, StepSkipped)] == [RELIED_ON]
    assert back.lists == {"rolled_back": ("1", "2")}

    alone = taken_back(first, "1", backs=[back.state])
    assert (alone.plan, dict(alone.kept)) == (None, {("1", 1): ("3",)})
    rest = taken_back(first, "1", "2", "3", backs=[back.state])
    assert rest.plan
    assert [wave.hosts for wave in rest.plan.waves] == [("3",), ("1",)]
    last = await drive(rest.plan)
    assert where(last, "migrate-undo") == ["1"]
    assert taken_back(first, "1", "2", "3", backs=[back.state, last.state]).plan is None


def again(plan: Plan, first: Ended, *backs: Ended, run: str = "r1") -> Plan:
    """The plan of a retry of this run, which other runs have taken parts of back since."""
    left = left_to_undo(first.state, [each.state for each in backs])
    return carry_over(plan, RunId(run), first.state, left)


async def test_retry_after_a_later_rollback_begins_anew_on_the_hosts_that_were_taken_back(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(3, rollout="{rollback: none}"))
    first = await drive(plan, bad(("3", "check")))
    assert first.lists == {"ok": ("1", "2"), "failed": ("3",)}
    found = taken_back(first, "2")
    assert found.plan
    back = await drive(found.plan)
    assert to_retry(first.state, NOT_OK, [back.state]) == ("2", "3")
    second = await drive(again(plan, first, back))
    assert [slot[3:] for slot in second.slots_of("2")] == ["pull", "switch", "check"]
    assert [slot[3:] for slot in second.slots_of("3")] == ["check"]
    assert second.slots_of("1") == []
    assert where(second, "migrate") == [], "others had not been taken back, so it was still done"


async def test_retry_begins_anew_where_an_undo_of_a_later_rollback_was_begun_whatever_came_of_it(
    tmp_path: Path,
) -> None:
    plan = plan_of(tmp_path, playbook(1, rollout="{rollback: none}"))
    first = await drive(plan, bad(("1", "check")))
    broken: list[Ended] = []
    still_done = []
    for slot in ("switch-undo", "migrate-undo", "pull-undo", "pull-undo"):  # the last of them undoes nothing
        found = taken_back(first, "1", backs=[each.state for each in broken])
        assert found.plan
        broken.append(await drive(found.plan, bad(("1", slot))))
        assert broken[-1].lists == {"rollback_failed": ("1",)}
        still_done.append([plan.slots[index].name for index in again(plan, first, *broken).hosts[0].done])
    assert still_done == [["migrate"], [], [], []], "what runs once is done for all until its own undo is begun"
    assert [where(each, "switch-undo") for each in broken] == [["1"], ["1"], [], []]


async def test_retry_after_all_was_taken_back_runs_it_once_more(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(2))
    first = await drive(plan)
    found = taken_back(first, "1", "2")
    assert found.plan
    second = await drive(again(plan, first, await drive(found.plan)))
    assert where(second, "migrate") == ["1"]
    assert [slot[3:] for slot in second.slots_of("2")] == ["pull", "switch", "check"]


async def test_a_retry_of_a_retry_keeps_what_either_has_done(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(3, rollout="{rollback: none}"))
    first = await drive(plan, bad(("2", "switch")))
    assert first.lists["failed"] == ("2",)
    second_plan = again(plan, first)
    second = await drive(second_plan, bad(("2", "check")))
    assert [slot[3:] for slot in second.slots_of("2")] == ["switch", "check"]
    third = await drive(again(plan, second, run="r2"))
    assert [slot[3:] for slot in third.slots_of("2")] == ["check"]
    assert where(third, "migrate") == where(third, "pull") == []
    assert third.exit == 0
    assert third.state.hosts[HostName("2")].registered["r"].ok


async def retried(plan: Plan, *, taken: tuple[str, ...]) -> Ended:
    """The retry of a retry, of which nothing was taken back, but these hosts of the run before it."""
    bad_switch = bad(*((host, "switch") for host in "123"))
    first = await drive(plan, bad_switch)
    second_plan = again(plan, first)
    second = await drive(second_plan, bad_switch)
    found = taken_back(first, *taken)
    assert found.plan
    back = await drive(found.plan)
    async with FakeClock() as clock, MemoryJournal(clock=clock) as journal:
        for run, of, events in ((RUN, plan, first.events), (RunId("b1"), found.plan, back.events)):
            await journal.create(RunRecord(id=run, plan=of, created_at=0, by="ana"))
            await journal.append(run, events)
        await journal.ask(Request(run=RUN, act=Act.ROLL_BACK, by="ana", at=0, why="b1"))
        now = await made_now(journal, second_plan)
    left = left_to_undo(second.state, ())
    return await drive(carry_over(plan, RunId("r2"), second.state, left, made_now=now))


async def test_a_retry_of_a_retry_repeats_what_was_taken_back_of_the_first_run_meanwhile(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(3, rollout="{rollback: none, max_failures: 3}"))
    third = await retried(plan, taken=("1", "2"))
    assert sorted(where(third, "pull")) == ["1", "2"], "the third host was not taken back"
    assert [slot[3:] for slot in third.slots_of("3")] == ["switch", "check"]
    assert where(third, "migrate") == [], "it is still done: the third host relies on it"
    every = await retried(plan, taken=("1", "2", "3"))
    assert where(every, "migrate") == ["1"]
    assert sorted(where(every, "pull")) == ["1", "2", "3"]


async def test_a_host_whose_rollback_failed_is_tried_again_once_no_fence_is_around_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(3, rollout="{max_failures: 1}"))
    first = await drive(plan, bad(("3", "check"), ("3", "switch-undo")))
    assert first.lists["rollback_failed"] == ("3",)
    fence = next(key for key, host in needed(plan).items() if host == "3")
    assert to_retry(first.state, NOT_OK, fenced={fence}) == ()
    assert to_retry(first.state, NOT_OK) == ("3",)
    second = await drive(again(plan, first))
    assert [slot[3:] for slot in second.slots_of("3")] == ["pull", "switch", "check"]
    assert where(second, "migrate") == []
