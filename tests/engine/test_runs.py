"""Whole runs on a fleet in memory: each test is a rule that a user relies on."""

from pathlib import Path

import pytest

from orchestrator.model.event import AttemptEnded, AttemptStarted, HostSettled, RetryPlanned, UndoStarted, WaveOpened
from orchestrator.model.host import Host
from orchestrator.model.playbook import Outcome
from orchestrator.ports import NotStarted, PidGone, PollReply, ProbeReply, Refusal, StartReply, StartUnknown
from tests.fake_fleet import Ran, Script
from tests.small_run import drive, plan_of

pytestmark = pytest.mark.anyio

STEPS = """
steps:
  - {name: one, run: one, rollback: undo one}
  - {name: two, run: two, rollback: undo two}
  - {name: three, run: three}
"""


def playbook(vmids: int = 3, rollout: str = "", rest: str = STEPS) -> str:
    listed = ", ".join(str(i + 1) for i in range(vmids))
    return f"name: t\nvmids: [{listed}]\nrollout: {{{rollout}}}\n{rest}"


def fails(host: str, slot: str) -> Script:
    def script(at: str, here: str, attempt: int) -> Ran:
        return Ran(exit_code=1, stderr="no") if (at, here) == (host, slot) else Ran(duration=0.1)

    return script


async def test_every_step_runs_once_on_every_host_in_order(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, playbook(5, "max_parallel: 2")))
    assert (ended.exit, ended.lists) == (0, {"ok": ("1", "2", "3", "4", "5")})
    assert set(ended.fleet.ran.values()) == {1}
    for host in "12345":
        assert ended.slots_of(host) == ["00-one", "01-two", "02-three"]
    assert set(ended.provider.max_in_flight.values()) == {1}


async def test_no_more_hosts_are_under_way_than_max_parallel(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, playbook(9, "max_parallel: 2")), lambda *_: Ran(duration=1))
    assert ended.fleet.most_at_once == 2


async def test_a_failed_host_takes_itself_back_newest_first(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(3, "max_failures: 1"))
    ended = await drive(plan, fails("2", "02-three"))
    assert (ended.exit, ended.lists) == (4, {"ok": ("1", "3"), "rolled_back": ("2",)})
    assert ended.slots_of("2") == ["00-one", "01-two", "02-three", "04-two-undo", "03-one-undo"]


async def test_a_failed_step_is_taken_back_too_since_it_may_have_had_half_an_effect(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, playbook(1)), fails("1", "01-two"))
    assert ended.slots_of("1") == ["00-one", "01-two", "04-two-undo", "03-one-undo"]


async def test_a_failed_canary_stops_all_later_waves(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, playbook(5, "waves: [1, 100%]")), fails("1", "00-one"))
    assert ended.lists == {"rolled_back": ("1",), "never_started": ("2", "3", "4", "5")}
    assert sum(isinstance(e, WaveOpened) for e in ended.events) == 1


async def test_scope_none_leaves_everything_as_the_failure_left_it(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, playbook(1, "rollback: none")), fails("1", "02-three"))
    assert (ended.exit, ended.lists) == (3, {"failed": ("1",)})
    assert not any(isinstance(e, UndoStarted) for e in ended.events)


async def test_scope_wave_takes_back_the_hosts_of_the_wave_that_went_wrong_and_no_other(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(5, "waves: [2, 3], rollback: wave"))
    ended = await drive(plan, fails("5", "02-three"))
    assert ended.lists == {"ok": ("1", "2"), "rolled_back": ("3", "4", "5")}
    assert not any(slot.endswith("undo") for slot in ended.slots_of("1"))


async def test_scope_run_takes_back_every_touched_host(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(6, "waves: [2, 2, 2], rollback: run"))
    ended = await drive(plan, fails("4", "02-three"))
    assert ended.lists == {"rolled_back": ("1", "2", "3", "4"), "never_started": ("5", "6")}
    assert ended.slots_of("1")[-2:] == ["04-two-undo", "03-one-undo"]


async def test_within_the_budget_the_others_go_on(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, playbook(4, "waves: [2, 2], max_failures: 1")), fails("1", "00-one"))
    assert ended.lists == {"ok": ("2", "3", "4"), "rolled_back": ("1",)}


async def test_over_the_budget_what_is_under_way_ends_and_nothing_new_starts(tmp_path: Path) -> None:
    def script(host: str, slot: str, attempt: int) -> Ran:
        return Ran(exit_code=1) if (host, slot) == ("1", "00-one") else Ran(duration=60)

    ended = await drive(plan_of(tmp_path, playbook(3, "rollback: host")), script)
    assert ended.lists == {"rolled_back": ("1",), "stopped": ("2", "3")}
    assert ended.slots_of("2") == ["00-one"]


async def test_an_undo_that_fails_ends_the_undoing_and_a_person_must_look(tmp_path: Path) -> None:
    def script(host: str, slot: str, attempt: int) -> Ran:
        return Ran(exit_code=int(slot in ("02-three", "04-two-undo")))

    ended = await drive(plan_of(tmp_path, playbook(1)), script)
    assert (ended.exit, ended.lists) == (5, {"rollback_failed": ("1",)})
    assert ended.slots_of("1")[-1] == "04-two-undo"


