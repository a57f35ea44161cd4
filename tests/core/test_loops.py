"""A step with a loop: a place in the plan for each item, the same for every host."""

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.core.late import late_command
from orchestrator.core.retry import carry_over, changed_steps
from orchestrator.model.host import Variable
from orchestrator.model.ids import RunId, StepName, Value
from orchestrator.model.plan import Plan, Section
from orchestrator.model.playbook import Loop, Repeat
from orchestrator.model.rollout import RollbackScope
from orchestrator.model.state import Registered
from tests import scripted_runs
from tests.core.test_expand import inventory, plan_of, playbook, problems, step, text, texts, undo
from tests.scripted_runs import by_table, failing

BEFORE = Registered(stdout="v1", stderr="", exit_code=0, ok=True, changed=True)


def over(*items: Value) -> Loop:
    """The loop of a list."""
    where = text("", 7).origin
    return Loop(items=tuple(Variable(value=item, origin=where) for item in items), path="steps[0].loop", origin=where)


def given_by(source: str) -> Loop:
    """The loop of a text."""
    return Loop(text=text(source, 7), expression="{{" not in source, path="steps[0].loop", origin=text("", 7).origin)


def names(plan: Plan) -> list[str]:
    return [slot.name for slot in plan.slots]


def test_a_literal_list_has_a_step_for_each_item_named_after_it() -> None:
    plan = plan_of(playbook(step("install", "apt install {{ item }} # {% if index %}{% endif %}", loop=over("a b", 7))))

    assert names(plan) == ["install (a b)", "install (7)"]
    assert texts(plan)[0].startswith("apt install 'a b'")
    assert plan.slots[1].repeat == Repeat(step=StepName("install"), index=1)


@pytest.mark.parametrize(
    "items", [("a", "a"), ("a" * 40,), ({"a": 1},), (True,), ("{{ host }}",), ("a\nb",), ("",), ("taken",)]
)
def test_items_that_make_no_good_names_are_numbered(items: tuple[Any, ...]) -> None:
    book = playbook(step("x (taken)", "true"), step("x", "echo {{ index }}", loop=over(*items)))

    assert names(plan_of(book))[1:] == [f"x [{number}]" for number in range(1, len(items) + 1)]


def test_no_name_is_given_twice() -> None:
    book = playbook(step("x [1]", "true"), step("x", "echo {{ index }}", loop=given_by("[1]")))

    assert names(plan_of(book)) == ["x [1]", "x [1]'"]


@pytest.mark.parametrize("source", ["services", "{{ services }}"])
def test_a_host_with_a_shorter_list_passes_over_the_last_steps(source: str) -> None:
    fleet = inventory(web1={"services": ["a", "b"]}, web2={"services": ["c"]}, web3={"services": []})
    plan = plan_of(
        playbook(step("start", "start {{ item }}", loop=given_by(source), rollback=undo("stop {{ item }}"))), fleet
    )

    assert names(plan) == ["start [1]", "start [2]"] * 2
    assert texts(plan, 0) == ["start a", "start b", "stop a", "stop b"]
    assert texts(plan, 1)[::2] == ["start c", "stop c"]
    assert [host.whens[:2] for host in plan.hosts] == [(True, True), (True, False), (False, False)]
    assert [host.lacks(plan.slots[1]) for host in plan.hosts] == [False, True, True]


def test_a_list_that_is_empty_everywhere_stays_in_the_plan_as_a_step_of_no_host() -> None:
    plan = plan_of(playbook(step("a", "echo {{ item }}", loop=over())))

    assert (names(plan), plan.hosts[0].whens) == (["a [1]"], (False,))


def test_each_item_has_an_undo_of_its_own_and_the_newest_is_first() -> None:
    book = playbook(step("a", "put {{ item }}", loop=over("x", "y"), rollback=undo("drop {{ item }}")))
    plan = plan_of(book)

    undos = [(slot.name, slot.undo_of) for slot in plan.slots if slot.section is Section.UNDO]
    assert undos == [("a (x)", 0), ("a (y)", 1)]
    assert texts(plan)[2:] == ["drop x", "drop y"]


def test_items_and_conditions_may_use_variables_and_are_asked_for_each_item() -> None:
    loop = over("{{ base }}/a", "{{ base }}/b")
    plan = plan_of(
        playbook(step("a", "ls {{ item }}", loop=loop, when="item != skip"), vars={"base": "/s", "skip": "/s/a"})
    )

    assert plan.hosts[0].whens == (False, True)
    assert texts(plan)[1] == "ls /s/b"


