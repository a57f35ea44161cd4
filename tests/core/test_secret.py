"""What may be seen of a secret step in a plan: that it is there, and whether it is another one than before."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator import codec
from orchestrator.core.expand import expand, inventory_of_vmids
from orchestrator.core.secret import veiled
from orchestrator.core.taking_back import TakeBack
from orchestrator.errors import Bug
from orchestrator.load import load_playbook
from orchestrator.model.plan import Past, Plan, Section
from orchestrator.model.playbook import Outcome
from orchestrator.report.back_plan import back_plan
from orchestrator.report.plan_json import plan_json
from orchestrator.report.plan_text import plan_text
from orchestrator.saved_plan import SavedPlan, read_saved, write_saved
from tests.small_run import SPEC, plan_of

WORD = "hunter2"
BOOK = """
vmids: [1, 2]
env: {{TOKEN: {word}}}
steps:
  - name: login
    run: login {word} {{{{ vmid }}}}
    loop: [{word}-a, {word}-b]
    secret: true
    unless: check {word}
    rollback: {{run: logout {word}, verify: test -e {word}}}
  - {{name: file, copy: {{src: key.pem, dest: /etc/key, mode: '0600'}}, secret: true, env: {{TOKEN: x}}}}
  - {{name: open, run: date, env: {{TOKEN: x}}}}
"""


def plan(folder: Path, *, word: str = WORD, pem: str = "pem", key: bytes = b"key") -> Plan:
    (folder / "key.pem").write_text(pem)
    path = folder / "book.yml"
    path.write_text(BOOK.format(word=word))
    inventory = inventory_of_vmids(book := load_playbook(path), SPEC)
    return expand(book, inventory, inventory.hosts, {}, key=key)


def shown(plan: Plan) -> str:
    return "\n".join([*plan_text(plan), json.dumps(plan_json(plan))])


def test_neither_text_nor_json_of_a_plan_has_anything_of_a_secret_command(tmp_path: Path) -> None:
    said = shown(plan(tmp_path))
    assert WORD not in said
    assert "key.pem: " not in said
    assert "login [1]" in said
    assert "$ (secret " in said


def test_what_a_plan_warns_of_in_a_secret_command_has_none_of_its_words(tmp_path: Path) -> None:
    warned = f"""
vmids: [1, 2]
vars: {{flag: -x}}
steps:
  - name: login
    run: |
      /opt/{WORD} {{{{ flag }}}} | {WORD}-reader {{{{ flag | quote }}}}
      rm -rf {{{{ flag }}}}/{WORD}
      {WORD}-worker {{{{ flag | raw }}}} &
    secret: true
    only_if: {WORD} {{{{ flag }}}}
    rollback: {WORD}; true
"""
    path = tmp_path / "book.yml"
    path.write_text(warned)
    inventory = inventory_of_vmids(book := load_playbook(path), SPEC)
    made = expand(book, inventory, inventory.hosts, {}, key=b"key")

    told = plan_json(made)["warnings"]
    assert any("(failure-passed-over)" in line for line in told)
    assert any("something is to be known of this value in a secret command" in line for line in told)
    assert any("the value is filled in as it is (raw)" in line for line in told)
    assert WORD not in shown(made)


def test_a_reader_sees_which_hosts_have_the_same_secret_command_and_whether_it_is_another_one(tmp_path: Path) -> None:
    def texts(made: Plan, slot: int) -> list[str]:
        return [host.commands[slot].text for host in veiled(made).hosts]

    first, again, other = plan(tmp_path), plan(tmp_path), plan(tmp_path, word="hunter3")
    assert texts(first, 0) == texts(again, 0)
    assert len({*texts(first, 0)}) == 2, "the vmid is in it"
    assert len({*texts(first, 2)}) == 1
    assert not {*texts(first, 0)} & {*texts(other, 0)}
    assert texts(first, 2) != texts(plan(tmp_path, pem="another"), 2), "the file that is sent with it counts"


def test_a_fingerprint_and_a_digest_cannot_be_made_without_the_key(tmp_path: Path) -> None:
    one, other = plan(tmp_path, key=b"one"), plan(tmp_path, key=b"other")
    assert one.hosts[0].fingerprints.keys() == other.hosts[0].fingerprints.keys()
    assert all(one.hosts[0].fingerprints[i] != other.hosts[0].fingerprints[i] for i in one.hosts[0].fingerprints)
    assert one.digest != other.digest
    assert all(digits not in shown(one) for digits in one.hosts[0].fingerprints.values()), "only its beginning is shown"
    with pytest.raises(Bug, match="without a key"):
        plan(tmp_path, key=b"")


def test_a_plan_with_secrets_and_files_comes_back_from_its_json_as_it_was(tmp_path: Path) -> None:
    made = plan(tmp_path)
    back = codec.plan_from_json(codec.canonical(codec.to_json(made)))
    assert back == made
    assert codec.digest(back) == made.digest


LATE = """
vmids: [1, 2]
vars: {{all: ['hunter2-a', 'hunter2-b'], pin: {pin}}}
steps:
  - {{name: look, run: look, register: found}}
  - name: add
    run: add {{{{ item }}}} {{{{ found.stdout }}}}
    loop: '{{{{ all }}}}'
    secret: true
    rollback: del {{{{ item }}}}
  - {{name: use, run: 'use {{{{ pin }}}} {{{{ found.stdout }}}}', secret: true}}
"""


def late_plan(folder: Path, pin: str = "hunter2") -> Plan:
    return plan_of(folder, LATE.format(pin=pin))


def test_a_plan_in_a_file_has_nothing_of_a_secret_command_nor_of_what_it_is_made_of(tmp_path: Path) -> None:
    for number, made in enumerate((plan(tmp_path, pem="hunter2"), late_plan(tmp_path))):
        kept = tmp_path / f"plan{number}"
        write_saved(kept, SavedPlan(plan=made, argv=("orc", "run")))
        assert WORD not in kept.read_text()
        assert veiled(read_saved(kept).plan) == read_saved(kept).plan == veiled(made)


def test_a_command_that_waits_for_a_result_is_another_one_where_its_values_are(tmp_path: Path) -> None:
    (first, second), changed = late_plan(tmp_path).hosts, late_plan(tmp_path, "hunter3").hosts[0]
    assert first.fingerprints == second.fingerprints, "it is the same for both hosts"
    assert len({*first.fingerprints.values()}) == len(first.fingerprints), "each item of the loop has its own"
    assert {index for index, each in changed.fingerprints.items() if first.fingerprints[index] != each} == {3}


def test_what_takes_a_run_back_is_shown_without_it_too(tmp_path: Path) -> None:
    made = replace(plan(tmp_path), takes_back="r0")
    past = tuple(
        Past(slot=index, outcome=Outcome.OK) for index, slot in enumerate(made.slots) if slot.section is Section.STEPS
    )
    hosts = tuple(replace(host, past=past) for host in made.hosts)
    told = replace(made, hosts=hosts)
    said = "\n".join(back_plan(told, TakeBack(plan=told)))
    assert "undo  login [1]" in said
    assert "(secret " in said
    assert WORD not in said