async def test_after_rollback_runs_once_the_undos_are_done_and_finally_whatever_happened(tmp_path: Path) -> None:
    rest = STEPS + "after_rollback: [{name: again, run: again}]\nfinally: [{name: unlock, run: unlock}]\n"
    ended = await drive(plan_of(tmp_path, playbook(2, "max_failures: 1", rest)), fails("2", "02-three"))
    assert ended.slots_of("1") == ["00-one", "01-two", "02-three", "06-unlock"]
    assert ended.slots_of("2")[-4:] == ["04-two-undo", "03-one-undo", "05-again", "06-unlock"]


async def test_a_host_that_was_never_touched_runs_no_finally(tmp_path: Path) -> None:
    rest = STEPS + "finally: [{name: unlock, run: unlock}]\n"
    ended = await drive(plan_of(tmp_path, playbook(2, "waves: [1, 1]", rest)), fails("1", "00-one"))
    assert ended.lists["never_started"] == ("2",)
    assert ended.slots_of("2") == []


async def test_a_failing_finally_fails_the_host_and_undoes_nothing(tmp_path: Path) -> None:
    rest = STEPS + "finally: [{name: unlock, run: unlock}, {name: tidy, run: tidy}]\n"
    ended = await drive(plan_of(tmp_path, playbook(1, "", rest)), fails("1", "05-unlock"))
    assert (ended.exit, ended.lists) == (3, {"failed": ("1",)})
    assert ended.slots_of("1")[-2:] == ["05-unlock", "06-tidy"]


async def test_a_step_is_tried_again_as_its_rule_says_and_not_before(tmp_path: Path) -> None:
    rest = "steps: [{name: s, run: s, retries: {attempts: 3, delay: 5s, backoff: 2}}]"

    def script(host: str, slot: str, attempt: int) -> Ran:
        return Ran(exit_code=int(attempt < 3))

    ended = await drive(plan_of(tmp_path, playbook(1, "", rest)), script)
    assert ended.exit == 0
    planned = [e for e in ended.events if isinstance(e, RetryPlanned)]
    assert [e.attempt for e in planned] == [2, 3]
    progress = ended.state.hosts[planned[0].host].progress[0]
    assert progress.started_at >= planned[1].not_before
    assert planned[1].not_before - planned[0].not_before >= 10


async def test_until_holds_a_step_until_its_result_is_as_wanted(tmp_path: Path) -> None:
    rest = "steps: [{name: s, run: s, until: result.stdout == 'ok', retries: {attempts: 4, delay: 1s}}]"

    def script(host: str, slot: str, attempt: int) -> Ran:
        return Ran(stdout="ok\n" if attempt == 3 else "not yet\n")

    ended = await drive(plan_of(tmp_path, playbook(1, "", rest)), script)
    assert (ended.exit, len(ended.fleet.order)) == (0, 3)
    first = next(e for e in ended.events if isinstance(e, AttemptEnded))
    assert (first.outcome, first.detail) == (Outcome.FAILED, "until is not yet true: result.stdout == 'ok'")


async def test_a_registered_value_reaches_later_steps_and_the_undo_of_that_host(tmp_path: Path) -> None:
    rest = """
steps:
  - {name: remember, run: git rev-parse HEAD, register: before}
  - {name: pull, run: git checkout new, rollback: "git checkout {{ before.stdout }}"}
  - {name: check, run: "check {{ before.stdout }}"}
"""

    def script(host: str, slot: str, attempt: int) -> Ran:
        if slot == "00-remember":
            return Ran(stdout=f"v1 of {host}; rm -rf {{{{ x }}}}\n")
        return Ran(exit_code=int(slot == "02-check"))

    ended = await drive(plan_of(tmp_path, playbook(2, "max_failures: 2", rest)), script)
    assert ended.lists == {"rolled_back": ("1", "2")}
    for host in "12":
        undo = ended.fleet.commands[host, "03-pull-undo", 1]
        assert undo == f"git checkout 'v1 of {host}; rm -rf {{{{ x }}}}'"


async def test_a_step_whose_when_is_false_is_skipped_and_not_taken_back(tmp_path: Path) -> None:
    rest = """
steps:
  - {name: look, run: look, register: seen}
  - {name: maybe, run: maybe, when: seen.stdout == 'go', rollback: undo}
  - {name: last, run: last}
"""

    def script(host: str, slot: str, attempt: int) -> Ran:
        if slot == "00-look":
            return Ran(stdout="go" if host == "1" else "stay")
        return Ran(exit_code=int(slot == "02-last"))

    ended = await drive(plan_of(tmp_path, playbook(2, "max_failures: 2", rest)), script)
    assert ended.slots_of("1") == ["00-look", "01-maybe", "02-last", "03-maybe-undo"]
    assert ended.slots_of("2") == ["00-look", "02-last"]
    assert ended.lists == {"rolled_back": ("1",), "failed": ("2",)}


