"""Whole runs on a fleet in memory: what a step's own keys make of how its attempts end."""

from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.model.event import AttemptEnded, RetryPlanned, StepSkipped, UndoEnded
from orchestrator.model.host import Host
from orchestrator.model.playbook import Outcome
from orchestrator.ports import NotStarted, PidGone, PollReply, ProbeReply, Refusal, StartReply, StartUnknown
from orchestrator.providers.memory import Fault
from tests.fake_fleet import Ran, Script
from tests.small_run import Ended, drive, plan_of

pytestmark = pytest.mark.anyio


def one_step(keys: str, more: str = "") -> str:
    return f"vmids: [1]\nsteps:\n  - {{name: one, run: one, rollback: undo, {keys}}}\n{more}"


def ends(ended: Ended) -> list[tuple[int, Outcome, bool]]:
    """Of every attempt of a step: its number, its outcome, and whether it was interrupted."""
    return [(e.attempt, e.outcome, e.interrupted) for e in ended.events if isinstance(e, AttemptEnded)]


def details(ended: Ended) -> list[str]:
    return [e.detail for e in ended.events if isinstance(e, AttemptEnded)]


def interrupted(times: int, *, slot: str = "00-one") -> Script:
    def script(host: str, here: str, attempt: int) -> Ran:
        return Ran(ending="lost") if here == slot and attempt <= times else Ran()

    return script


async def test_a_service_that_lives_is_ok_and_its_step_ends(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, one_step("background: true")), lambda *_: Ran(ending="left"))
    assert (ended.exit, ends(ended)) == (0, [(1, Outcome.OK, False)])


@pytest.mark.parametrize("status", [0, 3])
async def test_a_service_that_ends_at_once_has_failed_whatever_its_status(tmp_path: Path, status: int) -> None:
    def script(host: str, slot: str, attempt: int) -> Ran:
        return Ran(exit_code=status if slot == "00-one" else 0)

    ended = await drive(plan_of(tmp_path, one_step("background: true")), script)
    assert ended.lists == {"rolled_back": ("1",)}
    assert details(ended) == [f"the service did not stay: exit status {status}"]


@pytest.mark.parametrize("keys", ["timeout: 1m", "interrupted: fail", "interrupted: fail, idempotent: true"])
async def test_an_interrupted_step_fails_unless_its_step_says_otherwise(tmp_path: Path, keys: str) -> None:
    ended = await drive(plan_of(tmp_path, one_step(keys)), interrupted(1))
    assert ended.slots_of("1") == ["00-one", "01-one-undo"]
    assert ends(ended) == [(1, Outcome.FAILED, True)]


@pytest.mark.parametrize("keys", ["interrupted: rerun", "idempotent: true"])
async def test_an_interrupted_step_that_may_be_run_twice_is_run_again(tmp_path: Path, keys: str) -> None:
    ended = await drive(plan_of(tmp_path, one_step(keys)), interrupted(1))
    assert ended.lists == {"ok": ("1",)}
    assert ends(ended) == [(1, Outcome.FAILED, True), (2, Outcome.OK, False)]
    assert sum(isinstance(e, RetryPlanned) for e in ended.events) == 1


async def test_a_step_that_takes_its_machine_down_is_run_again_three_times_and_no_more(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, one_step("interrupted: rerun, retries: {attempts: 2}"))
    ended = await drive(plan, interrupted(99))
    assert ended.slots_of("1") == ["00-one"] * 5 + ["01-one-undo"]
    assert ended.lists == {"rolled_back": ("1",)}


async def test_a_rerun_that_fails_by_itself_is_not_followed_by_another(tmp_path: Path) -> None:
    def script(host: str, slot: str, attempt: int) -> Ran:
        return Ran() if slot != "00-one" else Ran(ending="lost") if attempt == 1 else Ran(exit_code=1)

    ended = await drive(plan_of(tmp_path, one_step("interrupted: rerun")), script)
    assert ends(ended) == [(1, Outcome.FAILED, True), (2, Outcome.FAILED, False)]


