"""Whole runs on a fleet in memory: the keys of a rollback, its guards, its fence, and who goes first."""

from itertools import pairwise
from pathlib import Path

import anyio
import pytest

from orchestrator.clock import FakeClock
from orchestrator.core.attempt import Pace
from orchestrator.core.certificate import Fate, certify
from orchestrator.core.rate import after_call, earliest, reserve
from orchestrator.core.run_state import RunState
from orchestrator.core.taking_back import left_to_undo, take_back
from orchestrator.engine.going_back import refuse_if_moved
from orchestrator.engine.live_run import LiveRun, Outside
from orchestrator.engine.locks import take_locks
from orchestrator.engine.metered import Meter
from orchestrator.errors import Held
from orchestrator.journal.memory import MemoryJournal
from orchestrator.model.event import AttemptStarted, GateAnswered, Recorded, StepSkipped, UndoEnded, UndoStarted
from orchestrator.model.host import Host
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.plan import Plan
from orchestrator.model.request import Act, Request
from orchestrator.model.state import RunStatus
from orchestrator.ports import Exited, RunRecord
from orchestrator.providers.memory import MemoryProvider
from orchestrator.report.back_plan import lacks
from tests.fake_fleet import Ran, Script
from tests.small_run import RUN, Ended, FakeController, drive, plan_of

pytestmark = pytest.mark.anyio


def playbook(rollback: str, *, hosts: str = "[1, 2]", rollout: str = "{}") -> str:
    return f"""
vmids: {hosts}
rollout: {rollout}
steps:
  - {{name: remember, run: git rev-parse HEAD, register: before}}
  - {{name: pull, run: git checkout new, rollback: {rollback}}}
  - {{name: check, run: check}}
"""


def failing(*slots: str, host: str = "1", printed: str = "c0ffee") -> Script:
    def script(here: str, slot: str, attempt: int) -> Ran:
        if here == host and slot in slots:
            return Ran(exit_code=1)
        return Ran(stdout=printed if slot == "00-remember" else "")

    return script


def undos(ended: Ended, host: str = "1") -> list[str]:
    return [e.step for e in ended.events if isinstance(e, UndoStarted) and e.host == host]


def details(ended: Ended) -> list[str]:
    return [e.detail for e in ended.events if isinstance(e, UndoEnded) and e.detail]


def fates(plan: Plan, ended: Ended, host: str = "1") -> dict[str, Fate]:
    recorded = [Recorded(run=RUN, seq=n, at=0.0, event=event) for n, event in enumerate(ended.events, start=1)]
    return {str(step): fate for step, fate in certify(RUN, ended.state, recorded).table[HostName(host)].items()}


STEPS = "{steps: [{name: stop, run: stop}, {name: back, run: git checkout HEAD~1}], verify: test -e x}"


async def test_the_commands_of_a_rollback_are_run_in_their_order_and_then_verified(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(STEPS))
    ended = await drive(plan, failing("02-check"))
    assert undos(ended) == ["pull/stop", "pull/back", "pull/verify"]
    assert ended.lists == {"rolled_back": ("1",), "ok": ("2",)}
    assert fates(plan, ended) == {"remember": Fate.NO_ROLLBACK, "pull": Fate.VERIFIED, "check": Fate.NO_ROLLBACK}
    assert fates(plan, ended, "2") == dict.fromkeys(("remember", "pull", "check"), Fate.DONE)


async def test_a_command_of_a_rollback_that_fails_holds_up_those_after_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(STEPS))
    ended = await drive(plan, failing("02-check", "03-pull-stop-undo"))
    assert undos(ended) == ["pull/stop"]
    assert ended.lists == {"rollback_failed": ("1",), "ok": ("2",)}
    assert fates(plan, ended)["pull"] is Fate.FAILED


