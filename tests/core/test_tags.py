"""Which steps a caller's tags leave in a plan."""

import pytest

from orchestrator import codec
from orchestrator.core.expand import expand
from orchestrator.errors import InputError
from orchestrator.model.ids import StepName
from orchestrator.model.plan import Plan, Tags
from orchestrator.model.playbook import Playbook
from tests.core.test_expand import inventory, playbook, step, undo

BOOK = playbook(
    step("plain", "true", rollback=undo("false")),
    step("web", "true", tags=("web",)),
    step("both", "true", tags=("web", "config")),
    step("always", "true", tags=("always",)),
    step("never", "true", tags=("never", "debug")),
    after_rollback=(step("after", "true"),),
    finally_=(step("end", "true", tags=("web",)), step("rare", "true", tags=("never",))),
)


def plan(book: Playbook, only: str = "", skip: str = "") -> Plan:
    fleet = inventory(web1={})
    return expand(book, fleet, fleet.hosts, {}, Tags(only=tuple(only.split()), skip=tuple(skip.split())))


def said(book: Playbook, only: str = "", skip: str = "") -> str:
    with pytest.raises(InputError) as caught:
        plan(book, only, skip)
    return "\n".join(f"{each.origin}: {each.path}: {each.problem}; {each.fix}" for each in caught.value.problems)


# What ansible.playbook.taggable.Taggable.evaluate_tags says of the same tags.
@pytest.mark.parametrize(
    ("only", "skip", "steps"),
    [
        ("", "", "plain web both always"),
        ("all", "", "plain web both always"),
        ("web", "", "web both always"),
        ("config", "", "both always"),
        ("debug", "", "always never"),
        ("never", "", "always never"),
        ("web debug", "", "web both always never"),
        ("tagged", "", "web both always"),
        ("untagged", "", "plain always"),
        ("", "web", "plain always"),
        ("web", "config", "web always"),
        ("", "tagged", "plain"),
        ("", "untagged", "web both always"),
        ("", "always", "plain web both"),
        ("", "all", "always"),
        ("web", "always", "web both"),
    ],
)
def test_steps_are_chosen_as_ansible_chooses(only: str, skip: str, steps: str) -> None:
    chosen = [slot.name for slot in plan(BOOK, only, skip).slots if slot.section.value == "steps"]

    assert chosen == steps.split()


def test_the_end_of_a_host_is_chosen_whatever_steps_are() -> None:
    def end(only: str = "", skip: str = "") -> list[str]:
        return [
            slot.name for slot in plan(BOOK, only, skip).slots if slot.section.value in ("after_rollback", "finally")
        ]

    assert end("config") == ["after", "end"]
    assert end(skip="web") == ["after"]
    assert end("never") == ["after", "end", "rare"]


def test_what_is_left_out_is_named_and_has_no_place_in_the_plan() -> None:
    chosen = plan(BOOK, "config")

    assert chosen.tags == Tags(only=("config",), left_out=tuple(map(StepName, ("plain", "web", "never", "rare"))))
    assert not [slot for slot in chosen.slots if slot.section.value == "undo"]
    assert len(chosen.hosts[0].commands) == len(chosen.slots) == 4


def test_the_choice_is_part_of_the_plan() -> None:
    digests = {plan(BOOK).digest, plan(BOOK, "all").digest, plan(BOOK, skip="debug").digest, plan(BOOK, "web").digest}

    assert len(digests) == 4
    chosen = plan(BOOK, "web")
    assert codec.plan_from_json(codec.canonical(codec.to_json(chosen))) == chosen


@pytest.mark.parametrize("option", ["only", "skip"])
def test_a_tag_that_no_step_has_is_an_error(option: str) -> None:
    assert "no step has this tag; did you mean config?; nothing was started" in said(BOOK, **{option: "web confg"})
    assert "there are always, config, debug, never, web" in said(BOOK, **{option: "zzz"})
    assert "there are no tags" in said(playbook(step("a", "true")), **{option: "zzz"})


def test_tags_that_leave_nothing_are_an_error() -> None:
    assert "the tags leave none of the 1 steps of deploy.yml" in said(playbook(step("a", "true")), skip="all")


def test_a_result_of_a_step_that_is_left_out_is_missed_with_both_places() -> None:
    book = playbook(
        step("remember", "cat v", 3, register="before", tags=("state",)),
        step("pull", "git checkout {{ before.stdout }}", 5, tags=("web",)),
        step("ask", "true", 7, tags=("web",), when="before is defined and before.ok"),
    )

    assert said(book, "web") == (
        "deploy.yml:5:17: steps[0].run: `before` is registered by the step 'remember' (deploy.yml:3:1), which the tags "
        "leave out; choose that step too, or ask `before is defined`"
    )
    assert plan(book, "web state").hosts


def test_who_asks_whether_a_left_out_result_is_there_is_told_no() -> None:
    book = playbook(
        step("remember", "cat v", register="before", tags=("state",)),
        step("ask", "true", tags=("web",), when="before is defined and before.ok"),
    )

    assert plan(book, "web").hosts[0].whens == (False,)
