"""Right playbooks to nouns."""

import hashlib
from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.load import load_playbook
from orchestrator.model.ids import Vmid
from orchestrator.model.origin import Origin, Text
from orchestrator.model.param import Param
from orchestrator.model.playbook import Body, Interrupted, Outcome, Playbook, Retries, RollbackRule, Step, UndoPart
from orchestrator.model.rollout import RollbackScope, Share, WaveSize
from tests.load.conftest import Write

WHOLE = r"""
name: deploy-web
description: Roll a release out to the web tier.
hosts: web:&prod:!frozen
x-owner: {team: web, pager: no}
params:
  release: {type: string, required: true, pattern: '^v\d+\.\d+\.\d+$', help: the tag to deploy}
  colour: {choices: [blue, green], default: blue}
vars: {repo: /srv/app}
env: {APP_ENV: production, PORT: 8000}
defaults: {timeout: 10m, cwd: /srv/app}
rollout:
  waves: [1, 10%, {name: rest, size: 100%}]
  order: inventory
  max_parallel: 20
  max_failures: 5%
  max_unreachable: 2
  in_flight: finish
  rollback: wave
steps:
  - name: remember
    run: git rev-parse HEAD
    register: before
  - name: pull
    run: git fetch --tags origin && git checkout -q {{ release }}
    timeout: 5m
    retries: {attempts: 3, delay: 5s, backoff: 2, max_delay: 1m}
    rollback: git checkout -q {{ before.stdout }}
  - name: migrate
    run: python migrations/run_migration.py
    env: {DRY: '0'}
    cwd: /srv/app/migrations
    ok_exit: [0, 3]
    failed_when: "'error' in result.stderr"
    irreversible: true
    exec: durable
    on_failure: rollback
  - name: restart
    argv: [systemctl, restart, enbase]
    rollback: {argv: [systemctl, restart, enbase], on: [failed, timed_out, unknown], timeout: 1m}
  - name: healthy
    run: |
      curl -fsS localhost:8000/health
    when: zone == 'a'
    until: result.stdout == 'ok'
    retries: {attempts: 10, delay: 3s}
after_rollback:
  - {name: restart again, argv: [systemctl, restart, enbase]}
finally:
  - {name: unlock, run: rm -f /run/deploying}
"""


def text(source: str, line: int, column: int, file: str = "deploy.yml") -> Text:
    return Text(source=source, origin=Origin(file=file, line=line, column=column))


@pytest.fixture
def whole(write: Write) -> Playbook:
    return load_playbook(write("deploy.yml", WHOLE))


def step(playbook: Playbook, name: str) -> Step:
    (found,) = [s for s in (*playbook.steps, *playbook.after_rollback, *playbook.finally_) if s.name == name]
    return found


def test_the_head_of_a_playbook(whole: Playbook) -> None:
    assert (whole.name, whole.file) == ("deploy-web", "deploy.yml")
    assert whole.description == "Roll a release out to the web tier."
    assert whole.hosts == text("web:&prod:!frozen", 4, 8)
    assert whole.vmids == ()
    assert whole.timeout == 600
    assert whole.cwd == text("/srv/app", 11, 31)
    assert whole.env == {"APP_ENV": text("production", 10, 16), "PORT": text("8000", 10, 34)}
    assert {name: v.value for name, v in whole.variables.items()} == {"repo": "/srv/app"}
    assert whole.inputs == {"deploy.yml": hashlib.sha256(WHOLE.encode()).hexdigest()}


def test_params_keep_their_place(whole: Playbook) -> None:
    release = Param(
        name="release",
        required=True,
        pattern=r"^v\d+\.\d+\.\d+$",
        help="the tag to deploy",
        origin=Origin(file="deploy.yml", line=7, column=3),
    )

    assert whole.params[0] == release
    assert (whole.params[1].choices, whole.params[1].default) == (("blue", "green"), "blue")


def test_the_rollout(whole: Playbook) -> None:
    assert whole.rollout.waves == (
        WaveSize(size=Share(count=1)),
        WaveSize(size=Share(percent=10)),
        WaveSize(size=Share(percent=100), name="rest"),
    )
    assert whole.rollout.max_parallel == 20
    assert whole.rollout.max_failures == Share(percent=5)
    assert whole.rollout.max_unreachable == Share(count=2)
    assert whole.rollout.rollback is RollbackScope.WAVE