async def test_an_undo_whose_verify_fails_has_failed(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(STEPS))
    ended = await drive(plan, failing("02-check", "05-pull-verify-undo"))
    assert (ended.lists["rollback_failed"], ended.exit) == (("1",), 5)
    assert fates(plan, ended)["pull"] is Fate.FAILED


@pytest.mark.parametrize(("printed", "owed"), [("c0ffee", True), ("new", False)])
async def test_when_is_decided_from_the_hosts_own_results_at_the_time_of_the_undo(
    tmp_path: Path, printed: str, owed: bool
) -> None:
    rule = "{run: undo, verify: look, when: before.stdout != 'new'}"
    plan = plan_of(tmp_path, playbook(rule))
    ended = await drive(plan, failing("02-check", printed=printed))
    skipped = [(e.step, e.undo) for e in ended.events if isinstance(e, StepSkipped)]
    assert undos(ended) == (["pull", "pull/verify"] if owed else [])
    assert skipped == ([] if owed else [("pull", True)])
    assert fates(plan, ended)["pull"] is (Fate.VERIFIED if owed else Fate.NOT_OWED)
    assert ended.lists == {"rolled_back" if owed else "failed": ("1",), "ok": ("2",)}


async def test_a_when_that_cannot_be_decided_is_a_failed_undo_at_every_attempt_and_runs_nothing(tmp_path: Path) -> None:
    text = playbook("{run: undo, when: before.ok, retries: {attempts: 3, delay: 1s}}").replace(
        "run: git rev-parse HEAD,", "run: git rev-parse HEAD, when: vmid == '2',"
    )
    ended = await drive(plan_of(tmp_path, text), failing("02-check"))
    assert ended.slots_of("1") == ["01-pull", "02-check"], "the undo was run though nobody knew whether it is owed"
    assert len(details(ended)) == 3
    assert ended.lists["rollback_failed"] == ("1",)


@pytest.mark.parametrize("written", ["{{ before.stdout }}", "{% set to = before.stdout %}{{ to }}"])
async def test_an_undo_that_would_go_back_to_nothing_fails_and_is_not_run(tmp_path: Path, written: str) -> None:
    ended = await drive(plan_of(tmp_path, playbook(f'"git checkout {written}"')), failing("02-check", printed="\n"))
    assert ended.slots_of("1") == ["00-remember", "01-pull", "02-check"]
    (detail,) = details(ended)
    assert "nothing to go back to: `before.stdout` is empty on this host" in detail
    assert ended.lists["rollback_failed"] == ("1",)


async def test_an_empty_result_with_a_default_is_somewhere_to_go_back_to(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("\"git checkout {{ before.stdout or 'main' }}\""))
    ended = await drive(plan, failing("02-check", printed=""))
    assert ended.fleet.commands["1", "03-pull-undo", 1] == "git checkout main"


async def test_nothing_is_owed_of_a_step_that_never_ran(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook('"git checkout {{ before.stdout }}"'))
    ended = await drive(plan, failing("00-remember"))
    assert undos(ended) == []
    assert ended.lists["failed"] == ("1",)


async def test_a_host_that_is_to_be_taken_back_gets_its_place_before_one_that_waits_to_begin(tmp_path: Path) -> None:
    """One place; the second of six hosts fails within a wave that is taken back: nobody begins before all is undone."""
    rollout = "{rollback: wave, max_parallel: 1}"
    plan = plan_of(tmp_path, playbook("undo", hosts="[1, 2, 3, 4, 5, 6]", rollout=rollout))
    ended = await drive(plan, failing("02-check", host="2"))
    begun = [e.host for e in ended.events if isinstance(e, AttemptStarted) and e.step == "remember"]
    assert begun == ["1", "2"]
    assert [e.host for e in ended.events if isinstance(e, UndoStarted)] == ["2", "1"]
    assert ended.lists == {"rolled_back": ("1", "2"), "never_started": ("3", "4", "5", "6")}