async def test_that_a_step_may_be_run_twice_says_nothing_of_its_undo(tmp_path: Path) -> None:
    def script(host: str, slot: str, attempt: int) -> Ran:
        return Ran(exit_code=1) if slot == "00-one" else Ran(ending="lost")

    ended = await drive(plan_of(tmp_path, one_step("idempotent: true")), script)
    assert ended.lists == {"rollback_failed": ("1",)}
    assert [e.interrupted for e in ended.events if isinstance(e, UndoEnded)] == [True]


PLAIN = "exec: plain"


def answering(reply: StartReply | PollReply | ProbeReply, kind: str, *, times: int = 1) -> Fault:
    """The first answers of this kind are these instead."""
    left = [times]

    def fault(asked: str, host: Host) -> StartReply | PollReply | ProbeReply | None:
        if asked != kind or not left[0]:
            return None
        left[0] -= 1
        return reply

    return fault


async def test_a_plain_command_is_sent_as_it_is_and_taken_at_the_providers_word(tmp_path: Path) -> None:
    more = "  - {name: two, run: 'echo {{ r.stdout }}', exec: plain}\n"
    plan = plan_of(tmp_path, f"vmids: [1]\nsteps:\n  - {{name: one, run: one, register: r, {PLAIN}}}\n{more}")
    ended = await drive(plan, lambda host, text, times: Ran(stdout="a b\n", duration=3))
    assert ended.slots_of("1") == ["one", "echo 'a b'"]
    assert ended.exit == 0


async def test_a_plain_command_that_fails_is_taken_back_plainly(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, one_step(PLAIN)), lambda host, text, times: Ran(exit_code=int(text == "one")))
    assert ended.slots_of("1") == ["one", "undo"]
    assert details(ended) == ["exit status 1"]


async def test_a_plain_command_whose_start_is_lost_is_unknown_and_never_sent_again(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, one_step(f"{PLAIN}, retries: {{attempts: 3}}"))
    ended = await drive(plan, loss=answering(StartUnknown(message="cut off"), "start"))
    assert ended.slots_of("1") == ["one"]
    assert (ended.exit, ended.lists, ends(ended)) == (6, {"unknown": ("1",)}, [(1, Outcome.UNKNOWN, False)])
    assert "the answer to its start is lost: cut off" in details(ended)[0]


async def test_a_plain_command_whose_result_is_gone_is_unknown_and_never_sent_again(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, one_step(f"{PLAIN}, retries: {{attempts: 3}}"))
    ended = await drive(plan, fault=answering(PidGone(message="no such pid"), "poll"))
    assert ended.slots_of("1") == ["one"]
    assert ended.lists == {"unknown": ("1",)}


async def test_a_plain_command_that_was_certainly_not_started_is_sent_again(tmp_path: Path) -> None:
    down = NotStarted(refusal=Refusal.API_DOWN, message="refused")
    ended = await drive(plan_of(tmp_path, one_step(PLAIN)), fault=answering(down, "start", times=3))
    assert (ended.exit, ended.slots_of("1")) == (0, ["one"])


async def test_a_plain_command_that_is_over_its_time_may_still_run_and_is_not_tried_again(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, one_step(f"{PLAIN}, timeout: 1m, retries: {{attempts: 3}}"))
    ended = await drive(plan, lambda host, text, times: Ran(duration=3600 if text == "one" else 0))
    assert ends(ended) == [(1, Outcome.TIMED_OUT, False)]
    assert details(ended) == ["over its time-out of 60 s; plain, so not killed: pid 1000 still runs"]
    assert ended.slots_of("1") == ["one"], "its undo ran beside it"


@pytest.mark.parametrize(("on", "undone"), [("timed_out", False), ("unknown", True)])
async def test_what_may_still_be_running_is_taken_back_only_where_the_rule_names_unknown(
    tmp_path: Path, on: str, undone: bool
) -> None:
    plan = plan_of(tmp_path, f"vmids: [1]\nsteps:\n  - {{name: one, run: one, rollback: {{run: undo, on: [{on}]}}}}\n")
    ended = await drive(plan, lambda host, slot, attempt: Ran(ending="stuck") if slot == "00-one" else Ran())
    assert ended.slots_of("1") == ["00-one", *(["01-one-undo"] if undone else [])]