def test_what_is_rendered_in_the_run_has_its_item() -> None:
    book = playbook(
        step("before", "cat v", register="before"),
        step(
            "a",
            "x {{ item.name }} {{ index }} {{ before.stdout }}",
            loop=over({"name": "n 1"}),
            until="item.name == 'n 1'",
        ),
    )
    plan = plan_of(book)
    slot, host = plan.slots[1], plan.hosts[0]

    assert host.items == {"a [1]": {"name": "n 1"}}
    assert late_command(slot, host, {"before": BEFORE}).text == "x 'n 1' 0 v1"


def test_items_that_the_run_does_not_need_are_not_kept() -> None:
    assert plan_of(playbook(step("a", "x {{ item }}", loop=over("b")))).hosts[0].items == {}


def test_a_loop_over_a_result_is_refused() -> None:
    book = playbook(
        step("list", "ls", register="found"), step("a", "x {{ item }}", loop=given_by("found.stdout.split()"))
    )

    assert problems(book) == [
        "deploy.yml:7:1: steps[0].loop: a loop must be known while planning, and `found` is known only once 'list' "
        "has run; let one command go over it: for x in ...; do ...; done"
    ]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("'abc'", "the loop is text, not a list (for web1 and 1 more)"),
        ("5", "the loop is a number, not a list (for web1 and 1 more)"),
        ("{'a': 1}", "the loop is a mapping, not a list (for web1 and 1 more)"),
        ("range(1001)", "the loop has 1,001 items, and at most 1,000 can be (for web1 and 1 more)"),
        ("[1e999]", "the template fails: name 'inf' is not defined (for web1 and 1 more)"),
        ("nothing", "`nothing` is not defined (for web1 and 1 more)"),
        ("[", "not a template: unexpected 'end of template'"),
    ],
)
def test_what_is_no_list_is_refused(source: str, problem: str) -> None:
    (said,) = problems(playbook(step("a", "echo {{ item }}", loop=given_by(source))))

    assert problem in said


def test_item_is_defined_in_loops_only() -> None:
    book = playbook(step("a", "echo {{ item }}", loop=over(1)), step("b", "echo {{ item }}"))

    assert "`item` is not defined" in problems(book)[0]


@pytest.mark.parametrize("name", ["item", "index"])
def test_a_variable_may_not_be_called_like_what_a_loop_is_at(name: str) -> None:
    looped = step("a", "echo {{ item }}", loop=over(1))

    assert "a step with a loop" in problems(playbook(looped, vars={name: 1}))[0]
    assert "a step with a loop" in problems(playbook(looped), inventory(web1={name: 1}))[0]
    assert "a loop calls" in problems(playbook(looped, step("b", "true", register=name)))[0]
    assert plan_of(playbook(step("b", "true"), vars={name: 1})).hosts


def test_without_the_host_of_the_longest_list_the_steps_are_what_they_were() -> None:
    looped = step("start", "start {{ item }}", loop=given_by("services"), rollback=undo("stop {{ item }}"))
    book = playbook(looped, step("last", "true", rollback=undo("false")))
    both = inventory(web1={"services": ["a"]}, web2={"services": ["b", "c"]})
    one = inventory(web1={"services": ["a"]})

    assert changed_steps(plan_of(book, both), plan_of(book, one)) == ()
    assert changed_steps(plan_of(book, both), plan_of(book, inventory(web1={"services": ["z"]}))) == ("start [1]",)


def test_what_was_done_of_a_loop_is_found_by_the_names_of_its_items_where_the_loop_has_changed() -> None:
    """Without web2 the loop is shorter, and every step after it has another place in the plan."""
    looped = step("start", "start {{ item }}", loop=given_by("services"), rollback=undo("stop {{ item }}"))
    book = playbook(step("first", "true"), looped, step("last", "true"))
    both = plan_of(book, inventory(web1={"services": ["a"]}, web2={"services": ["b", "c", "d"]}))
    script = by_table({("web1", "last"): failing()})
    played = scripted_runs.play(replace(both, policy=replace(both.policy, rollback=RollbackScope.NONE)), script)
    one = plan_of(book, inventory(web1={"services": ["a"]}))

    (host,) = carry_over(one, RunId("r1"), played.state, played.state.hosts).hosts
    assert [names(one)[index] for index in host.done] == ["first", "start [1]"]


def test_what_was_done_of_a_list_of_words_is_not_taken_for_another_item() -> None:
    before = plan_of(playbook(step("install", "apt install {{ item }}", loop=over("nginx", "redis"))))
    script = by_table({("web1", "install (redis)"): failing()})
    played = scripted_runs.play(replace(before, policy=replace(before.policy, rollback=RollbackScope.NONE)), script)
    now = plan_of(playbook(step("install", "apt install {{ item }}", loop=over("redis", "curl", "nginx"))))

    host = carry_over(now, RunId("r1"), played.state, played.state.hosts).hosts[0]
    assert [names(now)[index] for index in host.done] == ["install (nginx)"]
