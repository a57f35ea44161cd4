"""Parameters that are secret are read by secret steps only, whatever way leads there."""

from pathlib import Path

import pytest

from orchestrator import codec
from orchestrator.core.secret import veiled
from orchestrator.errors import InputError
from orchestrator.load import load_settings
from orchestrator.model.plan import Plan
from orchestrator.selection import Selection, read_sources

TOKEN = "hunter2-hunter2"
PLAYBOOK = """
name: login
vmids: [10001]
params: {token: {secret: true, required: true}, plain: {default: x}}
vars: {header: "Bearer {{ token }}", deeper: {list: ["{{ header }}"]}, harmless: "{{ plain }}"}
steps:
"""
LOGIN = "  - {name: login, run: 'login {{ header }}', env: {T: '{{ token }}'}, when: token != '', secret: true}\n"


def plan(folder: Path, steps: str, *extra_vars: str, more: str = "") -> Plan:
    (folder / "p.yml").write_text(PLAYBOOK.replace("steps:", f"{more}steps:") + steps)
    selection = Selection(playbook=folder / "p.yml", extra_vars=extra_vars or ("token=env:TOKEN",))
    return read_sources(selection, load_settings(folder, {})).plan()


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", TOKEN)


def test_a_secret_step_is_given_the_value_and_the_plan_shows_where_it_is_kept(tmp_path: Path) -> None:
    found = plan(tmp_path, LOGIN)
    assert found.hosts[0].commands[0].text == f"login 'Bearer {TOKEN}'"
    assert found.hosts[0].whens[0] is True
    assert found.params == {"token": "env:TOKEN", "plain": "x"}
    assert TOKEN not in codec.canonical(codec.to_json(veiled(found))).decode()


def test_it_is_read_from_a_file_too_and_a_changed_one_changes_the_digest(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    first = plan(tmp_path, LOGIN, f"token=file:{tmp_path}/token")
    assert first.hosts[0].commands[0].text == f"login 'Bearer {TOKEN}'"
    (tmp_path / "token").write_text("another-secret\n")
    assert plan(tmp_path, LOGIN, f"token=file:{tmp_path}/token").digest != first.digest


@pytest.mark.parametrize(
    "steps",
    [
        "  - {name: a, run: 'login {{ token }}'}\n",
        "  - {name: a, run: 'login {{ header }}'}\n",
        "  - {name: a, run: 'login {{ deeper.list[0] }}'}\n",
        "  - {name: a, argv: [login, '{{ token }}']}\n",
        "  - {name: a, run: login, env: {T: '{{ token }}'}}\n",
        "  - {name: a, run: login, user: '{{ token }}'}\n",
        "  - {name: a, run: login, when: token != ''}\n",
        "  - {name: a, run: login, until: result.stdout == token}\n",
        "  - {name: a, run: login, unless: 'test {{ token }}'}\n",
        "  - {name: a, copy: {content: '{{ token }}', dest: /etc/t}}\n",
        "  - {name: a, run: login, rollback: 'leave {{ token }}'}\n",
        "  - {name: a, run: login, secret: true, loop: ['{{ token }}']}\n",
        LOGIN + "handlers:\n  - {name: h, run: '{{ token }}'}\n",
        LOGIN + "finally:\n  - {name: f, run: 'echo {{ header }}'}\n",
        LOGIN + "rollout: {gates: [{command: {run: 'check {{ token }}', on: controller}}]}\n",
        LOGIN + "rollout: {gates: [{command: {argv: [check, '{{ header }}'], on: controller}}]}\n",
        LOGIN + "rollout: {waves: [{size: 1, gates: [{command: {run: 'a {{ token }}', on: controller}}]}]}\n",
        LOGIN + "rollout: {gates: [{command: {run: 'check {{ header }}', on: wave}}]}\n",
    ],
)
def test_whatever_else_reads_it_is_refused_at_its_place(tmp_path: Path, steps: str) -> None:
    with pytest.raises(InputError) as caught:
        plan(tmp_path, steps)
    assert any("is secret, and would be shown here" in each.problem for each in caught.value.problems)
    assert all(each.origin.line for each in caught.value.problems)
    assert TOKEN not in str(caught.value)


def test_what_reads_none_is_not_concerned(tmp_path: Path) -> None:
    plan(tmp_path, LOGIN + "  - {name: b, run: 'echo {{ harmless }}', loop: ['{{ plain }}']}\n")


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (f"token={TOKEN}", "the parameter token is secret: it is passed by where it is kept"),
        ("token=", "the parameter token is secret: it is passed by where it is kept"),
        ("token=env:NO_SUCH_VARIABLE", "the parameter token's variable NO_SUCH_VARIABLE is not set"),
        ("token=file:/no/such/file", "the parameter token's file /no/such/file cannot be read"),
    ],
)
def test_a_secret_is_passed_by_where_it_is_kept_and_never_repeated(tmp_path: Path, passed: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        plan(tmp_path, LOGIN, passed)
    assert TOKEN not in str(caught.value) + "".join(each.fix for each in caught.value.problems)
