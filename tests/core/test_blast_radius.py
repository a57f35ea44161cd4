"""How many hosts a run may have, and when a person must type their number."""

from dataclasses import replace

import pytest

from orchestrator.core.blast_radius import Confirmed, Question, judge, moved, over_limits, same_ground
from orchestrator.errors import Held
from orchestrator.model.plan import BlastRadius, Plan
from tests.builders import make_plan

NOTHING = Confirmed()
SHARE = BlastRadius(max_share=12, share="60%", fleet=20)


def plan(hosts: int, limits: BlastRadius | None = None) -> Plan:
    return replace(make_plan(hosts), limits=limits or BlastRadius())


@pytest.mark.parametrize("hosts", [1, 11, 12])
def test_up_to_its_limits_a_run_needs_no_word(hosts: int) -> None:
    limits = replace(SHARE, max_hosts=12)
    assert over_limits(limits, hosts) == ""
    assert judge(plan(hosts, limits), confirmed=NOTHING, before=None) is None


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (BlastRadius(max_hosts=12), "13 hosts, and limits.max_hosts is 12; nothing was started"),
        (SHARE, "13 hosts, and limits.max_share is 12 (60% of the inventory's 20 hosts); nothing"),
        (replace(SHARE, max_hosts=1), "limits.max_hosts is 1 and limits.max_share is 12"),
    ],
)
def test_over_a_limit_it_is_held_and_the_numbers_are_named(limits: BlastRadius, said: str) -> None:
    with pytest.raises(Held, match="--yes-really 13") as caught:
        judge(plan(13, limits), confirmed=Confirmed(expected=13), before=13)
    assert said in str(caught.value)


def test_over_a_limit_only_exactly_the_number_of_hosts_lets_it_run() -> None:
    limits = BlastRadius(max_hosts=1)
    assert judge(plan(13, limits), confirmed=Confirmed(really=13), before=None) is None
    for number in (1, 12, 14):
        with pytest.raises(Held, match=f"--yes-really says {number}, and this would run on 13 hosts"):
            judge(plan(13, limits), confirmed=Confirmed(really=number), before=None)


@pytest.mark.parametrize(
    ("before", "hosts", "surprise"),
    [(10, 8, False), (10, 12, False), (10, 7, True), (10, 13, True), (1, 1, False), (1, 2, True), (4, 5, True)],
)
def test_more_than_a_fifth_more_or_fewer_is_a_surprise(before: int, hosts: int, surprise: bool) -> None:
    assert moved(hosts, before) is surprise
    asked = judge(plan(hosts), confirmed=NOTHING, before=before)
    assert (asked is not None) is surprise


def test_the_question_says_what_moved_and_by_how_much() -> None:
    asked = judge(plan(13), confirmed=NOTHING, before=10)
    assert asked == Question(hosts=13, why="this would run on 13 hosts, 3 more than its last run had (10)")


def test_who_has_typed_the_number_with_the_command_is_not_asked() -> None:
    assert judge(plan(13), confirmed=Confirmed(expected=13), before=10) is None
    assert judge(plan(13), confirmed=Confirmed(really=13), before=10) is None


def test_another_number_than_expected_is_held_even_where_nothing_moved() -> None:
    with pytest.raises(Held, match="--expect-hosts says 12, and this would run on 13 hosts"):
        judge(plan(13), confirmed=Confirmed(expected=12), before=13)


def test_runs_are_compared_where_playbook_and_inventory_are_the_same_files() -> None:
    one = plan(3)
    assert same_ground(one, replace(one, file="./playbooks/../playbooks/deploy.yml"))
    assert not same_ground(one, replace(one, file="playbooks/other.yml"))
    assert not same_ground(one, replace(one, inventory="inventories/test.yml"))
