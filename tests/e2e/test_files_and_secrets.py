"""Scripts, copies and secret steps: the real commands on the real simulator, real shells behind its API."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from orchestrator.simulator import SimulatorSettings, running_simulator
from orchestrator.simulator.faults import read_faults
from tests.e2e.test_control import INVENTORY, Project

pytestmark = pytest.mark.anyio

FILES = """
name: files
hosts: all
params: {release: {default: v1}}
vars: {port: 8000}
rollout: {max_failures: 4}
steps:
  - name: unpack
    script: {file: files/unpack.sh, args: ['{{ release }}', 'a b; touch ~/never']}
    rollback: {script: {file: files/undo.sh, args: ['{{ release }}']}}
  - name: page
    copy: {template: files/page.html, dest: '~/page.html', mode: '0640'}
    handlers: reload
  - {name: logo, copy: {src: files/logo.png, dest: '~/logo of {{ host }}'}, handlers: reload}
  - include: more/steps.yml
  - {name: last, run: test ! -e broken}
handlers:
  - {name: reload, script: files/reload}
"""
SCRIPTS = {
    "files/unpack.sh": "#!/bin/sh\n" + "# a line that makes it long\n" * 300 + 'printf "%s\\n" "$@" >> ~/unpacked\n',
    "files/undo.sh": 'echo "$1" >> ~/undone\n',
    "files/reload": "#!/usr/bin/env -S python3 -u\nfrom pathlib import Path\n"
    "with open(Path.home() / 'reloads', 'a') as file:\n    print('reload', file=file)\n",
    "files/page.html": "<p>{{ release }} on '{{ host }}' at {{ port + 1 }}</p>\n",
    "more/steps.yml": "- {name: note, script: note.sh}\n",
    "more/note.sh": "echo noted > ~/note\n",
}
LOGO = bytes(range(256)) * 12
RUN = ("run", "files.yml", "-i", "inventory.yml", "--yes")


@asynccontextmanager
async def project_of(folder: Path, name: str, playbook: str, faults: str = "") -> AsyncIterator[Project]:
    fleet = folder / "fleet"
    async with running_simulator(SimulatorSettings(hosts=4, dir=fleet)) as simulator:
        (folder / "inventory.yml").write_text(INVENTORY.format(url=simulator.url))
        (folder / f"{name}.yml").write_text(playbook)
        if faults:
            simulator.set_faults(read_faults(json.loads(faults)))
        yield Project(folder, fleet)


def write_files(folder: Path) -> None:
    for name, text in SCRIPTS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "files" / "logo.png").write_bytes(LOGO)


async def test_scripts_and_files_arrive_as_they_are_and_only_what_changes_calls_handlers(tmp_path: Path) -> None:
    write_files(tmp_path)
    async with project_of(tmp_path, "files", FILES) as project:
        planned = await project.orc("plan", "files.yml", "-i", "inventory.yml")
        assert (
            "$ script files/unpack.sh v1 'a b; touch ~/never'\n        with files/unpack.sh: 8,443 bytes, sha256 "
            in planned
        )
        assert "copy - '~/page.html' mode=0640 <<'E'\n" in planned
        assert "  <p>v1 on 'vps-1' at 8001</p>\n" in planned
        assert "with files/logo.png: binary, 3,072 bytes, sha256 " in planned

        await project.orc(*RUN)
        for number, vmid in enumerate(range(10000, 10004), start=1):
            home = project.fleet / str(vmid) / "home"
            assert (home / "unpacked").read_text() == "v1\na b; touch ~/never\n"
            assert (home / "page.html").read_text() == f"<p>v1 on 'vps-{number}' at 8001</p>\n"
            assert (home / "page.html").stat().st_mode & 0o7777 == 0o640
            assert (home / f"logo of vps-{number}").read_bytes() == LOGO
            assert not (home / "never").exists()
        assert project.lines("reloads") == project.lines("note") == [1, 1, 1, 1]

        # Of what a second run finds as it should be, only one page's mode is another one.
        (project.fleet / "10001" / "home" / "page.html").chmod(0o600)
        await project.orc(*RUN)
        assert project.lines("reloads") == [1, 2, 1, 1]

        for vmid in range(10000, 10004):
            (project.fleet / str(vmid) / "home" / "broken").touch()
        await project.orc(*RUN, status=4)
        assert project.lines("undone") == [1, 1, 1, 1]


async def test_a_script_that_comes_in_parts_runs_once_whatever_is_lost_on_the_way(tmp_path: Path) -> None:
    write_files(tmp_path)
    faults = '{"seed": 5, "all": {"drop_reply_after": 0.1, "consume_result": 0.1}}'
    async with project_of(tmp_path, "files", FILES, faults) as project:
        await project.orc(*RUN)
        assert project.lines("unpacked") == [2, 2, 2, 2]
        assert project.lines("reloads") == [1, 1, 1, 1]
        assert (project.fleet / "10003" / "home" / "logo of vps-4").read_bytes() == LOGO


async def test_a_run_that_is_killed_between_parts_goes_on_and_runs_the_script_once(tmp_path: Path) -> None:
    write_files(tmp_path)
    async with project_of(tmp_path, "files", FILES) as project:
        process = project.start(*RUN)
        with anyio.fail_after(60):
            while not [*project.fleet.rglob("*.parts/0000")]:  # noqa: ASYNC110  # what happens in other processes
                await anyio.sleep(0.01)
        process.kill()
        process.communicate()
        assert project.lines("unpacked") != [2, 2, 2, 2], "it was killed too late to say anything"
        await project.orc("resume", "last")
        assert project.lines("unpacked") == [2, 2, 2, 2]
        assert project.lines("reloads") == [1, 1, 1, 1]


WORD = "hunter2-hunter2"
SECRET = f"""
name: hidden
hosts: all
rollout: {{max_failures: 4}}
env: {{TOKEN: {WORD}}}
steps:
  - name: login
    run: echo {WORD}; echo {WORD} >&2; echo {WORD} > ~/word
    secret: true
    rollback: echo {WORD} >> ~/undone
  - name: config
    copy: {{content: 'word = {WORD}', dest: ~/config, mode: '0600'}}
    secret: true
    rollback: {{script: undo.sh}}
  - {{name: guarded, run: 'echo {WORD}', secret: true, unless: 'test {WORD}', env: {{A: {WORD}}}}}
  - {{name: fails, run: 'echo {WORD}; exit 3', secret: true, on_failure: leave}}