async def test_within_the_budget_a_failed_host_keeps_its_place_until_it_is_taken_back(tmp_path: Path) -> None:
    rollout = "{max_parallel: 1, max_failures: 6}"
    plan = plan_of(tmp_path, playbook("undo", hosts="[1, 2, 3]", rollout=rollout))
    ended = await drive(plan, failing("02-check", host="1"))
    undone = next(i for i, e in enumerate(ended.events) if isinstance(e, UndoEnded))
    second = next(i for i, e in enumerate(ended.events) if isinstance(e, AttemptStarted) and e.host == "2")
    assert undone < second


async def test_a_run_that_takes_another_back_undoes_what_is_left_with_the_values_of_that_run(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook('"git checkout {{ before.stdout }}"'))
    before = await drive(plan, failing())
    assert before.lists == {"ok": ("1", "2")}
    back = take_back(before.state, RUN, tuple(before.state.hosts)).plan
    assert back
    assert all(command.final for host in back.hosts for command in host.commands)

    after = await drive(back)
    assert after.slots_of("1") == ["03-pull-undo"]
    assert after.fleet.commands["1", "03-pull-undo", 1] == "git checkout c0ffee"
    assert (after.lists, after.exit) == ({"rolled_back": ("1", "2")}, 0)
    assert take_back(before.state, RUN, tuple(before.state.hosts), [after.state]).plan is None


async def test_what_a_failed_way_back_has_undone_is_not_undone_again(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(STEPS))
    before = await drive(plan)
    first = take_back(before.state, RUN, (HostName("1"),)).plan
    assert first
    broken = await drive(first, failing("04-pull-back-undo"))
    assert (broken.lists, broken.exit) == ({"rollback_failed": ("1",)}, 5)
    left = left_to_undo(before.state, [broken.state])[HostName("1")]
    assert left.progress[3].done
    second = take_back(before.state, RUN, (HostName("1"),), [broken.state]).plan
    assert second
    again = await drive(second)
    assert again.slots_of("1") == ["04-pull-back-undo", "05-pull-verify-undo"]


async def test_a_way_back_settles_no_question_of_the_run_that_it_takes_back(tmp_path: Path) -> None:
    text = playbook(STEPS, hosts="[1]", rollout="{rollback: none}").replace(
        "run: check", "run: check, on_failure: pause"
    )

    def still_running(host: str, slot: str, attempt: int) -> Ran:
        return Ran(stdout="c0ffee", ending="stuck" if slot == "02-check" else "exited")

    before = await drive(plan_of(tmp_path, text), still_running, answers=[("1", Act.FAIL)])
    assert before.lists == {"failed": ("1",)}
    back = take_back(before.state, RUN, (HostName("1"),)).plan
    assert back
    after = await drive(back)
    assert not [e for e in after.events if isinstance(e, GateAnswered)]
    assert after.state.waves.total.failures == 0, "nothing has failed here"
    assert (after.lists, after.exit) == ({"rolled_back": ("1",)}, 0)


async def test_what_the_journal_lacks_for_the_way_back_is_named(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook('"git checkout {{ before.stdout }}"'))
    before = await drive(plan, failing(printed=""))
    found = take_back(before.state, RUN, tuple(before.state.hosts))
    assert found.plan is None
    assert [(lack.host, lack.step) for lack in found.lacks] == [("1", "pull"), ("2", "pull")]
    assert "`before.stdout` is empty" in found.lacks[0].why


AROUND = """
vmids: [1]
steps:
  - {name: remember, run: git rev-parse HEAD, register: before}
  - {name: pull, run: pull, rollback: back, handlers: [restart, idle]}
  - {name: touch, run: touch, handlers: [other]}
handlers:
  - {name: restart, run: "restart {{ before.stdout }}", register: restarted}
  - {name: other, run: "other {{ before.stdout }}"}
  - {name: idle, run: idle, when: before.stdout == ''}
after_rollback:
  - {name: start, run: "start {{ restarted.stdout }}", when: restarted.ok}
finally:
  - {name: unlock, run: "unlock {{ before.stdout }}", when: before.ok}
"""