async def test_each_item_of_a_loop_is_an_attempt_and_is_taken_back_by_itself_newest_first(tmp_path: Path) -> None:
    text = """
vmids: [1]
steps:
  - {name: v, run: cat v, register: before}
  - {name: put, run: 'put {{ item }}', loop: [a, b, c], rollback: 'drop {{ item }} {{ before.stdout }}'}
"""

    def script(host: str, slot: str, attempt: int) -> Ran:
        return Ran(exit_code=1 if slot.startswith("02") else 0, stdout="v1\n")

    ended = await drive(plan_of(tmp_path, text), script)
    commands = [ended.fleet.commands[key] for key in ended.fleet.order]
    assert commands == ["cat v", "put a", "put b", "drop b v1", "drop a v1"]
    assert ended.lists == {"rolled_back": ("1",)}


async def test_a_host_without_an_item_passes_over_it_and_says_why(tmp_path: Path) -> None:
    text = """
vmids: [1, 2]
steps:
  - {name: put, run: 'put {{ item }}', loop: "['a'] if vmid == '1' else ['b', 'c']", rollback: 'drop {{ item }}'}
"""
    ended = await drive(plan_of(tmp_path, text))
    assert [(e.host, e.step, e.reason) for e in ended.events if isinstance(e, StepSkipped)] == [
        ("1", "put [2]", "its loop has 1 item here")
    ]
    assert {(key[0], command) for key, command in ended.fleet.commands.items()} == {
        ("1", "put a"),
        ("2", "put b"),
        ("2", "put c"),
    }
    assert ended.exit == 0


async def test_a_judgement_in_the_run_knows_its_item(tmp_path: Path) -> None:
    text = """
vmids: [1]
steps:
  - {name: put, run: put, loop: [0, 3], failed_when: result.exit_code != item or index > 1}
"""

    def script(host: str, slot: str, attempt: int) -> Ran:
        return Ran(exit_code=3 if slot.startswith("01") else 0)

    assert (await drive(plan_of(tmp_path, text), script)).exit == 0


@pytest.mark.parametrize(
    ("keys", "changed"),
    [
        ("timeout: 1m", True),
        ("changed_when: false", False),
        ("changed_when: \"'new' in result.stdout\"", True),
        ("changed_when: \"'old' in result.stdout\"", False),
        ("changed_when: result.exit_code == 3, ok_exit: [0, 3]", False),
    ],
)
async def test_a_step_has_changed_something_unless_it_says_otherwise(tmp_path: Path, keys: str, changed: bool) -> None:
    more = "  - {name: two, run: two, register: it, when: was.changed}\n"
    text = one_step(f"register: was, {keys}", more)
    ended = await drive(plan_of(tmp_path, text), lambda *_: Ran(stdout="something new"))
    assert [e.changed for e in ended.events if isinstance(e, AttemptEnded)][:1] == [changed]
    assert ("02-two" in ended.slots_of("1") or "01-two" in ended.slots_of("1")) is changed


async def test_what_was_never_started_has_changed_nothing(tmp_path: Path) -> None:
    off = NotStarted(refusal=Refusal.HOST_DOWN, message="the VM is off")
    plan = plan_of(tmp_path, one_step("timeout: 1m"))
    ended = await drive(plan, fault=lambda kind, host: off if kind == "start" else None)
    assert {(e.outcome, e.changed) for e in ended.events if isinstance(e, AttemptEnded)} == {
        (Outcome.UNREACHABLE, False)
    }


async def test_a_changed_when_that_cannot_be_evaluated_is_a_failure_that_says_so(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, one_step("changed_when: result.stdout")))
    assert (
        details(ended)[0].endswith(
            "the expression gives a string, not true or false, compare it, as in `x == 'yes'`, "
            "or write `x | length > 0`"
        )
        or "gives a string" in details(ended)[0]
    )


async def test_the_pauses_of_retries_grow_and_are_spread_by_chance(tmp_path: Path) -> None:
    keys = "retries: {attempts: 5, delay: 10s, backoff: 2, max_delay: 30s, jitter: 10%}"
    ended = await drive(plan_of(tmp_path, one_step(keys)), lambda *_: Ran(exit_code=1))
    at = [e.not_before for e in ended.events if isinstance(e, RetryPlanned) and not e.undo]
    assert [round(later - sooner, 3) for sooner, later in pairwise(at)] == pytest.approx([21.0, 31.5, 31.5], abs=0.4)
