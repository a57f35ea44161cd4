"""Every rule: what it finds and where, and what looks much like it and is right."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from orchestrator.lint import RULES, lint_inventory
from orchestrator.lint.program_rules import PROGRAM_RULES
from orchestrator.lint.subject import Subject
from orchestrator.load import load_inventory
from orchestrator.model.origin import Origin, Text
from orchestrator.model.plan import Section
from orchestrator.model.playbook import Body
from tests.lint.conftest import Lint

DONE = {"irreversible": True}


class Case(NamedTuple):
    """A step with one mistake; marked: the text in its file at which the mistake is told."""

    rule: str
    marked: str
    step: str
    head: str = ""


WRONG = [
    Case("pipe-without-pipefail", "| gzip", "{run: ./dump | gzip > dump.gz, irreversible: true}"),
    Case("pipe-without-pipefail", "| tail", "{run: set -e; ./build 2>&1 | tail -n 5, irreversible: true}"),
    Case("background-holds-pipe", "&, exec", "{run: ./worker &, exec: plain, irreversible: true}"),
    Case("background-holds-pipe", "&, exec", "{run: nohup ./worker > /dev/null &, exec: plain, irreversible: true}"),
    Case("background-unseen", "&, irr", "{run: ./worker > log 2>&1 &, irreversible: true}"),
    Case("background-unseen", "&, irr", "{run: (cd x && ./worker) &, irreversible: true}"),
    Case("git-pull-without-ref", "pull, irr", "{run: git pull, irreversible: true}"),
    Case("git-pull-without-ref", "pull -q", "{run: cd app && git -C x pull -q origin, irreversible: true}"),
    Case("git-pull-without-ref", "pull]", "{argv: [git, pull], irreversible: true}"),
    Case("asks-for-an-answer", "install nginx", "{run: sudo apt-get -q install nginx, irreversible: true}"),
    Case("asks-for-an-answer", "upgrade", "{run: DEBIAN_FRONTEND=noninteractive apt upgrade, irreversible: true}"),
    Case("not-of-sh", "[[ -d", "{run: '[[ -d x ]] || mkdir x', irreversible: true}"),
    Case("not-of-sh", "source", "{run: source env.sh && ./go, irreversible: true}"),
    Case("not-of-sh", "==", "{run: '[ \"$x\" == y ] && ./go', irreversible: true}"),
    Case("not-of-sh", "&>", "{run: ./go &> log, irreversible: true}"),
    Case("not-of-sh", "<<<", "{run: ./go <<< text, irreversible: true}"),
    Case("failure-passed-over", "cd /srv", "{run: cd /srv; rm -rf cache, irreversible: true}"),
    Case("failure-passed-over", "./one", '{run: "./one\\n./two", irreversible: true}'),
    Case(
        "removal-of-a-value",
        "{{ dir }}/x",
        "{run: 'rm -r -- {{ dir }}/x', rollback: ./y}",
        "params: {dir: {pattern: '.*'}}",
    ),
    Case(
        "value-may-start-with-dash",
        "{{ ref",
        "{run: 'git show {{ ref }}', irreversible: true}",
        "params: {ref: {}}",
    ),
    Case(
        "value-may-start-with-dash",
        "{{ ref",
        "{argv: [git, checkout, '{{ ref }}'], irreversible: true}",
        "params: {ref: {pattern: '[a-z-]+'}}",
    ),
    Case("cannot-be-undone", "{name: x", "{name: x, run: ./deploy}"),
    Case("cannot-be-undone", "{name: x", "{name: x, run: echo 1 > file}"),
    Case("cannot-be-undone", "{name: x", "{name: x, run: curl -X POST localhost/restart}"),
    Case("cannot-be-undone", "{name: x", "{name: x, run: 'for x in a b; do ./deploy $x; done'}"),
    Case("run-once-without-rollback", "{name: x", "{name: x, run: ./migrate, run_once: run}"),
    Case("until-without-retries", "{run: 'true'", "{run: 'true', until: \"result.stdout == ''\"}"),
    Case("wrong-template", "{{ x", "{run: './go >& {{ x }}', irreversible: true}", "params: {x: {}}"),
    Case("wrong-template", "nothing", "{run: 'echo {{ 1 | nothing }}', irreversible: true}"),
    Case("unused-var", "1}", "{run: ./x, irreversible: true}", "vars: {y: 1}"),
    Case("unused-param", "y: {}", "{run: ./x, irreversible: true}", "params: {y: {}}"),
    Case("unused-register", "{run", "{run: ./x, register: z}"),
    Case("unused-handler", "{name: z", "{run: ./x, irreversible: true}", "handlers: [{name: z, run: ./y}]"),
    Case("secret-in-command", "geheim", "{run: ./x --password=geheim123, irreversible: true}"),
    Case("secret-in-command", "geheim", "{run: 'TOKEN=geheim123 ./x', irreversible: true}"),
    Case("secret-in-command", "geheim", "{run: 'curl https://me:geheim123@localhost/', irreversible: true}"),
    Case("secret-in-command", "abcdef", "{run: 'curl -H \"Auth: Bearer abcdefabcdef\" x', irreversible: true}"),
    Case("secret-in-command", "geheim", "{run: ./x, env: {DB_PASSWORD: geheim123}, irreversible: true}"),
    Case("secret-in-vars", "geheim", "{run: './x {{ password }}', irreversible: true}", "vars: {password: geheim123}"),
]

RIGHT: list[dict[str, object]] = [
    {"run": "echo yes | ./install", **DONE},
    {"run": "ps ax | grep -q app", **DONE},
    {"run": "if ./a | ./b; then ./c; fi", **DONE},
    {"run": "./a | ./b", "failed_when": "'error' in result.stdout", **DONE},
    {"argv": ["bash", "-c", "set -o pipefail; ./a | ./b"], **DONE},
    {"run": 'echo "a | b"  # not | this', **DONE},
    {"run": "./worker >log 2>&1 &", "exec": "plain", **DONE},
    {"run": "./a & wait $!", **DONE},
    {"run": "exec ./worker", "background": True, **DONE},
    {"run": "git pull -q origin main", **DONE},
    {"run": "apt-get install -qy nginx && apt-get update", **DONE},
    {"run": "[ -d x ] && . ./env.sh", **DONE},
    {"argv": ["bash", "-c", "[[ -d x ]]"], **DONE},
    {"run": "set -eu\n./one\n./two", **DONE},
    {"run": "x=1\necho $x\n./two", **DONE},
    {"run": "./one || true; ./two", **DONE},
    {"run": "for x in a b; do ./one $x; ./two; done", **DONE},
    {"run": "for x in a b\ndo\n  ./one $x\n  ./two\ndone", **DONE},
    {"run": "for i in 1 2 3; do\n  systemctl is-active --quiet app && exit 0\n  sleep 1\ndone\nexit 1"},
    {"run": "until curl -fs localhost | grep -q UP; do sleep 1; done"},
    {"run": "redis-cli ping && ufw status && gunzip -t /srv/x.gz && kubectl rollout status deploy/x"},
    {"run": "rm -rf /srv/{{ any }}/x", **DONE},
    {"run": "rm -rf {{ dir }}/x", **DONE},
    {"run": "git checkout {{ ref }} && echo {{ any }}", **DONE},
    {"run": "git checkout -- {{ any }}", **DONE},
    {"run": "./deploy", "rollback": "./deploy-old"},
    {"run": "./deploy", "changed_when": False},
    {"run": "test -d /srv && git log -1 2>/dev/null && curl -fsS localhost"},
    {"wait_for": {"port": 80}},
    {"run": "./migrate", "run_once": "run", "rollback": "./migrate down"},
    {"run": "./x --password-file /etc/x --token $TOKEN --secret={{ any }}", **DONE},
    {"run": "cat <<EOF > f\n./a | ./b\nEOF\n", **DONE},
]
HEAD = "params: {any: {}, ref: {pattern: 'v[0-9]+'}, dir: {pattern: '/.+'}}"


@pytest.mark.parametrize("case", WRONG, ids=lambda case: f"{case.rule}-{case.step}")
def test_a_mistake_is_found_once_and_where_it_is(case: Case, lint: Lint) -> None:
    (found,) = lint(f"- {case.step}", case.head)
    line = Path("p.yml").read_text().splitlines()[found.origin.line - 1]

    assert (found.rule, found.severity) == (case.rule, RULES[case.rule].severity)
    assert line[found.origin.column - 1 :].startswith(case.marked)


@pytest.mark.parametrize("step", RIGHT, ids=str)
def test_what_is_right_is_left_alone(step: dict[str, object], lint: Lint) -> None:
    found = lint(f"- {json.dumps(step)}\n- run: echo {{{{ any }}}} {{{{ ref }}}} {{{{ dir }}}}", HEAD)

    assert [(each.rule, each.problem) for each in found] == []


def test_every_rule_about_playbooks_has_a_mistake_that_it_finds() -> None:
    others = {
        "wrong-file",
        "undefined-name",
        "empty-group",
        "bad-ignore",
        "unused-ignore",
        "SC0000",
        "value-passed-raw",
    }

    assert {case.rule for case in WRONG} | others == RULES.keys()


def test_a_name_that_nobody_declares_is_an_error_where_the_inventories_are_known(lint: Lint) -> None:
    steps = "- {run: 'echo {{ relase }} {{ port }} {{ host }} {{ x | default(1) }}'}"

    assert lint(steps, "params: {release: {}}") == lint("- run: echo", "params: {release: {}}")
    wrong = [
        each for each in lint(steps, "params: {release: {}}", names=frozenset({"port"})) if each.rule != "unused-param"
    ]
    assert [(each.rule, each.fix) for each in wrong] == [("undefined-name", "did you mean release?")]


def test_the_names_of_loops_and_of_results_are_known_where_they_hold(lint: Lint) -> None:
    steps = """
    - {name: a, run: 'echo {{ item }} {{ index }}', loop: [u, v]}
    - {name: b, run: echo, until: "result.stdout == ''", retries: {attempts: 2}}
    - {name: c, run: 'echo {{ item }}'}
    """

    assert [(each.problem, each.step) for each in lint(steps, names=frozenset())] == [
        ("item is no parameter, variable or result", "")
    ]


def test_a_step_whose_template_is_wrong_is_not_looked_at_further_and_others_are(lint: Lint) -> None:
    steps = "- {run: 'git pull {{ 1 | nothing }}', rollback: ./x}\n- {run: git pull, rollback: ./x}"

    assert [each.rule for each in lint(steps)] == ["wrong-template", "git-pull-without-ref"]


def test_rollbacks_handlers_and_what_follows_are_looked_at_too(lint: Lint) -> None:
    steps = "- {name: a, run: ./a, rollback: {steps: [{run: git pull}], verify: ./b | ./c}, handlers: h}"
    head = "handlers: [{name: h, run: git pull}]\nfinally: [{run: git pull}]"

    assert [each.rule for each in lint(steps, head)] == [
        "git-pull-without-ref",
        "git-pull-without-ref",
        "git-pull-without-ref",
        "pipe-without-pipefail",
    ]


def test_what_a_gate_asks_on_a_wave_is_looked_at_too_and_what_it_uses_is_used(lint: Lint) -> None:
    head = """
    vars: {a: 1, b: 2, c: 3}
    rollout:
      gates: [{command: {run: './check {{ a }} | sort', on: wave}}, {command: {argv: [x, '{{ b }}'], on: wave}}]
      waves: [{size: 1, gates: [{command: {run: 'x `{{ c }}`', on: wave}}]}, 100%]
    """

    assert [each.rule for each in lint("- run: echo", head)] == ["pipe-without-pipefail", "wrong-template"]


def test_a_variable_that_another_one_uses_or_by_which_hosts_are_spread_is_used(lint: Lint) -> None:
    head = "vars: {a: 1, b: '{{ a }}', c: {d: ['{{ b }}']}, zone: x}\nrollout: {spread: zone}"

    assert lint("- run: echo {{ c.d[0] }}", head) == []


def test_what_a_value_is_not_is_not_a_program(lint: Lint) -> None:
    """The text of a value is nobody's here: whatever it may be, it is one word."""
    assert lint("- run: echo {{ '; git pull | x' }}", names=frozenset()) == []


def test_secrets_and_empty_groups_of_an_inventory_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("i.yml").write_text(
        "vars: {db_password: geheim123, password_file: /etc/p, api_key: 'env:X', token_id: t1}\n"
        "hosts:\n  web-[1:3]: {vmid: '[1:3]', api_token: geheim123}\ngroups: {none: {}, web: {hosts: [web-*]}}\n"
    )

    found = lint_inventory(load_inventory(Path("i.yml")))

    assert [(each.rule, str(each.origin), each.path) for each in found] == [
        ("empty-group", "i.yml", "groups.none"),
        ("secret-in-vars", "i.yml:1:21", "db_password"),
        ("secret-in-vars", "i.yml:3:41", "api_token"),
    ]


def test_a_value_that_is_passed_raw_is_found() -> None:
    place = Origin(file="p.yml", line=1, column=1)
    body = Body(kind="run", texts=(Text(source="./go {{ flags | raw }} {{ drawn }}", origin=place),))
    subject = Subject(step="go", section=Section.STEPS, body=body, origin=place)
    found = [(check.rule.id, str(each.origin)) for check in PROGRAM_RULES for each in check.look(subject)]

    assert found == [("value-passed-raw", "p.yml:1:6")]