async def test_what_follows_the_undos_is_final_too_but_for_what_the_way_back_itself_finds_out(tmp_path: Path) -> None:
    before = await drive(plan_of(tmp_path, AROUND), failing())
    back = take_back(before.state, RUN, tuple(before.state.hosts)).plan
    assert back
    (host,) = back.hosts
    texts = {str(slot.name): command.text for slot, command in zip(back.slots, host.commands, strict=True)}
    final = {str(slot.name) for slot, command in zip(back.slots, host.commands, strict=True) if command.final}
    whens = {str(slot.name): when for slot, when in zip(back.slots, host.whens, strict=True)}
    assert (texts["restart"], texts["unlock"]) == ("restart c0ffee", "unlock c0ffee")
    assert {"restart", "unlock"} <= final
    assert not final & {"start", "other"}, "one waits for a result of the way back, one is not called there"
    assert (whens["unlock"], whens["idle"], whens["start"]) == (True, False, None)

    after = await drive(back, lambda host, slot, attempt: Ran(stdout="again" if "restart" in slot else ""))
    assert [slot[3:] for slot in after.slots_of("1")] == ["pull-undo", "restart", "start", "unlock"]
    assert after.fleet.commands["1", "07-start", 1] == "start again"


async def test_what_the_journal_lacks_for_what_follows_the_undos_is_named_too(tmp_path: Path) -> None:
    """The step that registers it was passed over there."""
    text = playbook("back").replace("register: before", "register: before, when: vmid == '2'")
    after = (
        "after_rollback:\n  - {name: start, run: 'start {{ before.stdout }}'}\n  - {name: x, run: x, when: before.ok}\n"
    )
    before = await drive(plan_of(tmp_path, text + after))
    found = take_back(before.state, RUN, tuple(before.state.hosts))
    assert found.plan is None
    assert [(lack.host, lack.step) for lack in found.lacks] == [("1", "start"), ("1", "x")]
    assert "`before` holds no result" in found.lacks[0].why
    assert lacks(found)[0].startswith("start (after_rollback) cannot be made on 1 host, first 1: ")


async def test_two_runs_never_take_back_the_same_even_if_both_were_planned_before_either_began(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("undo"))
    before = await drive(plan)
    back = take_back(before.state, RUN, tuple(before.state.hosts)).plan
    assert back
    async with FakeClock() as clock, MemoryJournal(clock=clock) as journal:
        await journal.create(RunRecord(id=RUN, plan=plan, created_at=1.0, by="ana"))
        await journal.append(RUN, before.events)
        runs = RunId("r2"), RunId("r3")
        for run in runs:
            await journal.ask(Request(run=RUN, act=Act.ROLL_BACK, by="ana", at=2.0, why=run))
            await journal.create(RunRecord(id=run, plan=back, created_at=2.0, by="ana"))
        first, second = (LiveRun(run, RunState(back), outside(journal, clock)) for run in runs)
        await take_locks(first, wait=0)
        await refuse_if_moved(first)
        with pytest.raises(Held, match="belongs to run r2"):
            await take_locks(second, wait=0)
        await first.record(*(await drive(back)).events)
        third = LiveRun(RunId("r3b"), RunState(back), outside(journal, clock))
        await journal.create(RunRecord(id=third.id, plan=back, created_at=3.0, by="ana"))
        await take_locks(third, wait=0)
        with pytest.raises(Held, match="another run has taken hosts of run r1 back meanwhile"):
            await refuse_if_moved(third)
        assert await journal.locks() == ()


