"""`orc` as a program: its start, its typing errors, its commands' names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli.main import COMMANDS, MODULES, run

FOLDER = Path(__file__).parents[2] / "orchestrator" / "cli"


def test_every_command_has_a_file() -> None:
    assert all((FOLDER / f"{MODULES.get(name, name)}.py").exists() for name in COMMANDS)


@pytest.mark.parametrize("words", [["--help"], ["-h"], []])
def test_the_help_names_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    run(words)
    captured = capsys.readouterr()

    assert all(f"\n  {name} " in captured.out + captured.err for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert f"Usage: orc {name} " in capsys.readouterr().out


HEAVY = {"alembic", "asyncio", "httpx", "jinja2", "pydantic", "rich", "sqlalchemy", "structlog", "yaml"}


def loaded(folder: Path, *commands: list[str]) -> set[str]:
    """What of HEAVY a process has loaded once it has run these command lines, all of which must succeed."""
    script = (
        "import json, sys; from orchestrator.cli.main import run\n"
        "for words in json.loads(sys.argv[1]): assert run(words) == 0, words\n"
        "print(); print(json.dumps(sorted(sys.modules)))"
    )
    words = [sys.executable, "-c", script, json.dumps(commands)]
    environment = {"PYTHONPATH": str(FOLDER.parents[1]), "PATH": os.environ["PATH"]}
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    return HEAVY & set(json.loads(done.stdout.splitlines()[-1]))


def test_help_and_version_load_none_of_what_the_commands_stand_on(tmp_path: Path) -> None:
    assert loaded(tmp_path, ["--help"], ["--version"]) == set()


def test_a_plan_loads_no_journal_no_http_and_no_loop(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text("vmids: [10000]\nsteps: [{run: 'true'}]\n")

    assert loaded(tmp_path, ["plan", "p.yml"]) == {"jinja2", "pydantic", "yaml"}


def test_a_look_at_the_journal_loads_no_http_no_yaml_and_once_it_is_there_no_migrations(tmp_path: Path) -> None:
    assert "alembic" in loaded(tmp_path, ["runs"])

    assert loaded(tmp_path, ["runs"]) - {"jinja2"} == {"asyncio", "pydantic", "sqlalchemy"}


@pytest.mark.parametrize(
    "words", [["deploy"], ["plan"], ["run", "p.yml", "--frobnicate"], ["run", "p.yml", "-f", "0"], ["schema", "x"]]
)
def test_a_typing_error_is_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    assert "Error: " in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["playbook", "inventory", "events"])
def test_a_schema_is_printed_as_json(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", kind]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_what_a_later_release_brings_is_not_offered(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("-o", "--probe", "--diff", "--detailed-exitcode"):
        assert run(["plan", "p.yml", option]) == 2
    capsys.readouterr()