"""


async def test_a_secret_parameter_is_passed_by_where_it_is_kept_and_its_value_is_shown_nowhere(tmp_path: Path) -> None:
    text = (
        "hosts: all\nparams: {word: {secret: true, required: true}}\n"
        "steps: [{name: login, run: 'echo $T > ~/word', env: {T: '{{ word }}'}, secret: true, rollback: 'rm ~/word'},\n"
        "  {name: fails, run: 'false'}]\n"
    )
    async with project_of(tmp_path, "passed", text) as project:
        project.environment["THE_WORD"] = WORD
        words = ("passed.yml", "-i", "inventory.yml", "-e", "word=env:THE_WORD")
        said = [
            await project.orc("plan", *words, "-o", "kept.plan"),
            (tmp_path / "kept.plan").read_text(),
            await project.orc("apply", "kept.plan", "--yes", "-v", status=4),
            await project.orc("status", "last", "--output", "json"),
            await project.orc("logs", "last"),
            await project.orc("plan", *words, "--diff", "--output", "json"),
        ]
        assert not [text for text in said if WORD in text]
        assert "-e word=env:THE_WORD" in said[1].replace('","', " ")
        (tmp_path / "passed.yml").write_text(text.replace("{name: fails, run: 'false'}", ""))
        await project.orc("retry", "last", "--yes", "-q")
        assert (project.fleet / "10000" / "home" / "word").read_text() == f"{WORD}\n"


async def test_a_secret_command_and_what_it_prints_are_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "undo.sh").write_text(f"echo {WORD}\n")
    async with project_of(tmp_path, "hidden", SECRET) as project:
        words = ("hidden.yml", "-i", "inventory.yml")
        said = [
            await project.orc("plan", *words),
            await project.orc("run", *words, "--yes", "-v", status=3),
            await project.orc("logs", "last"),
            await project.orc("logs", "last", "vps-1", "login", "--full"),
            await project.orc("report", "last", "--format", "junit"),
            await project.orc("rollback", "last", "--yes"),
        ]
        assert "$ (secret " in said[0]
        assert not [text for text in said if WORD in text]

        home = project.fleet / "10000" / "home"
        assert (home / "config").read_text() == f"word = {WORD}"
        assert (home / "config").stat().st_mode & 0o7777 == 0o600
        assert WORD in (home / "word").read_text()
        assert (home / "undone").read_text() == f"{WORD}\n"
        state = tmp_path / ".orchestrator"
        assert not [file for file in (state, *state.iterdir()) if file.stat().st_mode & 0o077], "others may read it"
