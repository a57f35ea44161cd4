"""The lists of earlier runs as limits."""

import pytest

from orchestrator.core.run_lists import LISTS, hosts_in, run_lists, spell_out
from orchestrator.errors import InputError
from orchestrator.model.ids import RunId
from orchestrator.model.state import Standing
from tests.builders import make_plan
from tests.scripted_runs import by_table, failing, play


def problem(text: str) -> str:
    with pytest.raises(InputError) as caught:
        run_lists(text)
    return f"{caught.value.problems[0].problem}, {caught.value.problems[0].fix}"


def test_every_list_of_the_final_report_can_be_named() -> None:
    assert set(LISTS) == {standing.value for standing in Standing} - {"busy"}
    for name in LISTS:
        assert run_lists(f"@last.{name}")[0].standing is LISTS[name]
    assert run_lists("@r1.never-started")[0].standing is Standing.NEVER_STARTED


def test_a_pattern_may_name_several_lists_among_other_things() -> None:
    assert [each.text for each in run_lists("web:&@last.failed,@r1.ok:!@last.failed")] == ["@last.failed", "@r1.ok"]
    assert run_lists("web:&prod") == ()


def test_an_unknown_list_is_an_error_with_the_nearest() -> None:
    assert problem("@last.fialed") == "no list of a run is called 'fialed', did you mean failed?"
    assert "does not say which list of the run" in problem("@last")
    assert "the lists are never_started, ok" in problem("@last.")


def test_a_list_gives_its_hosts_and_an_empty_one_is_an_error_that_says_what_there_is() -> None:
    table = {("web-002", "migrate"): failing(1), ("web-003", "remember"): failing(1)}
    state = play(make_plan(4, max_failures=2), by_table(table)).state
    rolled_back, failed, unknown = run_lists("@last.rolled_back:@last.failed:@last.unknown")
    assert hosts_in(rolled_back, RunId("r1"), state) == ("web-002",)
    assert hosts_in(failed, RunId("r1"), state) == ("web-003",)
    with pytest.raises(InputError) as caught:
        hosts_in(unknown, RunId("r1"), state)
    assert caught.value.problems[0].problem == "@last.unknown is empty: no host of run r1 is unknown"
    assert caught.value.problems[0].fix == "it has 2 ok, 1 failed, 1 rolled_back; nothing was started"


def test_last_is_spelled_out_since_tomorrow_it_is_another_run() -> None:
    lists = run_lists("web:&@last.never-started")
    assert spell_out("web:&@last.never-started", lists, {"last": RunId("r9")}) == "web:&@r9.never_started"