async def test_a_host_that_cannot_be_reached_is_unreachable_and_nothing_is_undone(tmp_path: Path) -> None:
    def fault(kind: str, host: Host) -> StartReply | PollReply | ProbeReply | None:
        if kind == "start" and host.vmid == "2":
            return NotStarted(refusal=Refusal.HOST_DOWN, message="the VM is off")
        return None

    plan = plan_of(tmp_path, playbook(3, "max_unreachable: 1"))
    ended = await drive(plan, fault=fault)
    assert (ended.exit, ended.lists) == (6, {"ok": ("1", "3"), "unreachable": ("2",)})


async def test_a_lost_answer_to_a_start_is_attached_to_and_never_run_twice(tmp_path: Path) -> None:
    lost: set[str] = set()

    def loss(kind: str, host: Host) -> StartReply | PollReply | ProbeReply | None:
        if kind == "start" and host.name not in lost:
            lost.add(host.name)
            return StartUnknown(message="the answer was lost")
        return None

    ended = await drive(plan_of(tmp_path, playbook(3)), lambda *_: Ran(duration=5), loss=loss)
    assert ended.exit == 0
    assert set(ended.fleet.ran.values()) == {1}
    attached = [e for e in ended.events if isinstance(e, AttemptEnded) and e.attached]
    assert [e.step for e in attached] == ["one"] * 3


async def test_a_result_that_was_consumed_is_recovered_by_attaching(tmp_path: Path) -> None:
    lost: set[str] = set()

    def loss(kind: str, host: Host) -> StartReply | PollReply | ProbeReply | None:
        if kind == "poll" and host.name not in lost:
            lost.add(host.name)
            return PidGone(message="collected before")
        return None

    ended = await drive(plan_of(tmp_path, playbook(2)), loss=loss)
    assert ended.exit == 0
    assert set(ended.fleet.ran.values()) == {1}


async def test_a_vps_that_never_answers_ends_at_its_steps_limit_and_the_others_go_on(tmp_path: Path) -> None:
    rest = "defaults: {timeout: 30s}\n" + STEPS

    def fault(kind: str, host: Host) -> StartReply | PollReply | ProbeReply | None:
        return StartUnknown(message="no answer") if host.vmid == "1" and kind == "start" else None

    ended = await drive(plan_of(tmp_path, playbook(4, "max_failures: 1", rest)), fault=fault)
    assert ended.lists == {"ok": ("2", "3", "4"), "unknown": ("1",)}
    ends = {e.host: e for e in ended.events if isinstance(e, AttemptEnded) and e.outcome is not Outcome.OK}
    assert 30 <= ends["1"].duration <= 60  # type: ignore[index]  # HostName is a str
    assert ends["1"].may_be_running  # type: ignore[index]  # HostName is a str


async def test_a_step_of_unknown_outcome_is_not_tried_again_beside_itself(tmp_path: Path) -> None:
    rest = "steps: [{name: s, run: s, timeout: 10s, retries: {attempts: 3, delay: 1s}}]"

    def fault(kind: str, host: Host) -> StartReply | PollReply | ProbeReply | None:
        return StartUnknown(message="no answer") if kind == "start" else None

    ended = await drive(plan_of(tmp_path, playbook(1, "", rest)), fault=fault)
    assert sum(isinstance(e, AttemptStarted) for e in ended.events) == 1
    assert (ended.exit, ended.lists) == (6, {"unknown": ("1",)})


async def test_a_blocked_command_fails_its_step_at_once(tmp_path: Path) -> None:
    def fault(kind: str, host: Host) -> StartReply | PollReply | ProbeReply | None:
        return NotStarted(refusal=Refusal.BLOCKED, message="blocked for safety reasons") if kind == "start" else None

    ended = await drive(plan_of(tmp_path, playbook(1)), fault=fault)
    end = next(e for e in ended.events if isinstance(e, AttemptEnded))
    assert (end.outcome, end.detail) == (Outcome.FAILED, "blocked for safety reasons")
    assert end.duration < 1


async def test_a_fast_host_does_not_wait_for_a_slow_one_within_its_wave(tmp_path: Path) -> None:
    def script(host: str, slot: str, attempt: int) -> Ran:
        return Ran(duration=500 if host == "1" else 1)

    ended = await drive(plan_of(tmp_path, playbook(3)), script)
    settled = [e.host for e in ended.events if isinstance(e, HostSettled)]
    assert settled[-1] == "1"
    assert ended.fleet.order.index(("2", "02-three", 1)) < ended.fleet.order.index(("1", "01-two", 1))


async def test_a_late_command_that_cannot_be_rendered_fails_and_runs_nothing(tmp_path: Path) -> None:
    rest = """
steps:
  - {name: look, run: look, register: seen, when: vmid == '2'}
  - {name: use, run: "use {{ seen.stdout }}"}
"""
    ended = await drive(plan_of(tmp_path, playbook(1, "", rest)))
    assert (ended.exit, ended.slots_of("1")) == (3, [])
    end = next(e for e in ended.events if isinstance(e, AttemptEnded))
    assert "`seen` holds no result" in end.detail
