"""`orc vars`: what each variable of a host comes to, where it is from, and what it went before."""

import contextlib
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.main import run

INVENTORY = """\
vars: {port: 1, region: se, url: 'http://localhost:{{ port }}/'}
hosts:
  web-[1:2]: {vmid: '[101:102]', port: 4}
  db: {vmid: 200}
groups:
  web: {hosts: [web-*], vars: {port: 3}}
  prod: {children: [web], vars: {port: 2}}
"""
PLAYBOOK = """\
hosts: all
params: {release: {required: true}, colour: {default: blue}}
vars: {port: 8, greeting: 'hello {{ where.stdout }}'}
steps: [{run: pwd, register: where}]
"""


def orc(*words: str) -> "subprocess.CompletedProcess[str]":
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(["vars", *words])
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("i.yml").write_text(INVENTORY)
    Path("p.yml").write_text(PLAYBOOK)
    for name, text in {
        "group_vars/all.yml": "port: 1.5\n",
        "group_vars/web.yml": "port: 3.5\n",
        "host_vars/web-1.yml": "port: 5\n",
    }.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)


def variable(*words: str) -> dict[str, Any]:
    done = orc(*words, "-i", "i.yml", "--output", "json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["variables"]
    assert isinstance(found, dict)
    return found


def test_every_layer_is_told_from_the_strongest_to_the_weakest() -> None:
    found = variable("web-1", "port", "--playbook", "p.yml")

    places = [found["written"], *found["overrode"]]
    assert [
        (place["value"], place["layer"], f"{place['file']}:{place['line']}:{place['column']}") for place in places
    ] == [
        (8, "vars of the playbook", "p.yml:3:14"),
        (5, "host_vars of the host", "host_vars/web-1.yml:1:7"),
        (4, "the host", "i.yml:3:40"),
        (3.5, "group_vars of web", "group_vars/web.yml:1:7"),
        (3, "the group web", "i.yml:6:38"),
        (2, "the group prod", "i.yml:7:40"),
        (1.5, "group_vars of all", "group_vars/all.yml:1:7"),
        (1, "vars of the inventory", "i.yml:1:14"),
    ]


def test_what_is_told_is_what_a_plan_uses() -> None:
    Path("p.yml").write_text("hosts: web\nsteps: [{run: 'echo {{ port }} {{ url }}'}]\n")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert run(["plan", "p.yml", "-i", "i.yml", "--output", "json"]) == 0

    commands = {each["host"]: each["command"] for each in json.loads(out.getvalue())["commands"]}
    for host in ("web-1", "web-2"):
        values = [variable(host, name)["value"] for name in ("port", "url")]
        assert commands[host] == f"echo {values[0]} {values[1]}"


def test_a_template_is_filled_in_and_shown_as_it_was_written() -> None:
    assert orc("102", "url", "-i", "i.yml").stdout.splitlines()[2:] == [
        'url = "http://localhost:3.5/"'.replace("3.5", "4"),
        '    as "http://localhost:{{ port }}/"',
        "    vars of the inventory, i.yml:1:34",
    ]


def test_what_cannot_be_filled_in_before_the_run_is_said_and_stops_nothing() -> None:
    done = orc("db", "-i", "i.yml", "--playbook", "p.yml")

    assert (
        "    cannot be filled in: the variable `greeting` needs the result `where`, which is known only" in done.stdout
    )
    assert "release = (not passed, and it has no default)\n    the default of a parameter, p.yml:2:10\n" in done.stdout
    assert done.returncode == 0


def test_what_is_passed_goes_before_a_default() -> None:
    found = variable("db", "colour", "--playbook", "p.yml", "-e", "colour=red")

    assert (found["value"], found["written"]["layer"], found["written"]["file"]) == ("red", "-e", "command line")
    assert [(each["value"], each["layer"]) for each in found["overrode"]] == [("blue", "the default of a parameter")]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_secret_is_shown_nowhere(form: str) -> None:
    Path("i.yml").write_text(
        "vars: {db_password: geheim1, api_token: 'geheim2', dsn: 'postgres://x:{{ db_password }}@y', port: 1}\n"
        "hosts: {a: {vmid: 1, db_password: geheim3, deep: {secret: [geheim4], z: 'a geheim4'}, pin_secret: 123456}}\n"
    )

    done = orc("a", "-i", "i.yml", "--output", form)

    assert done.returncode == 0
    assert "dsn" in done.stdout
    assert not any(word in done.stdout + done.stderr for word in ("geheim", "123456"))
    one = orc("a", "dsn", "-i", "i.yml", "--output", form)
    assert "geheim" not in one.stdout


def test_hosts_variables_and_parameters_that_are_not_there_are_told_with_the_nearest() -> None:
    assert "did you mean web-1?" in orc("web-11", "-i", "i.yml").stderr
    assert "did you mean region?" in orc("db", "regoin", "-i", "i.yml").stderr
    assert "give one with -i INVENTORY" in orc("db").stderr
    assert "name it with --playbook FILE" in orc("db", "-i", "i.yml", "-e", "a=b").stderr
    assert "the playbook has no parameter a" in orc("db", "-i", "i.yml", "--playbook", "p.yml", "-e", "a=b").stderr
    assert orc("db").returncode == 2


def test_a_playbook_of_vmids_has_hosts_of_its_own() -> None:
    Path("p.yml").write_text("vmids: [7]\nvars: {x: 'v{{ vmid }}'}\nsteps: [{run: 'true'}]\n")

    assert 'x = "v7"' in orc("7", "--playbook", "p.yml").stdout


def test_a_host_that_is_not_there_is_answered_with_those_that_are() -> None:
    Path("v.yml").write_text("vmids: [7001, 7002]\nsteps: [{run: pwd}]\n")

    assert "v.yml has no host 1, it has 7001, 7002" in orc("1", "--playbook", "v.yml").stderr
