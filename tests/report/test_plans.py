"""The dry run as programs read it, and what its text must not leave out."""

from dataclasses import replace

from orchestrator.core.estimate import Durations
from orchestrator.model.ids import StepName
from orchestrator.model.plan import Section
from orchestrator.model.playbook import Interrupted
from orchestrator.model.rollout import RollbackScope
from orchestrator.report.known import Known
from orchestrator.report.plan_json import plan_json
from orchestrator.report.plan_text import plan_text
from tests.builders import DEPLOY, Rule, host_names, make_plan
from tests.scripted_runs import ARGV, PAPER

FINALLY = Rule(name="unlock", section=Section.FINALLY)
AFTER = Rule(name="start again", section=Section.AFTER_ROLLBACK)


def test_a_plan_has_the_keys_of_the_contract() -> None:
    said = plan_json(make_plan(12, waves=(1, 3, 8), wave_names=("canary",)))

    assert said["hosts"] == [*host_names(12)]
    assert [wave["name"] for wave in said["waves"]] == ["canary", "2", "3"]
    assert [len(wave["hosts"]) for wave in said["waves"]] == [1, 3, 8]
    assert [wave["gates"] for wave in said["waves"]] == [[], [], []]
    assert [step["name"] for step in said["steps"]] == ["remember", "pull", "migrate", "restart", "healthy"]
    assert said["estimate"] == {
        "calls": 12 + 2 * 5 * 12,
        "calls_per_second": 8.0,
        "seconds": 3 * 5 * 2.0,
        "seconds_p90": 3 * 5 * 2.0,
        "attempts": 0,
        "guessed": ["remember", "pull", "migrate", "restart", "healthy"],
    }
    assert said["cannot_be_undone"] == ["remember", "migrate", "healthy"]
    assert said["warnings"] == [
        "the rollback of 'restart' is the step's own command: nothing to go back to, it would do again what failed"
    ]
    assert len(said["digest"]) == 64


def test_what_is_to_be_known_of_values_is_among_the_warnings_of_the_text_and_of_the_json() -> None:
    plan = replace(make_plan(2), remarks=("deploy.yml:3:7: the value is filled in as it is (raw)",))

    assert plan_json(plan)["warnings"][-1] == plan.remarks[0]
    assert f"WARNING  {plan.remarks[0]}" in plan_text(plan, (), PAPER)


def test_a_command_says_what_it_waits_for_and_so_does_its_rollback() -> None:
    (late,) = plan_json(make_plan(1, [replace(DEPLOY[1], waits_for=("tag",))]))["commands"]

    assert (late["final"], late["waits_for"]) == (False, ["tag"])
    assert late["rollback"] == "git checkout -q {{ before.stdout }}"
    assert (late["rollback_final"], late["rollback_waits_for"]) == (False, ["before"])


def test_what_is_never_run_is_no_command_and_costs_no_call() -> None:
    rules = (Rule(name="drain", when="zone == 'a'", skipped_on=("web-002",)), Rule(name="go"), FINALLY, AFTER)
    said = plan_json(make_plan(2, rules))

    assert [(each["host"], each["step"]) for each in said["commands"]] == [
        ("web-001", "drain"), ("web-001", "go"), ("web-001", "start again"), ("web-001", "unlock"),
        ("web-002", "go"), ("web-002", "start again"), ("web-002", "unlock"),
    ]  # fmt: skip
    assert said["steps"][0]["skipped"] == ["web-002"]
    assert said["estimate"]["calls"] == 2 + 2 * 5  # the steps after a rollback are not expected


def test_the_rollback_of_a_step_that_is_never_run_is_not_counted() -> None:
    rules = (Rule(name="drain", rollback="back", when="zone == 'a'", skipped_on=("web-002",)), Rule(name="go"))
    lines = plan_text(make_plan(2, rules), (), PAPER)

    assert "COMMANDS   4 of 4 commands final, rollbacks among them" in lines


def test_what_a_person_should_know_is_a_warning() -> None:
    rules = (Rule(name="go", rollback="back"), Rule(name="never", when="x", skipped_on=("web-001", "web-002")))
    said = plan_json(make_plan(2, rules, max_failures=2, rollback=RollbackScope.NONE))

    assert said["warnings"] == [
        "the step 'never' is run on no host",
        "all 2 hosts go in one wave: there is no canary to fail first",
        "max_failures is 2: the run does not stop even if every host fails",
        "rollback is none: the rollbacks of the steps are not run, whatever fails",
    ]


