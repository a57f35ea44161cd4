"""Files that go into the guest, in a plan: shown, part of its digest, and kept once for all hosts."""

import json
from pathlib import Path

import pytest

from orchestrator import codec
from orchestrator.core.program import prepare
from orchestrator.errors import InputError
from orchestrator.model.plan import Plan
from orchestrator.report.plan_json import plan_json
from orchestrator.report.plan_text import plan_text
from tests.small_run import plan_of

BOOK = """
vmids: [1, 2, 3]
vars: {port: 8000}
steps:
  - name: unpack
    script: {file: unpack.sh, args: ['{{ port }}', 'a b; id']}
    rollback: {steps: [{script: undo.sh}, {run: date}], verify: {script: undo.sh}}
  - {name: page, copy: {template: page.html, dest: '/srv/{{ vmid }}', mode: '0640'}}
  - {name: logo, copy: {src: logo.png, dest: /srv/logo, owner: 'app:app'}}
  - {name: who, run: id -un, register: who}
  - {name: late, copy: {content: '{{ who.stdout }}', dest: /srv/who}}
"""
FILES = {"unpack.sh": b"#!/bin/sh\necho unpack\n", "undo.sh": b"echo undo\n", "logo.png": b"\x89PNG\0"}


def plan(folder: Path, **files: bytes) -> Plan:
    page = {"page.html": b"<p>'{{ vmid }}' at {{ port + 1 }}</p>"}
    for name, content in {**FILES, **page, **{name.replace("_", "."): each for name, each in files.items()}}.items():
        (folder / name).write_bytes(content)
    return plan_of(folder, BOOK)


def test_a_plan_shows_which_file_is_run_with_which_words_and_what_is_put_where(tmp_path: Path) -> None:
    said = "\n".join(plan_text(plan(tmp_path)))
    assert "$ script unpack.sh 8000 'a b; id'\n        with unpack.sh: 22 bytes, sha256 " in said
    assert (
        "on 1 host: 1\n            $ copy - /srv/1 mode=0640 <<'E'\n              <p>'1' at 8001</p>\n              E\n"
        in said
    )
    assert "$ copy logo.png /srv/logo owner=app:app\n        with logo.png: binary, 5 bytes, sha256 " in said
    assert "{{ who.stdout }}\n          E\n        late: waits for who" in said
    steps = {step["name"]: step["file"] for step in plan_json(plan(tmp_path))["steps"]}
    assert steps["page"] is steps["who"] is None
    assert steps["unpack"] is not None
    assert (steps["unpack"]["name"], steps["unpack"]["size"]) == ("unpack.sh", 22)


@pytest.mark.parametrize("name", ["unpack_sh", "undo_sh", "logo_png", "page_html"])
def test_a_digest_is_another_one_where_a_files_bytes_are(tmp_path: Path, name: str) -> None:
    before = plan(tmp_path)
    assert plan(tmp_path).digest == before.digest
    assert plan(tmp_path, **{name: b"other"}).digest != before.digest


def test_what_is_sent_is_what_the_plan_has_whatever_became_of_the_file(tmp_path: Path) -> None:
    made = plan(tmp_path)
    for name in FILES:
        (tmp_path / name).unlink()
    back = codec.plan_from_json(codec.canonical(codec.to_json(made)))
    assert back == made
    host, slot = back.hosts[0], back.slots[0]
    sent = prepare(slot, host, {}, run="r1", index=0, attempt=1, nonce="f00d", fence=1, limit=4096).whole
    assert "\n#!/bin/sh\necho unpack\n" in sent
    assert "script unpack.sh 8000 'a b; id'\n" in sent


def test_a_file_is_in_a_plan_once_for_all_hosts(tmp_path: Path) -> None:
    text = json.dumps(codec.to_json(plan(tmp_path)))
    assert text.count("echo unpack") == 1


def test_a_value_is_put_into_a_file_as_it_is_and_is_no_program(tmp_path: Path) -> None:
    hostile = "'; touch x #\nE\n$(id)"
    step = "{name: a, copy: {content: '{{ x }}', dest: /a}}"
    book = f"vmids: [1]\nvars: {{x: {json.dumps(hostile)}}}\nsteps: [{step}]\n"
    (command,) = plan_of(tmp_path, book).hosts[0].commands
    assert command.text == f"copy - /a <<'E0'\n{hostile}\nE0"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{{ nope }}", "page.html:1:4: `nope` is not defined"),
        ("x\n{{ [1] }}", "page.html:2:1: a list cannot stand here"),
        ("{{ vmid", "page.html:1:1: not a template"),
    ],
)
def test_what_is_wrong_in_a_template_is_said_with_its_place(tmp_path: Path, content: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        plan(tmp_path, page_html=content.encode())
    found = caught.value.problems[0]
    assert f"{found.origin}: {found.problem}".removeprefix(f"{tmp_path}/").startswith(why)
