"""What differs between two runs."""

from dataclasses import replace

import pytest

from orchestrator.gates import told
from orchestrator.model.gate import Bake, UrlWatch
from orchestrator.model.ids import Value
from orchestrator.model.plan import Wave
from orchestrator.model.playbook import Guard, Retries, RunOnce
from orchestrator.model.rollout import RollbackScope, Spread
from orchestrator.report.diff_text import diff_json, diff_text
from orchestrator.report.differences import differ, differences
from orchestrator.report.plan_differences import Change
from orchestrator.report.rule_words import passed
from orchestrator.report.view import RunView
from tests.builders import DEPLOY, Rule, make_plan
from tests.scripted_runs import OK, PAPER, Script, by_table, failing, play, view_of

NEW = tuple(replace(rule, run=rule.run.replace("v2", "v3")) for rule in DEPLOY)


def view(hosts: int = 4, script: Script = lambda *_: OK, **more: object) -> RunView:
    return view_of(play(make_plan(hosts, **more), script))  # type: ignore[arg-type] # make_plan's own, by name


def test_two_runs_of_one_plan_differ_in_nothing() -> None:
    found = differences(view(), view())
    assert not found.any
    assert diff_text(view(), view(), found, PAPER)[-1] == "nothing differs"


def test_a_command_that_changed_alike_on_many_hosts_is_told_once() -> None:
    (change,) = differences(view(400), view(400, rules=NEW)).plan.commands
    assert (change.what, len(change.hosts)) == ("pull", 400)
    assert "checkout -q v2" in change.before
    assert "checkout -q v3" in change.after
    lines = diff_text(view(400), view(400, rules=NEW), differences(view(400), view(400, rules=NEW)), PAPER)
    assert "    pull (playbooks/deploy.yml:1:1) on 400 hosts: web-[001-400]" in lines
    assert "        - git fetch --tags origin && git checkout -q v2   (in /srv/app)" in lines
    assert "        + git fetch --tags origin && git checkout -q v3   (in /srv/app)" in lines


def test_a_command_with_the_hosts_own_name_in_it_is_told_once_as_it_is_written_for_all() -> None:
    old, new = ((Rule(name="mark", run=f"echo {{host}} {release} > mark"),) for release in ("v1", "v2"))
    (change,) = differences(view(400, rules=old), view(400, rules=new)).plan.commands
    assert (change.before, change.after) == ("echo {{ host }} v1 > mark", "echo {{ host }} v2 > mark")
    assert len(change.hosts) == 400
    (alone,) = differences(view(1, rules=old), view(1, rules=new)).plan.commands
    assert alone.after == "echo web-001 v2 > mark"


def test_a_secret_command_that_changed_is_told_by_its_fingerprint() -> None:
    def secret(word: str) -> RunView:
        made = view(1)
        plan = made.state.plan
        slots = (replace(plan.slots[0], secret=True), *plan.slots[1:])
        (host,) = plan.hosts
        first = replace(host.commands[0], text=f"login {word}", env=(("WORD", word),))
        host = replace(host, commands=(first, *host.commands[1:]), fingerprints={0: f"{word[-1]:0>64}"[::-1]})
        made.state.plan = replace(plan, slots=slots, hosts=(host,))
        return made

    found = differences(secret("hunter2"), secret("hunter3"))
    (change,) = found.plan.commands
    assert change.before.startswith("(secret 200000000000)")
    assert change.after.startswith("(secret 300000000000)")
    assert "hunter" not in "\n".join(diff_text(secret("hunter2"), secret("hunter3"), found, PAPER))


def test_hosts_that_came_and_went_are_named() -> None:
    found = differences(view(4), view(6))
    assert (found.plan.added, found.plan.gone) == (("web-005", "web-006"), ())
    assert differences(view(6), view(4)).plan.gone == ("web-005", "web-006")


def test_files_and_parameters_are_told_by_what_became_of_them() -> None:
    one, other = view(), view(params={"release": "v3"})
    old = replace(one.state.plan, inputs={"a.yml": "1" * 64, "b.yml": "2" * 64})
    new = replace(other.state.plan, inputs={"a.yml": "3" * 64, "c.yml": "4" * 64})
    one.state.plan, other.state.plan = old, new
    found = differences(one, other)
    assert found.plan.params == (Change(what="release", before="v2", after="v3"),)
    assert [(each.what, each.before[:1], each.after[:1]) for each in found.plan.inputs] == [
        ("a.yml", "1", "3"), ("b.yml", "2", ""), ("c.yml", "", "4")
    ]  # fmt: skip


def test_rules_of_the_run_and_of_its_steps_are_compared() -> None:
    rules = tuple(replace(rule, timeout=60.0) if rule.name == "pull" else rule for rule in DEPLOY[:-1])
    found = differences(view(), view(rules=rules, waves=(1, 3), max_failures=2, rollback=RollbackScope.WAVE))
    assert {(each.what, each.before, each.after) for each in found.plan.rules} == {
        ("waves", "4", "1, 3"),
        ("max_failures", "0", "2"),
        ("rollback", "host", "wave"),
        ("pull: timeout", "5m", "1m"),
        ("undo of pull: timeout", "5m", "1m"),
        ("healthy", "a step", ""),
    }


