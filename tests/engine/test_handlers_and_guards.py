"""Whole runs on a fleet in memory: handlers are owed until they are paid, and guards are heeded."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator.core.retry import carry_over
from orchestrator.core.run_state import fold
from orchestrator.model.event import AttemptEnded, AttemptStarted, Event, Recorded, RunStarted, WaveOpened
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import Registered
from tests.fake_fleet import Ran, Script
from tests.small_run import Ended, drive, plan_of

pytestmark = pytest.mark.anyio


def playbook(*steps: str, rollout: str = "{}", more: str = "") -> str:
    lines = "\n".join(f"  - {{{step}}}" for step in steps)
    handlers = "handlers:\n  - {name: restart, run: restart}\n  - {name: reload, run: reload}\n"
    return f"vmids: [1]\nrollout: {rollout}\nsteps:\n{lines}\n{handlers}{more}"


def ending(table: Mapping[str, Ran]) -> Script:
    """What a slot does, by its name without its number: `config`, `config-undo`."""
    return lambda host, slot, attempt: table.get(slot[3:], Ran())


BAD = Ran(exit_code=1)
CONFIG = "name: config, run: a, rollback: b, handlers: [reload, restart]"


def names(ended: Ended) -> list[str]:
    return [slot[3:] for slot in ended.slots_of("1")]


async def test_a_handler_runs_once_at_the_end_however_often_it_is_called_in_its_sections_order(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(CONFIG, "name: more, run: c, handlers: restart", "name: last, run: d"))
    ended = await drive(plan)
    assert names(ended) == ["config", "more", "last", "restart", "reload"]
    assert ended.lists == {"ok": ("1",)}


async def test_a_handler_that_nobody_calls_is_not_run(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, playbook("name: one, run: a, handlers: reload")))
    assert names(ended) == ["one", "reload"]


async def test_a_step_that_its_guard_skipped_calls_no_handler(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(f"{CONFIG}, creates: /x"))
    ended = await drive(plan, ending({"config": Ran(ending="skipped-creates")}))
    assert names(ended) == ["config"]
    assert ended.lists == {"ok": ("1",)}


async def test_a_host_that_fails_and_stays_pays_its_handlers(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(CONFIG, "name: check, run: c", rollout="{rollback: none}"))
    ended = await drive(plan, ending({"check": BAD}))
    assert names(ended) == ["config", "check", "restart", "reload"]
    assert ended.lists == {"failed": ("1",)}


async def test_a_host_that_is_taken_back_pays_after_the_undos_and_before_after_rollback(tmp_path: Path) -> None:
    more = "after_rollback:\n  - {name: old, run: o}\nfinally:\n  - {name: unlock, run: u}\n"
    plan = plan_of(tmp_path, playbook(CONFIG, "name: check, run: c", more=more))
    ended = await drive(plan, ending({"check": BAD}))
    assert names(ended) == ["config", "check", "config-undo", "restart", "reload", "old", "unlock"]
    assert ended.lists == {"rolled_back": ("1",)}


async def test_a_failed_handler_fails_the_host_which_is_taken_back_and_calls_it_again(tmp_path: Path) -> None:
    def script(host: str, slot: str, attempt: int) -> Ran:
        return BAD if slot.endswith("-restart") and attempt == 1 else Ran()

    ended = await drive(plan_of(tmp_path, playbook(CONFIG)), script)
    assert names(ended) == ["config", "restart", "config-undo", "restart", "reload"]
    assert ended.lists == {"rolled_back": ("1",)}


async def test_a_handler_that_fails_after_the_undos_needs_a_person(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, playbook(CONFIG)), ending({"restart": BAD}))
    assert names(ended) == ["config", "restart", "config-undo", "restart"]
    assert (ended.exit, ended.lists) == (5, {"rollback_failed": ("1",)})
    assert list(ended.state.hosts[HostName("1")].owed) == [2, 3]


async def test_one_handler_that_fails_does_not_hold_up_the_next(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(CONFIG, rollout="{rollback: none}"))
    ended = await drive(plan, ending({"restart": BAD}))
    assert names(ended) == ["config", "restart", "reload"]
    assert ended.lists == {"failed": ("1",)}


async def test_a_handler_has_its_own_retries_after_every_call(tmp_path: Path) -> None:
    text = playbook(CONFIG).replace("run: restart", "run: restart, retries: {attempts: 2, delay: 0s}")
    ended = await drive(plan_of(tmp_path, text), ending({"restart": BAD}))
    assert names(ended) == ["config", "restart", "restart", "config-undo", "restart", "restart"]


async def test_a_host_taken_back_later_by_its_wave_pays_again(tmp_path: Path) -> None:
    text = playbook(CONFIG, "name: check, run: c", rollout="{rollback: wave, max_parallel: 1}")

    def script(host: str, slot: str, attempt: int) -> Ran:
        return BAD if (host, slot[3:]) == ("2", "check") else Ran()

    ended = await drive(plan_of(tmp_path, text.replace("vmids: [1]", "vmids: [1, 2]")), script)
    assert names(ended) == ["config", "check", "restart", "reload", "config-undo", "restart", "reload"]
    assert ended.lists == {"rolled_back": ("1", "2")}


async def test_an_earlier_result_is_there_for_a_handler(tmp_path: Path) -> None:
    text = playbook("name: one, run: a, register: r, handlers: restart").replace(
        "run: restart", "run: 'echo {{ r.stdout }}'"
    )
    ended = await drive(plan_of(tmp_path, text), ending({"one": Ran(stdout="a b\n")}))
    assert ended.fleet.commands["1", "01-restart", 1] == "echo 'a b'"


async def test_retry_pays_what_a_stopped_host_still_owes(tmp_path: Path) -> None:
    text = playbook("name: config, run: a, handlers: restart", "name: check, run: c", rollout="{max_parallel: 2}")
    plan = plan_of(tmp_path, text.replace("vmids: [1]", "vmids: [1, 2]"))

    def script(host: str, slot: str, attempt: int) -> Ran:
        if (host, slot[3:]) == ("2", "config"):
            return BAD
        return Ran(duration=10)

    first = await drive(plan, script)
    assert first.lists["stopped"] == ("1",), "the other host's failure comes while it is at its first step"
    again = carry_over(plan, RunId("r1"), first.state, first.state.hosts)
    second = await drive(again)
    assert names(second) == ["check", "restart"]


async def test_a_skipped_step_is_ok_and_never_undone_and_its_result_says_so(tmp_path: Path) -> None:
    step = "name: one, run: a, rollback: b, register: r, unless: 'test -e {{ host }}'"
    plan = plan_of(tmp_path, playbook(step, "name: two, run: c"))
    ended = await drive(plan, ending({"one": Ran(ending="skipped-unless"), "two": BAD}))
    assert names(ended) == ["one", "two"]
    assert ended.lists == {"failed": ("1",)}
    first = next(e for e in ended.events if isinstance(e, AttemptEnded))
    assert (first.outcome, first.skipped, first.detail) == (Outcome.OK, True, "unless test -e 1: it succeeded")
    result = ended.state.hosts[HostName("1")].registered["r"]
    assert result == Registered(stdout="", stderr="", exit_code=0, ok=True, changed=False)


async def test_a_step_that_had_run_before_its_guard_skipped_it_is_undone(tmp_path: Path) -> None:
    """The first attempt may have made what the guard finds at the second."""

    def script(host: str, slot: str, attempt: int) -> Ran:
        if slot == "00-one":
            return Ran(ending="skipped-creates") if attempt == 2 else BAD
        return BAD if slot == "01-two" else Ran()

    one = "name: one, run: a, rollback: b, creates: /x, retries: {attempts: 2, delay: 0s}"
    ended = await drive(plan_of(tmp_path, playbook(one, "name: two, run: c")), script)
    assert names(ended) == ["one", "one", "two", "one-undo"]


async def test_a_killed_guard_fails_the_step_whatever_it_accepts(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("name: one, run: a, only_if: x, failed_when: false"))
    ended = await drive(plan, ending({"one": Ran(ending="guard-killed", exit_code=137)}))
    assert ended.lists == {"failed": ("1",)}


def test_what_is_owed_follows_from_the_journal_alone(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(CONFIG))
    host, step = HostName("1"), StepName("config")
    events: list[Event] = [
        RunStarted(playbook="p", digest="", hosts=1, by="test"),
        WaveOpened(wave=0, hosts=1),
        AttemptStarted(host=host, step=step, attempt=1, nonce="n"),
        AttemptEnded(host=host, step=step, attempt=1, outcome=Outcome.OK, duration=1),
    ]
    recorded = [Recorded(run=RunId("r"), seq=i, at=float(i), event=event) for i, event in enumerate(events, start=1)]
    assert fold(plan, recorded).hosts[host].owed == (2, 3)