def test_a_step_and_its_rollback(whole: Playbook) -> None:
    assert step(whole, "pull") == Step(
        name=step(whole, "pull").name,
        origin=Origin(file="deploy.yml", line=24, column=5),
        path="steps[1]",
        body=Body(
            kind="run",
            texts=(text("git fetch --tags origin && git checkout -q {{ release }}", 25, 10),),
        ),
        timeout=300,
        retries=Retries(attempts=3, delay=5, backoff=2, max_delay=60),
        rollback=RollbackRule(
            parts=(UndoPart(body=Body(kind="run", texts=(text("git checkout -q {{ before.stdout }}", 28, 15),))),)
        ),
    )


def test_a_rollback_with_rules_of_its_own(whole: Playbook) -> None:
    rule = step(whole, "restart").rollback

    assert rule
    assert [t.source for t in rule.parts[0].body.texts] == ["systemctl", "restart", "enbase"]
    assert rule.parts[0].body.texts[1].origin.column == 34
    assert rule.on == {Outcome.FAILED, Outcome.TIMED_OUT, Outcome.UNKNOWN}
    assert rule.timeout == 60


def test_what_else_a_step_may_say(whole: Playbook) -> None:
    migrate, healthy = step(whole, "migrate"), step(whole, "healthy")

    assert migrate.ok_exit == {0, 3}
    assert migrate.irreversible
    assert migrate.env == {"DRY": text("0", 31, 17)}
    assert migrate.cwd == text("/srv/app/migrations", 32, 10)
    assert migrate.failed_when == text("'error' in result.stderr", 34, 19)
    assert healthy.body.texts == (text("curl -fsS localhost:8000/health\n", 43, 7),)
    assert healthy.when == text("zone == 'a'", 44, 11)
    assert healthy.until == text("result.stdout == 'ok'", 45, 12)
    assert step(whole, "remember").register == "before"


def test_the_sections_keep_their_steps(whole: Playbook) -> None:
    assert [s.name for s in whole.steps] == ["remember", "pull", "migrate", "restart", "healthy"]
    assert [s.name for s in whole.after_rollback] == ["restart again"]
    assert [s.name for s in whole.finally_] == ["unlock"]


def test_bare_vmids_need_no_inventory(write: Write) -> None:
    playbook = load_playbook(write("books/up.yml", "vmids: [10000, 10001]\nsteps: [{run: uptime}]\n"))

    assert playbook.vmids == (Vmid("10000"), Vmid("10001"))
    assert playbook.hosts is None
    assert playbook.name == "up"
    assert playbook.file == "books/up.yml"


def test_what_is_not_said_has_the_documented_defaults(write: Write) -> None:
    playbook = load_playbook(write("p.yml", "hosts: all\nsteps: [{run: uptime}]\n"))

    assert playbook.timeout == 600
    assert playbook.rollout.waves == (WaveSize(size=Share(percent=100)),)
    assert playbook.rollout.max_failures == playbook.rollout.max_unreachable == Share(count=0)
    assert playbook.rollout.rollback is RollbackScope.HOST
    assert playbook.steps[0].retries.attempts == 1
    assert playbook.steps[0].ok_exit == {0}


@pytest.mark.parametrize("waves", ["5", "[5]", "{size: 5}", "[{size: 5}]"])
@pytest.mark.parametrize("key", ["waves", "serial"])
def test_waves_may_be_said_in_short(write: Write, key: str, waves: str) -> None:
    playbook = load_playbook(write("p.yml", f"hosts: all\nrollout: {{{key}: {waves}}}\nsteps: [{{run: uptime}}]\n"))

    assert playbook.rollout.waves == (WaveSize(size=Share(count=5)),)


@pytest.mark.parametrize("key", ["run", "command", "shell"])
def test_run_has_aliases(write: Write, key: str) -> None:
    playbook = load_playbook(write("p.yml", f"hosts: all\nsteps: [{{{key}: uptime}}]\n"))

    assert playbook.steps[0].body.kind == "run"


def test_whole_numbers_are_words_of_a_program(write: Write) -> None:
    playbook = load_playbook(write("p.yml", "hosts: all\nenv: {N: 5}\nsteps: [{argv: [sleep, 5]}]\n"))

    assert [t.source for t in playbook.steps[0].body.texts] == ["sleep", "5"]
    assert playbook.env["N"].source == "5"