def with_waves(played: RunView, *waves: Wave) -> RunView:
    played.state.plan = replace(played.state.plan, waves=waves)
    return played


def test_what_single_waves_have_is_compared_and_told_once_for_waves_that_have_it_alike() -> None:
    old = view(waves=(1, 1, 2))
    first, second, last = old.state.plan.waves
    watch = UrlWatch(name="health", get="https://app.example.com/health")
    new = with_waves(
        view(waves=(1, 1, 2)),
        replace(first, name="canary", max_failures=0, gates=(watch,)),
        replace(second, gates=(watch,)),
        last,
    )
    assert [(each.what, each.before, each.after) for each in differences(old, new).plan.rules] == [
        ("wave 1: name", "", "canary"),
        ("wave 1: max_failures", "", "no host of it may fail or be unreachable"),
        ("wave [1-2]: gates", "", "health"),
        ("wave [1-2]: gate health", "", "url: GET https://app.example.com/health, expect 200, once"),
    ]
    slower = with_waves(view(waves=(1, 1, 2)), replace(first, gates=(Bake(name="health", seconds=90),)), second, last)
    assert {
        (each.before, each.after) for each in differences(new, slower).plan.rules if each.what == "wave 1: gate health"
    } == {
        ("url: GET https://app.example.com/health, expect 200, once", f"bake: {told(Bake(name='health', seconds=90))}")
    }


def test_rules_are_told_in_the_words_of_a_plan() -> None:
    one, other = view(), view()
    plan = other.state.plan
    other.state.plan = replace(
        plan,
        policy=replace(plan.policy, spread=Spread(by="zone", max=1), min_healthy=90.0),
        slots=tuple(
            replace(
                slot, retries=Retries(attempts=2, delay=5.0), background=True, ok_exit=(0, 3), run_once=RunOnce.WAVE
            )
            if slot.name == "migrate"
            else replace(slot, undo_on=())
            if slot.undo_on
            else slot
            for slot in plan.slots
        ),
    )
    assert {(each.what, each.before, each.after) for each in differences(one, other).plan.rules} == {
        ("spread", "", "1 of one zone under way at once, no more"),
        ("min_healthy", "0s", "1m30s"),
        ("migrate: retries", "one attempt", "up to 2 attempts, 5s apart"),
        ("migrate: background", "", "a background service"),
        ("migrate: ok_exit", "0", "0 or 3"),
        ("migrate: run_once", "", "once in each wave"),
        ("undo of pull: undo_on", "ok, failed or timed out", "ok"),
        ("undo of restart: undo_on", "ok, failed, timed out or unknown", "ok"),
    }


@pytest.mark.parametrize(
    ("value", "said"),
    [("v2", "v2"), ("it's", "it's"), ("", '""'), ("1", '"1"'), (1, "1"), (True, "true"), (None, "null"),
     (["a", 1], '["a",1]'), ("[" * 100_000, "[" * 100_000)],
)  # fmt: skip
def test_a_parameter_is_told_as_text_or_json_and_no_two_values_alike(value: Value, said: str) -> None:
    assert passed(value) == said


def test_the_guards_of_a_command_are_part_of_it() -> None:
    one, other = view(), view()
    plan = other.state.plan
    guarded = [
        replace(host, commands=(replace(host.commands[0], guards=((Guard.CREATES, "/srv/app"),)), *host.commands[1:]))
        for host in plan.hosts
    ]
    other.state.plan = replace(plan, hosts=tuple(guarded))
    (change,) = differences(one, other).plan.commands
    assert change.before == "git rev-parse HEAD   (in /srv/app)"
    assert change.after == "git rev-parse HEAD   (in /srv/app, skipped where this is there: /srv/app)"


def test_outcomes_that_changed_are_grouped_by_how() -> None:
    script = by_table({("web-002", "migrate"): failing(1), ("web-003", "migrate"): failing(1)})
    found = differences(view(max_failures=4), view(4, script, max_failures=4))
    assert found.outcomes == (Change(what="hosts", before="ok", after="rolled back", hosts=("web-002", "web-003")),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "differs"), [(10, 10.4, False), (10, 11, False), (10, 13, True), (0.1, 0.4, False), (0.1, 0.7, True)]
)
def test_a_duration_differs_by_a_fifth_and_half_a_second(old: float, new: float, differs: bool) -> None:
    assert differ(old, new) is differs
    assert differ(new, old) is differs


def test_programs_read_the_same() -> None:
    one, other = view(4), view(5, rules=NEW)
    told = diff_json(one, other, differences(one, other))
    assert told["hosts_added"] == ["web-005"]
    assert told["commands"][0]["hosts"] == ["web-001", "web-002", "web-003", "web-004"]
    assert told["before"] == one.id