def test_every_command_that_can_be_run_is_in_the_text_once_for_hosts_that_share_it() -> None:
    rules = (Rule(name="a", run="first\nsecond"), Rule(name="b", run="same", rollback="undo {host}"), FINALLY, AFTER)
    lines = plan_text(make_plan(40, rules), ARGV, PAPER)

    assert sum("$ same" in line for line in lines) == 1
    assert sum("$ undo web-" in line for line in lines) == 40
    assert "          second" in lines
    assert sum("$ true" in line for line in lines) == 2


def test_a_command_cannot_hide_what_it_does_from_the_reader() -> None:
    lines = plan_text(make_plan(1, [Rule(name="go", run="rm -rf /\rls  \x1b[8m# \u202e")]), ARGV, PAPER)

    assert "        $ rm -rf /\\rls  \\x1b[8m# \\u202e" in lines


def test_folders_and_environments_are_told_once_where_they_are_the_same_and_apart_where_not() -> None:
    common = {"cwd": "/srv", "env": (("PORT", "80-{host}"),)}
    rules = (Rule(name="a", **common), Rule(name="b", **common), Rule(name="c", cwd="/tmp"))  # type: ignore[arg-type] # Rule's own
    text = "\n".join(plan_text(make_plan(2, rules), (), PAPER))

    assert "\n    in /srv\n    PORT=80-web-001 on web-001, 80-web-002 on web-002\n" in text
    assert text.count("/srv") == 1
    assert "     3 c   timeout 10m\n        $ true\n        in /tmp\n        without PORT\n" in text


def test_what_is_said_of_every_command_is_taken_back_where_one_has_it_not() -> None:
    common = {"cwd": "/srv", "user": "deploy", "env": (("PORT", "80"),)}
    rules = (Rule(name="a", **common), Rule(name="b", **common), Rule(name="c"))  # type: ignore[arg-type] # Rule's own
    text = "\n".join(plan_text(make_plan(1, rules), (), PAPER))

    assert "EVERY COMMAND, where nothing else is said\n    in /srv\n    as deploy\n    PORT=80\n" in text
    own = ("in the user's HOME", "as the agent's own user", "without PORT")
    assert "     3 c   timeout 10m\n        $ true\n" + "".join(f"        {said}\n" for said in own) in text


def test_how_a_step_differs_from_others_is_said() -> None:
    rules = (
        Rule(name="serve", user="deploy", background=True, plain=True, interrupted=Interrupted.RERUN),
        Rule(name="go", user="deploy"),
    )
    plan = make_plan(1, rules)
    text = "\n".join(plan_text(plan, (), PAPER))
    said = plan_json(plan)

    assert "EVERY COMMAND, where nothing else is said\n    as deploy\n" in text
    assert "a background service, run again if interrupted, sent plain" in " ".join(text.split())
    assert said["commands"][0]["user"] == "deploy"
    assert [(step["background"], step["interrupted"], step["exec"]) for step in said["steps"]] == [
        (True, "rerun", "plain"),
        (False, "fail", "durable"),
    ]


def test_the_line_to_paste_is_quoted_for_the_shell() -> None:
    lines = plan_text(make_plan(1), ("orc", "run", "my plays/p.yml", "-l", "web-[001-003]"), PAPER)

    assert "        orc run 'my plays/p.yml' -l 'web-[001-003]'" in lines


def test_a_duration_is_said_to_be_a_guess_where_nothing_is_known_of_a_step() -> None:
    guess = "DURATION   a guess: about 10.0 s; nothing is known of how long its steps take (2 s each assumed)"
    assert guess in plan_text(make_plan(1), (), PAPER)
    known: Durations = {StepName("pull"): [30.0, 60.0], StepName("migrate"): [1.0]}
    said = " ".join(line.strip() for line in plan_text(make_plan(1), (), PAPER, Known(durations=known)))
    assert (
        "DURATION   a guess: about 37.0 s, 1m 07s where every step is slow, by 3 attempts in earlier runs; "
        "nothing is known of how long remember, restart, healthy take (2 s each assumed)"
    ) in said
