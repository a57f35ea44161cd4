"""`orc` as a program: its start, its typing errors, its commands' names."""

import json
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


def test_help_and_version_load_none_of_what_the_commands_stand_on() -> None:
    script = (
        "import sys; from orchestrator.cli.main import run; run(['--help']); run(['--version']); "
        "print(sorted({'sqlalchemy', 'alembic', 'jinja2', 'httpx', 'rich', 'yaml', 'pydantic', 'anyio', 'structlog'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-2:] == ["orc 0.1.0", "[]"]


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
