"""The bootstrap: every way to make `.venv`, what it does when nothing has changed, and after it was interrupted."""

import ast
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.small_project import DEBIAN, Project, add_uv, make_project
from tools import bootstrap

SOURCE = Path(bootstrap.__file__)


@pytest.fixture
def bare(tmp_path: Path) -> Project:
    """A project with nothing on PATH."""
    return make_project(tmp_path)


@pytest.fixture
def project(bare: Project) -> Project:
    """A project with `uv` on PATH."""
    add_uv(bare)
    return bare


def base_has(module: str) -> bool:
    return subprocess.run([bootstrap.BASE, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


needs_ensurepip = pytest.mark.skipif(
    importlib.util.find_spec("ensurepip") is None, reason="this Python has no ensurepip (python3-venv)"
)
needs_pip = pytest.mark.skipif(not base_has("pip"), reason="this Python has no pip of its own")


@needs_ensurepip
def test_without_uv_venv_and_pip_do_it_and_orc_is_there(bare: Project) -> None:
    _, err = bare.run("setup")

    assert "with venv and pip\n" in err
    assert bare.orc() == "orc is here\n"


@needs_pip
def test_without_ensurepip_another_pip_does_it(bare: Project) -> None:
    (bare.shadow / "venv.py").write_text(DEBIAN)
    _, err = bare.run("setup")

    assert "with venv and another pip\n" in err
    assert bare.orc() == "orc is here\n"


def test_without_any_pip_one_sentence_names_the_package(bare: Project) -> None:
    (bare.shadow / "venv.py").write_text(DEBIAN)
    (bare.shadow / "pip.py").write_text("raise SystemExit(1)")
    _, err = bare.run("setup", status=1)

    assert f"apt install python3.{sys.version_info.minor}-venv" in err.splitlines()[-1]
    assert len(err.splitlines()) == 2, "one line says what was begun, one what is missing"


@needs_pip
def test_a_package_whose_hash_is_another_is_refused(bare: Project) -> None:
    requirements = bare.folder / "tools" / "requirements" / "dev.txt"
    requirements.write_text(f"pinned==1 --hash=sha256:{'0' * 64}\n")
    (bare.shadow / "venv.py").write_text(DEBIAN)
    _, err = bare.run("setup", status=1)

    assert "DO NOT MATCH THE HASHES" in err
    assert not (bare.folder / ".venv" / "set-up").exists()


def test_uv_is_used_where_it_is_on_path(project: Project) -> None:
    _, err = project.run("setup")
    (venv, _, packages, orc) = project.calls()

    assert venv == f"venv --python {bootstrap.BASE} {project.folder}/.venv"
    assert "--require-hashes" in packages
    assert "--no-build-isolation --editable" in orc
    assert [line.split(":")[0] for line in err.splitlines()] == ["set-up"] * 4, "a line for each phase"


def test_a_uv_that_does_not_work_is_passed_over(project: Project) -> None:
    (project.bin / "uv.py").write_text("raise SystemExit('not installed for this version')")
    (project.shadow / "venv.py").write_text(DEBIAN)
    (project.shadow / "pip.py").write_text("")  # as far as this test goes, a pip that succeeds
    _, err = project.run("setup")

    assert "with venv and another pip\n" in err


def test_a_second_run_starts_nothing_and_says_nothing(project: Project) -> None:
    project.run("setup")
    calls = project.calls()

    assert project.run("setup") == ("", "")
    assert project.calls() == calls


def test_a_killed_set_up_is_begun_anew(project: Project) -> None:
    hold, leftover = project.bin / "hold", project.folder / ".venv" / "half-installed"
    hold.touch()
    child = project.start("setup")
    while project.installs() == 0:
        assert child.poll() is None
        time.sleep(0.01)
    leftover.touch()
    child.kill()
    child.communicate()
    hold.unlink()
    project.run("setup")

    assert not leftover.exists()
    assert project.run("setup") == ("", "")


@pytest.mark.parametrize("file", ["pyproject.toml", "tools/requirements/dev.txt"])
def test_changed_requirements_are_installed_into_the_same_environment(project: Project, file: str) -> None:
    project.run("setup")
    (project.folder / ".venv" / "kept").touch()
    with (project.folder / file).open("a") as text:
        text.write("# changed\n")
    project.run("setup")

    assert project.installs() == 4
    assert (project.folder / ".venv" / "kept").exists()


def test_a_failed_update_is_not_taken_for_done(project: Project) -> None:
    project.run("setup")
    (project.bin / "broken").touch()
    with (project.folder / "pyproject.toml").open("a") as text:
        text.write("# changed\n")
    _, err = project.run("setup", status=1)

    assert "no route to the index\n" in err
    assert "UV_INDEX_URL" in err.splitlines()[-1]

    (project.bin / "broken").unlink()
    _, err = project.run("setup")

    assert "making .venv" in err


def test_a_moved_folder_gets_an_environment_of_its_own(project: Project) -> None:
    project.run("setup")
    moved = Project(
        folder=project.folder.rename(project.folder.parent / "moved"), bin=project.bin, shadow=project.shadow
    )
    _, err = moved.run("setup")

    assert "making .venv" in err
    assert str(moved.folder) in (moved.folder / ".venv" / "bin" / "activate").read_text()


def test_an_environment_whose_python_is_gone_is_made_anew(project: Project) -> None:
    project.run("setup")
    python = project.folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(project.folder / "uninstalled")
    _, err = project.run("setup")

    assert "making .venv" in err


def test_two_at_once_set_up_once(project: Project) -> None:
    hold = project.bin / "hold"
    hold.touch()
    first, second = project.start("setup"), project.start("setup")
    assert second.stderr is not None
    assert first.stderr is not None
    while project.installs() == 0:
        assert first.poll() is None
        time.sleep(0.01)
    hold.unlink()
    said = first.communicate(timeout=100)[1] + second.communicate(timeout=100)[1]

    assert (first.returncode, second.returncode) == (0, 0)
    assert project.installs() == 2, said


def test_a_command_gets_the_further_arguments_and_gives_its_exit_status(project: Project) -> None:
    (project.folder / "tools" / "demo.py").write_text("import sys; print(sys.argv[1:]); sys.exit(7)")
    out, _ = project.run("demo", "--hosts", "3 4", status=7)

    assert out == "['--hosts', '3 4']\n"


def test_check_runs_every_tool_also_after_one_has_failed(project: Project) -> None:
    for tool, status in (("ruff", 1), ("mypy", 0)):
        (project.folder / f"{tool}.py").write_text(f"import sys; print('{tool}', *sys.argv[1:]); sys.exit({status})")
    out, _ = project.run("check", status=1)

    assert out.splitlines() == ["ruff check", "ruff format --check", "mypy"]


def test_clean_leaves_the_runs(project: Project) -> None:
    project.run("setup")
    for file in (".orchestrator/journal.db", ".mypy_cache/x", "orchestrator/core/__pycache__/x.pyc"):
        (project.folder / file).parent.mkdir(parents=True)
        (project.folder / file).touch()
    project.run("clean")

    left = {str(file.relative_to(project.folder)) for file in project.folder.rglob("*") if file.is_file()}
    assert left == {
        ".orchestrator/journal.db",
        "backend.py",
        "pyproject.toml",
        "tools/bootstrap.py",
        "tools/requirements/dev.txt",
    }


@pytest.mark.parametrize("words", [["tset"], ["setup", "--quick"]])
def test_what_it_does_not_know_it_refuses(project: Project, words: list[str]) -> None:
    _, err = project.run(*words, status=2)

    assert err.startswith(f"unknown: {' '.join(words)}\n")
    assert project.calls() == []


def test_any_python_since_3_8_can_read_it_and_it_needs_nothing_else() -> None:
    tree = ast.parse(SOURCE.read_text(), feature_version=(3, 8))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    roots = {name.split(".")[0] for node in imports for name in [getattr(node, "module", None) or node.names[0].name]}

    assert roots <= sys.stdlib_module_names


def test_an_older_python_says_which_is_needed_in_one_line(bare: Project) -> None:
    older = f"""if True:
        import runpy, sys
        sys.version_info, sys.argv[1:] = (3, 9, 6), ["setup"]
        runpy.run_path({str(SOURCE)!r}, run_name="__main__")
    """
    child = subprocess.run(
        [sys.executable, "-c", older], env={"PATH": str(bare.bin)}, capture_output=True, text=True, check=False
    )

    assert child.returncode == 1
    assert child.stderr == f"set-up: Python 3.11 or newer is needed; {sys.executable} is 3.9.6.\n"


def test_an_older_python_finds_a_newer_one_that_works(bare: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, script in (("python3.13", "exit 127"), ("python3.12", "exit 0"), ("python3.11", "exit 0")):
        (bare.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (bare.bin / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(bare.bin))

    assert bootstrap.newer_python() == str(bare.bin / "python3.12")