@pytest.mark.parametrize("with_gates", [False, True])
async def test_a_way_back_that_nobody_was_faster_with_begins_with_gates_or_without(
    tmp_path: Path, with_gates: bool
) -> None:
    plan = plan_of(tmp_path, playbook("undo", rollout="{waves: [1, 1], bake: 1m}"))
    before = await drive(plan)
    back = take_back(before.state, RUN, tuple(before.state.hosts), with_gates=with_gates).plan
    assert back
    assert len(back.waves) == 1 + with_gates
    async with FakeClock() as clock, MemoryJournal(clock=clock) as journal:
        await journal.create(RunRecord(id=RUN, plan=plan, created_at=1.0, by="ana"))
        await journal.append(RUN, before.events)
        await journal.create(RunRecord(id=RunId("r2"), plan=back, created_at=2.0, by="ana"))
        live = LiveRun(RunId("r2"), RunState(back), outside(journal, clock))
        await refuse_if_moved(live)
        assert not live.state.finished


async def test_a_run_with_a_fenced_host_is_held_and_gives_its_locks_back(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("undo"))
    async with FakeClock() as clock, MemoryJournal(clock=clock) as journal:
        for run in ("r1", "r2"):
            await journal.create(RunRecord(id=RunId(run), plan=plan, created_at=1.0, by="ana"))
        broken = await drive(plan, failing("02-check", "03-pull-undo"))
        first = LiveRun(RunId("r1"), RunState(plan), outside(journal, clock))
        for event in broken.events:
            await first.record(event)
        (fence,) = await journal.fences()
        assert (fence.host, fence.run, fence.why) == ("1", "r1", "its rollback failed")
        second = LiveRun(RunId("r2"), RunState(plan), outside(journal, clock))
        with pytest.raises(Held, match=r"1 is fenced since .* in run r1") as held:
            await take_locks(second, wait=0)
        assert held.value.next == ("orc status r1", "orc mark 1 recovered -m WHY")
        assert (await journal.locks(), second.state.status()) == ((), RunStatus.HELD)


def outside(journal: MemoryJournal, clock: FakeClock) -> Outside:
    async def nothing(host: Host, program: str) -> Exited:
        raise AssertionError("nothing is sent here")

    provider = MemoryProvider(nothing, vmids=[])
    return Outside(
        journal=journal,
        provider=provider,
        clock=clock,
        nonce=lambda: "0" * 16,
        chance=lambda: 0.5,
        pace=Pace(),
        controller=FakeController(),
    )


def test_a_reserve_of_the_rate_is_kept_for_undos() -> None:
    assert [reserve(burst) for burst in (1, 2, 5, 10, 50)] == [0, 1, 1, 2, 10]
    theoretical = 0.0
    for _ in range(3):
        theoretical = after_call(theoretical, 100.0, 5)
    assert theoretical == pytest.approx(100.6)
    assert earliest(theoretical, 5, 4) == pytest.approx(100.0)
    assert earliest(theoretical, 5, 4, kept=1) == pytest.approx(100.2)


@pytest.mark.parametrize("burst", [1, 2])
async def test_pressing_calls_go_before_all_others_that_wait_and_the_rate_is_kept(burst: int) -> None:
    async with FakeClock() as clock:
        meter, order = Meter(clock, rate=1, burst=burst), []
        began = clock.now()

        async def call(name: str, *, pressing: bool) -> None:
            await meter.turn(pressing=pressing)
            order.append((name, round(clock.now() - began)))

        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(lambda n=number: call(f"poll {n}", pressing=False))  # type: ignore[misc]
            await clock.sleep_until(began + 1.5)
            for number in range(2):
                tasks.start_soon(lambda n=number: call(f"undo {n}", pressing=True))  # type: ignore[misc]
    names = [name for name, _ in order]
    assert names[:2] == ["poll 0", "poll 1"]
    assert names[2:4] == ["undo 0", "undo 1"]
    assert names[4:] == ["poll 2", "poll 3", "poll 4"]
    times = [at for _, at in order]
    assert all(later - earlier >= 1 for earlier, later in pairwise(times[3:])), order
