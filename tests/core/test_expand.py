"""A playbook over an inventory as a plan: what is rendered, what waits, what is refused, all at once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from orchestrator import __version__, codec
from orchestrator.core.expand import expand, inventory_of_vmids
from orchestrator.errors import InputError
from orchestrator.model.gate import ControllerCommand
from orchestrator.model.host import Host, Inventory, InventoryHost, ProviderSpec, Variable
from orchestrator.model.ids import HostName, StepName, Value, Vmid
from orchestrator.model.origin import COMMAND_LINE, Origin, Text
from orchestrator.model.param import Param
from orchestrator.model.plan import Plan, Section
from orchestrator.model.playbook import Body, Interrupted, Outcome, Playbook, Retries, RollbackRule, Step, UndoPart
from orchestrator.model.rollout import RollbackScope, Rollout, Share, WaveSize

PROVIDER = ProviderSpec(kind="simulator", url="http://127.0.0.1:1", api_key="env:KEY")


def text(source: str, line: int = 1) -> Text:
    return Text(source=source, origin=Origin(file="deploy.yml", line=line, column=1))


def run(source: str, line: int = 1) -> Body:
    return Body(kind="run", texts=(text(source, line),))


def undo(source: str, line: int = 1, retries: Retries | None = None, **more: Any) -> RollbackRule:
    part = UndoPart(body=run(source, line), retries=retries or Retries())
    return RollbackRule(parts=(part,), **more)


def step(name: str, source: str, line: int = 1, **more: Any) -> Step:
    for key in ("when", "until", "failed_when", "cwd", "user"):
        if key in more:
            more[key] = text(more[key], line)
    return Step(name=StepName(name), body=run(source, line), origin=text("", line).origin, **more)


def variables(written: Mapping[str, Value], file: str = "deploy.yml") -> dict[str, Variable]:
    return {
        name: Variable(value=value, origin=Origin(file=file, line=number, column=9))
        for number, (name, value) in enumerate(written.items(), start=101)
    }


def playbook(*steps: Step, vars: Mapping[str, Value] | None = None, **more: Any) -> Playbook:
    return Playbook(
        name="deploy",
        file="deploy.yml",
        origin=Origin(file="deploy.yml", line=1, column=1),
        hosts=text("all"),
        steps=steps,
        variables=variables(vars or {}),
        **more,
    )


def inventory(**hosts: Mapping[str, Value]) -> Inventory:
    return Inventory(
        file="prod.yml",
        provider=PROVIDER,
        hosts=tuple(
            InventoryHost(
                host=Host(name=HostName(name), vmid=Vmid(str(10000 + number))),
                groups=frozenset({"web", "prod"}),
                variables=variables(written, "prod.yml"),
                origin=Origin(file="prod.yml", line=number + 1, column=1),
            )
            for number, (name, written) in enumerate(hosts.items())
        ),
        inputs={"prod.yml": "11"},
    )


def plan_of(book: Playbook, fleet: Inventory | None = None, **params: Value) -> Plan:
    fleet = fleet or inventory(web1={}, web2={})
    passed = {name: Variable(value=value, origin=COMMAND_LINE) for name, value in params.items()}
    return expand(book, fleet, fleet.hosts, passed)


def texts(plan: Plan, host: int = 0) -> list[str]:
    return [command.text for command in plan.hosts[host].commands]


def problems(book: Playbook, fleet: Inventory | None = None, **params: Value) -> list[str]:
    with pytest.raises(InputError) as caught:
        plan_of(book, fleet, **params)
    return [f"{each.origin}: {each.path}: {each.problem}; {each.fix}" for each in caught.value.problems]


def test_commands_are_rendered_for_each_host() -> None:
    book = playbook(step("say", "echo {{ host }} {{ vmid }} {{ groups | join(',') }} {{ port }}"))
    plan = plan_of(book, inventory(web1={"port": 80}, web2={"port": "8 0"}))

    assert texts(plan, 0) == ["echo web1 10000 prod,web 80"]
    assert texts(plan, 1) == ["echo web2 10001 prod,web '8 0'"]
    assert all(command.final for host in plan.hosts for command in host.commands)


def test_a_declared_hostname_is_a_variable_and_an_undeclared_one_is_not() -> None:
    fleet = inventory(web1={})
    named = replace(fleet.hosts[0], host=replace(fleet.hosts[0].host, hostname="a.example"))
    book = playbook(step("say", "echo {{ hostname | default('none') }}"))

    assert texts(plan_of(book, replace(fleet, hosts=(named,)))) == ["echo a.example"]
    assert texts(plan_of(book, fleet)) == ["echo none"]


def test_variables_of_the_caller_go_before_those_of_the_playbook_before_those_of_the_inventory() -> None:
    book = playbook(step("say", "{{ a }} {{ b }} {{ c }}"), vars={"a": "book", "b": "book"})
    fleet = inventory(web1={"a": "inventory", "b": "inventory", "c": "inventory"})

    assert texts(plan_of(book, fleet, a="caller")) == ["caller book inventory"]


def test_variables_may_be_templates_of_others() -> None:
    book = playbook(
        step("say", "{{ folder }} {{ ports.http }} {{ all | join(' ') }}"),
        vars={"folder": "{{ base }}/{{ release }}", "ports": {"http": "{{ port }}"}, "all": ["{{ host }}", "b"]},
    )
    fleet = inventory(web1={"base": "/srv/{{ host }}", "port": 80})

    assert texts(plan_of(book, fleet, release="v 2")) == ["'/srv/web1/v 2' 80 'web1 b'"]


def test_what_the_caller_passes_is_data_and_no_template() -> None:
    assert texts(plan_of(playbook(step("say", "echo {{ x }}")), x="{{ host }}")) == ["echo '{{ host }}'"]


def test_a_variable_that_needs_itself_is_refused() -> None:
    book = playbook(step("say", "echo {{ a }}"), vars={"a": "{{ b }}", "b": "x{{ a }}"})

    assert problems(book) == [
        "deploy.yml:101:9: a: the variable `a` needs itself: a -> b -> a (for web1 and 1 more); "
        "give one of them a value of its own"
    ]


def test_a_broken_variable_that_nothing_uses_is_nobodys_problem() -> None:
    assert texts(plan_of(playbook(step("say", "echo"), vars={"a": "{{ a }}", "b": "{{ .State }}"}))) == ["echo"]


def test_an_undefined_name_is_told_once_with_its_place_near_misses_and_hosts() -> None:
    book = playbook(step("one", "echo {{ prot }}", line=7), step("two", "x {{ only }}", line=9))
    fleet = inventory(web1={"port": 1}, web2={"port": 2, "only": 3}, web3={"port": 2})

    assert problems(book, fleet) == [
        "deploy.yml:7:9: steps[0].run: `prot` is not defined (for web1 and 2 more); did you mean `port`?",
        "deploy.yml:9:6: steps[1].run: `only` is not defined (for web1 and 1 more); "
        "define it, or write `only | default('...')`",
    ]


def test_a_param_that_was_not_passed_is_asked_for() -> None:
    book = playbook(step("say", "{{ release }}"), params=(Param(name="release", origin=COMMAND_LINE),))

    assert problems(book) == [
        "deploy.yml:1:4: steps[0].run: `release` is not defined (for web1 and 1 more); pass it: -e release=..."
    ]


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_the_file() -> None:
    book = playbook(
        step("a", "echo `{{ host }}`", line=3, rollback=undo("x {{ nope }}", line=4)),
        step("b", "{{ ", line=2, when="host", until="result.stdou == 'x'"),
        step("c", "true", line=5, cwd="{{ groups }}", env={"X": text("{{ zone }}", line=6)}),
    )

    assert [each.split(";")[0] for each in problems(book)] == [
        "deploy.yml:2:1: steps[1].run: not a template: unexpected 'end of template'",
        "deploy.yml:2:8: steps[1].until: `result` has no `stdou`",
        "deploy.yml:3:7: steps[0].run: a value cannot stand inside backquotes",
        "deploy.yml:4:6: steps[0].rollback: `nope` is not defined (for web1 and 1 more)",
        "deploy.yml:5:1: steps[2].cwd: a list cannot stand here (for web1 and 1 more)",
        "deploy.yml:6:4: steps[2].env.X: `zone` is not defined (for web1 and 1 more)",
    ]


def test_a_text_that_is_wrong_does_not_hide_what_is_wrong_beside_it() -> None:
    book = playbook(step("a", "echo `{{ host }}`", cwd="{{ folder }}", when="{{"), vars={"folder": "{{ nope }}"})

    assert [each.split(": ")[1] for each in problems(book)] == ["steps[0].when", "steps[0].run", "folder"]


def test_a_condition_that_is_no_boolean_is_refused() -> None:
    assert problems(playbook(step("a", "true", when="host"))) == [
        "deploy.yml:1:1: steps[0].when: the expression gives a string, not true or false (for web1 and 1 more); "
        "compare it, as in `x == 'yes'`, or write `x | length > 0`"
    ]


def test_no_more_than_fifty_problems_are_told() -> None:
    book = playbook(*(step(f"s{number}", "{{ nope }}", line=number + 1) for number in range(60)))
    told = problems(book)

    assert len(told) == 51
    assert "10 more problems are not shown" in told[-1]


def test_no_hosts_are_no_plan() -> None:
    with pytest.raises(InputError, match="no host is selected"):
        expand(playbook(step("a", "true")), inventory(), (), {})


def test_slots_are_the_steps_then_their_undos_then_after_rollback_then_finally() -> None:
    book = playbook(
        step("a", "a", rollback=undo("undo a")),
        step("b", "b"),
        step("c", "c", rollback=undo("undo c")),
        after_rollback=(step("d", "d"),),
        finally_=(step("e", "e"),),
    )
    plan = plan_of(book)

    assert [(slot.name, slot.section, slot.undo_of) for slot in plan.slots] == [
        ("a", Section.STEPS, None),
        ("b", Section.STEPS, None),
        ("c", Section.STEPS, None),
        ("a", Section.UNDO, 0),
        ("c", Section.UNDO, 2),
        ("d", Section.AFTER_ROLLBACK, None),
        ("e", Section.FINALLY, None),
    ]
    assert texts(plan) == ["a", "b", "c", "undo a", "undo c", "d", "e"]


def test_a_step_has_the_playbooks_defaults_and_an_undo_its_steps() -> None:
    retries = Retries(attempts=2)
    book = playbook(
        step("a", "a", rollback=undo("undo a")),
        step(
            "b",
            "b",
            timeout=5.0,
            cwd="/b",
            env={"Y": text("step")},
            ok_exit=frozenset({3, 0}),
            rollback=undo("undo b", on=frozenset({Outcome.UNKNOWN, Outcome.FAILED}), retries=retries),
        ),
        step("c", "c", timeout=5.0, rollback=undo("undo c", timeout=7.0)),
        timeout=60.0,
        cwd=text("/srv/{{ host }}"),
        env={"Y": text("book"), "X": text("{{ vmid }}")},
    )
    plan = plan_of(book)

    assert [slot.timeout for slot in plan.slots] == [60.0, 5.0, 5.0, 60.0, 5.0, 7.0]
    assert [command.cwd for command in plan.hosts[0].commands] == ["/srv/web1", "/b", "/srv/web1"] * 2
    assert plan.hosts[0].commands[0].env == (("X", "10000"), ("Y", "book"))
    assert plan.hosts[0].commands[1].env == plan.hosts[0].commands[4].env == (("X", "10000"), ("Y", "step"))
    assert plan.slots[1].ok_exit == (0, 3)
    assert plan.slots[4].undo_on == (Outcome.FAILED, Outcome.UNKNOWN)
    assert plan.slots[4].retries == retries
    assert plan.slots[4].ok_exit == (0,)


def test_an_argv_is_words_that_no_shell_reads() -> None:
    body = Body(kind="argv", texts=(text("echo"), text("'{{ x }}'")))
    book = playbook(Step(name=StepName("a"), body=body, origin=COMMAND_LINE))

    assert texts(plan_of(book, x="it's $HOME")) == ["echo ''\"'\"'it'\"'\"'s $HOME'\"'\"''"]


def test_a_command_that_needs_a_result_waits_for_it_and_is_shown_as_written() -> None:
    book = playbook(
        step("remember", "git rev-parse HEAD", register="before"),
        step("pull", "git pull {{ release }}", rollback=undo("git checkout {{ before.stdout }} {{ release }}")),
        step("say", "true", env={"B": text("{{ before.stdout }}{{ two.stdout }}"), "R": text("{{ release }}")}),
        finally_=(step("f", "echo {{ before.exit_code }}", when="before.ok"),),
    )
    book = replace(book, steps=(step("first", "x", register="two"), *book.steps))
    plan = plan_of(book, release="v2")
    slots = (slot.name + slot.section.value for slot in plan.slots)
    commands = dict(zip(slots, plan.hosts[0].commands, strict=True))

    assert commands["pullsteps"].text == "git pull v2"
    assert commands["pullundo"].text == "git checkout {{ before.stdout }} {{ release }}"
    assert commands["pullundo"].waits_for == ("before",)
    assert commands["saysteps"].waits_for == ("before", "two")
    assert commands["saysteps"].env == (("B", "{{ before.stdout }}{{ two.stdout }}"), ("R", "{{ release }}"))
    assert commands["ffinally"].waits_for == ("before",)
    assert plan.hosts[0].whens == (True, True, True, True, True, None)
    assert plan.hosts[0].values == {"release": "v2"}


def test_a_plan_keeps_the_variables_that_its_commands_are_made_of_or_the_run_needs_and_no_others() -> None:
    book = playbook(
        step("a", "echo {{ said }}", register="one"),
        step("b", "echo {{ one.stdout }} {{ folder }} {{ other | default('x') }}"),
        step("c", "true", until="result.stdout == wanted and host != ''", when="one.ok and zone == 'a'"),
        step("d", "true", when="flag == 'x'"),
        step("e", "echo {{ never }}", when="flag == 'x'"),
        vars={
            "folder": "{{ base }}/x",
            "base": "/srv",
            "wanted": [1],
            "said": "s",
            "zone": "a",
            "flag": "y",
            "never": 1,
        },
    )

    values = plan_of(book).hosts[0].values
    assert values == {"folder": "/srv/x", "wanted": [1], "host": "web1", "zone": "a", "said": "s"}


def test_a_condition_is_decided_while_planning_when_it_can_be() -> None:
    book = playbook(
        step("a", "x {{ disk }}", when="disk is defined", rollback=undo("y {{ disk }}"), register="one"),
        step("b", "echo {{ one.stdout }}", when="disk is defined"),
        step("c", "true", when="one.ok"),
    )
    plan = plan_of(book, inventory(web1={"disk": "sda"}, web2={}))

    assert [host.whens for host in plan.hosts] == [(True, True, None, True), (False, False, None, True)]
    assert texts(plan, 0) == ["x sda", "echo {{ one.stdout }}", "true", "y sda"]
    assert texts(plan, 1) == ["x {{ disk }}", "echo {{ one.stdout }}", "true", "y {{ disk }}"]
    assert all(command.final for command in plan.hosts[1].commands)


@pytest.mark.parametrize(
    ("book", "told"),
    [
        (
            playbook(step("a", "echo {{ later.stdout }}"), step("b", "x", register="later")),
            "deploy.yml:1:9: steps[0].run: `later` is registered only by the later step 'b'; "
            "move this step below that one",
        ),
        (
            playbook(step("a", "echo {{ own.stdout }}", register="own")),
            "deploy.yml:1:9: steps[0].run: `own` is this step's own result, and not there before it has run; "
            "use the result of an earlier step",
        ),
        (
            playbook(step("a", "x", register="own", until="own.stdout == 'ok'")),
            "deploy.yml:1:1: steps[0].until: `own` is this step's own result, which is not registered yet; "
            "call it `result` here",
        ),
        (
            playbook(
                step("a", "x", register="r", rollback=undo("echo {{ f.stdout }}")),
                finally_=(step("f", "x", register="f"),),
            ),
            "deploy.yml:1:9: steps[0].rollback: `f` is registered only by the later step 'f'; "
            "move this step below that one",
        ),
        (
            playbook(step("a", "x", register="one"), step("b", "echo {{ one.stdou }}")),
            "deploy.yml:1:13: steps[1].run: `one` has no `stdou`; it has stdout stderr exit_code ok changed",
        ),
        (
            playbook(step("a", "x", register="one"), step("b", "echo `{{ one.stdout }}`")),
            "deploy.yml:1:7: steps[1].run: a value cannot stand inside backquotes; write $(...) instead of `...`",
        ),
        (
            playbook(step("a", "x", register="one"), step("b", "echo {{ one.stdout }} {{ nope }}")),
            "deploy.yml:1:26: steps[1].run: `nope` is not defined (for web1 and 1 more); "
            "define it, or write `nope | default('...')`",
        ),
        (
            playbook(step("a", "x", failed_when="'err' in result.stdout and nope")),
            "deploy.yml:1:28: steps[0].failed_when: `nope` is not defined (for web1 and 1 more); "
            "define it, or ask `nope is defined`",
        ),
        (
            playbook(step("a", "x", register="one"), step("b", "{{ v }}"), vars={"v": "a{{ one.stdout }}"}),
            "deploy.yml:101:13: v: the variable `v` needs the result `one`, which is known only in the run "
            "(for web1 and 1 more); write `one` in the step itself",
        ),
    ],
)
def test_what_could_only_fail_in_the_run_is_refused_while_planning(book: Playbook, told: str) -> None:
    assert problems(book) == [told]


def test_an_undo_and_the_sections_after_it_see_the_results_of_all_steps() -> None:
    book = playbook(
        step("a", "a", register="one", rollback=undo("x {{ one.stdout }} {{ two.stdout }}")),
        step("b", "b", register="two"),
        after_rollback=(step("c", "y {{ two.stdout }}", register="three"), step("d", "z {{ three.stdout }}")),
        finally_=(step("e", "w {{ one.stdout }} {{ three.stdout }}"),),
    )

    assert [command.waits_for for command in plan_of(book).hosts[0].commands] == [
        (),
        (),
        ("one", "two"),
        ("two",),
        ("three",),
        ("one", "three"),
    ]


def test_a_step_may_register_what_until_calls_its_own_result() -> None:
    book = playbook(
        step("a", "x", register="result", until="result.stdout == 'ok'"), step("b", "echo {{ result.stdout }}")
    )

    assert [command.waits_for for command in plan_of(book).hosts[0].commands] == [(), ("result",)]


@pytest.mark.parametrize("name", ["one", "host", "vmid", "groups", "hostname", "result"])
def test_a_variable_that_would_hide_something_is_refused_wherever_it_is_written(name: str) -> None:
    book = playbook(step("a", "x", register="one"))

    assert (
        f"deploy.yml:101:9: {name}: the variable `{name}` has the name"
        in problems(replace(book, variables=variables({name: 1})))[0]
    )
    assert f"prod.yml:101:9: {name}: the variable `{name}` has the name" in problems(book, inventory(web1={name: 1}))[0]
    assert f"command line: {name}: the variable `{name}` has the name" in problems(book, None, **{name: 1})[0]


def test_a_result_that_would_hide_something_is_refused() -> None:
    assert "the step 'a' registers `host`" in problems(playbook(step("a", "x", register="host")))[0]


def test_a_playbooks_own_environment_is_told_by_its_own_path() -> None:
    told = problems(
        playbook(step("a", "x"), step("b", "x"), env={"A": text("{{ nope }}")}, cwd=text("{{ nope }}", line=2))
    )

    assert [each.split(": ")[1] for each in told] == ["env.A", "defaults.cwd"]


def test_hosts_with_the_same_values_share_their_commands_and_equal_looking_values_do_not() -> None:
    book = playbook(step("a", "echo {{ x }}"))
    plan = plan_of(book, inventory(a={"x": 1}, b={"x": 1}, c={"x": True}, d={"x": "1"}, e={"x": 1.0}))

    assert plan.hosts[0].commands[0] is plan.hosts[1].commands[0]
    assert [texts(plan, host)[0] for host in range(5)] == ["echo 1", "echo 1", "echo true", "echo 1", "echo 1.0"]


def test_a_default_is_for_what_is_undefined_and_null_is_something_else() -> None:
    book = playbook(step("a", "echo {{ x | default('d') }}"))

    assert texts(plan_of(book, inventory(a={}, b={"x": "e"})), 0) == ["echo d"]
    assert "the value is null (for b)" in problems(book, inventory(a={}, b={"x": None}))[0]


def test_waves_and_budgets_are_resolved_to_numbers_of_hosts() -> None:
    rollout = Rollout(
        waves=(WaveSize(size=Share(count=1), name="canary"), WaveSize(size=Share(percent=25.0))),
        max_parallel=3,
        max_failures=Share(percent=30.0),
        max_unreachable=Share(count=2),
        rollback=RollbackScope.RUN,
    )
    plan = plan_of(playbook(step("a", "x"), rollout=rollout), inventory(**{f"w{number}": {} for number in range(8)}))

    assert [(wave.name, wave.hosts) for wave in plan.waves[:2]] == [("canary", ("w0",)), ("", ("w1", "w2"))]
    assert [host.wave for host in plan.hosts] == [0, 1, 1, 2, 2, 3, 3, 4]
    assert (plan.policy.max_failures, plan.policy.max_unreachable) == (2, 2)
    assert (plan.policy.max_parallel, plan.policy.rollback) == (3, RollbackScope.RUN)


def test_a_plan_names_all_that_went_in_and_its_digest_moves_with_it() -> None:
    book = playbook(step("a", "echo {{ x }}"), inputs={"deploy.yml": "22"})
    plan = plan_of(book, x="1")

    assert plan.inputs == {"deploy.yml": "22", "prod.yml": "11"}
    assert plan.params == {"x": "1"}
    assert (plan.playbook, plan.file, plan.inventory, plan.tool) == ("deploy", "deploy.yml", "prod.yml", __version__)
    assert plan.provider == PROVIDER
    assert plan.digest == codec.digest(plan) == plan_of(book, x="1").digest
    assert plan.digest != plan_of(book, x="2").digest
    assert codec.plan_from_json(codec.canonical(codec.to_json(plan))) == plan


def test_a_playbook_of_vmids_is_its_own_inventory() -> None:
    book = replace(playbook(step("a", "echo {{ host }}")), hosts=None, vmids=(Vmid("10007"), Vmid("vps_1")))
    fleet = inventory_of_vmids(book, PROVIDER)

    assert texts(plan_of(book, fleet), 1) == ["echo vps_1"]
    assert [each.host.name for each in fleet.hosts] == ["10007", "vps_1"]


def users(plan: Plan, host: int = 0) -> list[str]:
    return [command.user for command in plan.hosts[host].commands]


def test_a_step_runs_as_its_own_user_else_as_the_playbooks_and_so_does_its_undo() -> None:
    book = playbook(
        step("a", "a", user="{{ who }}", rollback=undo("x")),
        step("b", "b", rollback=undo("y")),
        finally_=(step("c", "c", user="root"),),
        user=text("deploy"),
    )

    assert users(plan_of(book, inventory(web1={"who": "www-data"}))) == [
        "www-data",
        "deploy",
        "www-data",
        "deploy",
        "root",
    ]
    assert users(plan_of(playbook(step("a", "a")))) == [""]


def test_a_user_that_is_none_is_refused_while_planning_for_the_hosts_that_have_it() -> None:
    fleet = inventory(a={"who": "deploy"}, b={"who": "-u root"}, c={"who": ""})
    fix = "write at most 32 of a-z, 0-9, _, . and -, the first a letter or _"
    book = playbook(step("a", "a", user="{{ who }}", rollback=undo("x"), line=3))

    assert problems(book, fleet) == [
        f"deploy.yml:3:1: steps[0].user: the user is rendered to '-u root', which is no user's name (for b); {fix}",
        f"deploy.yml:3:1: steps[0].user: the user is rendered to '', which is no user's name (for c); {fix}",
    ]
    other = playbook(step("a", "{{ nope }}"), user=text("{{ who }}", line=3))
    assert [each.split(":")[3] for each in problems(other, fleet)] == [
        " steps[0].run",
        " defaults.user",
        " defaults.user",
    ]


def test_a_user_may_wait_for_a_result() -> None:
    book = playbook(step("a", "stat -c %U .", register="owner"), step("b", "b", user="{{ owner.stdout }}"))
    command = plan_of(book).hosts[0].commands[1]

    assert (command.user, command.waits_for) == ("{{ owner.stdout }}", ("owner",))


def test_an_undo_is_plain_where_its_step_is_and_may_be_run_twice_only_by_its_own_retries() -> None:
    book = playbook(
        step("a", "a", plain=True, rollback=undo("x")),
        step("b", "b", background=True, interrupted=Interrupted.RERUN, rollback=undo("y")),
    )

    assert [(slot.plain, slot.background, slot.interrupted) for slot in plan_of(book).slots] == [
        (True, False, Interrupted.FAIL),
        (False, True, Interrupted.RERUN),
        (True, False, Interrupted.FAIL),
        (False, False, Interrupted.FAIL),
    ]


def test_a_plan_lists_every_raw_value_and_what_else_is_to_be_known_of_values_once_with_its_place() -> None:
    asked = ControllerCommand(name="look", run=text("look {{ who | raw }}", 9))
    book = playbook(
        step("a", "x {{ flags | raw }} {{ late.stdout | raw }}", line=4),
        step(
            "b", "rm {{ file }}; awk 'x{{ file }}'", line=3, rollback=undo("rm -- {{ file }} {{ flags | raw }}", line=2)
        ),
        vars={"flags": "-v | tee log", "who": "us"},
        rollout=Rollout(gates=(asked,)),
    )
    book = replace(book, steps=(step("l", "l", register="late"), *book.steps))
    plan = plan_of(book, inventory(web1={"file": "-rf"}, web2={"file": "-rf"}, web3={"file": "x"}))
    raw = "the value is filled in as it is (raw): the shell runs what it says"

    assert plan.remarks == (
        f"deploy.yml:2:18: {raw}",
        "deploy.yml:3:4: the value begins with `-`, so that rm may take it for an option; write -- before it",
        "deploy.yml:3:22: it is part of a program that awk reads, and is not escaped for that; "
        "write awk -v name={{ value }}, or ENVIRON",
        f"deploy.yml:4:3: {raw}",
        f"deploy.yml:4:21: {raw}",
        f"deploy.yml:9:6: {raw}",
    )