def test_true_and_false_are_expressions(write: Write) -> None:
    playbook = load_playbook(write("p.yml", "hosts: all\nsteps: [{run: uptime, when: false, failed_when: true}]\n"))

    assert playbook.steps[0].when == text("false", 2, 29, "p.yml")
    assert playbook.steps[0].failed_when == text("true", 2, 49, "p.yml")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30s", 30), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("90", 90), ("0.5", 0.5), ("1.5h", 5400)],
)
def test_durations(write: Write, written: str, seconds: float) -> None:
    playbook = load_playbook(write("p.yml", f"hosts: all\nsteps: [{{run: uptime, timeout: {written}}}]\n"))

    assert playbook.steps[0].timeout == seconds


def test_a_long_delay_is_not_cut_by_the_default_ceiling(write: Write) -> None:
    playbook = load_playbook(write("p.yml", "hosts: all\nsteps: [{run: uptime, retries: {attempts: 2, delay: 1h}}]\n"))

    assert playbook.steps[0].retries == Retries(attempts=2, delay=3600, max_delay=3600)


def test_steps_without_names_are_called_by_their_first_words_each_once(write: Write) -> None:
    playbook = load_playbook(
        write(
            "p.yml",
            """
            hosts: all
            steps:
              - run: LANG=C /usr/bin/git fetch --tags origin
              - run: git fetch
              - {name: git fetch 3, run: git fetch}
              - run: git fetch
              - argv: [systemctl, restart, web]
              - run: curl -fsS localhost
              - run: "{{ command }}"
              - run: cd /srv/app && make
            finally:
              - run: git fetch
            """,
        )
    )

    assert [s.name for s in (*playbook.steps, *playbook.finally_)] == [
        "git fetch",
        "git fetch 2",
        "git fetch 3",
        "git fetch 4",
        "systemctl restart",
        "curl",
        "step",
        "cd /srv/app",
        "git fetch 5",
    ]


def test_aliases_may_be_used_and_keep_the_place_of_what_they_repeat(write: Write) -> None:
    playbook = load_playbook(
        write("p.yml", "x-retries: &r {attempts: 2}\nhosts: all\nsteps: [{run: uptime, retries: *r}]\n")
    )

    assert playbook.steps[0].retries.attempts == 2


def test_a_flood_of_problems_is_cut(write: Write) -> None:
    path = write("p.yml", "hosts: all\nsteps:\n" + "  - {rnu: x}\n" * 5000)

    with pytest.raises(InputError) as caught:
        load_playbook(path)

    assert len(caught.value.problems) == 101
    assert caught.value.problems[-1].problem == "4900 more problems are not shown"


def test_a_name_may_be_given_by_any_kind_of_path(write: Write, tmp_path: Path) -> None:
    write("p.yml", "hosts: all\nsteps: [{run: uptime}]\n")

    assert load_playbook(tmp_path / "p.yml").file == (tmp_path / "p.yml").as_posix()


def test_the_user_of_the_steps_and_of_one(write: Write) -> None:
    written = "hosts: all\ndefaults: {user: deploy}\nsteps:\n  - {run: a}\n  - {run: b, user: '{{ who }}'}\n"
    playbook = load_playbook(write("p.yml", written))

    assert playbook.user == text("deploy", 2, 18, "p.yml")
    assert [each.user for each in playbook.steps] == [None, text("{{ who }}", 5, 21, "p.yml")]


@pytest.mark.parametrize(
    ("keys", "meant"),
    [
        ("timeout: 1m", Interrupted.FAIL),
        ("idempotent: false", Interrupted.FAIL),
        ("idempotent: true", Interrupted.RERUN),
        ("interrupted: rerun", Interrupted.RERUN),
        ("interrupted: fail, idempotent: true", Interrupted.FAIL),
    ],
)
def test_what_follows_an_interruption(write: Write, keys: str, meant: Interrupted) -> None:
    playbook = load_playbook(write("p.yml", f"hosts: all\nsteps: [{{run: uptime, {keys}}}]\n"))

    assert playbook.steps[0].interrupted is meant


def test_a_service_and_a_plain_command(write: Write) -> None:
    steps = "[{run: a, background: true}, {run: b, exec: plain}, {run: c, exec: durable, background: false}]"
    playbook = load_playbook(write("p.yml", f"hosts: all\nsteps: {steps}\n"))

    assert [(each.background, each.plain) for each in playbook.steps] == [(True, False), (False, True), (False, False)]
