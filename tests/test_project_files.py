"""The files around the code say the same: README, Makefile, .ci/run, bootstrap, pyproject and the requirements."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import bootstrap

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PINNED = ("run", "dev")


def typed() -> list[str]:
    """What is typed in the README's shell examples, without the remarks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]


def phases() -> list[str]:
    """The commands of .ci/run, in order."""
    return re.findall(r"^phase \S+ (.+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)


def pins(name: str) -> dict[str, tuple[Requirement, frozenset[str]]]:
    """Every pinned release by its package's name, with the hashes of its files."""
    text = (ROOT / "tools" / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
    found: dict[str, tuple[Requirement, frozenset[str]]] = {}
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            requirement, *hashes = line.split(" --hash=")
            parsed = Requirement(requirement)
            found[canonicalize_name(parsed.name)] = (parsed, frozenset(h.strip() for h in hashes))
    return found


def test_the_first_commands_of_the_readme_are_demo_and_test() -> None:
    assert typed()[:2] == ["make demo", "make test"]


def test_ci_runs_exactly_the_tests_of_the_readme_and_then_the_demo() -> None:
    assert phases()[-2:] == [typed()[1], typed()[0]]


def test_the_readme_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\((docs/[\w-]+\.md)", README))
    assert linked >= {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}


@pytest.mark.parametrize("line", [*phases(), *typed(), *re.findall(r"`([^`\n]+)`", README)])
def test_every_command_that_is_named_exists(line: str) -> None:
    for command in re.findall(r"(?:^make|tools/bootstrap\.py) (\S+)", line):
        assert command in bootstrap.COMMANDS


def test_make_has_the_commands_of_the_bootstrap_help_first() -> None:
    rules = re.findall(r"^([a-z][a-z -]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert [name for rule in rules for name in rule.split()] == list(bootstrap.COMMANDS)


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
def test_make_alone_lists_every_command() -> None:
    # `make test ARGS=...` would hand its ARGS on to this make too, through MAKEFLAGS.
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    make = subprocess.run(["make", "-C", ROOT], env=env, capture_output=True, text=True, check=True)

    for name, (about, _) in bootstrap.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(about)}$", make.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", PINNED)
def test_a_requirement_is_one_release_with_hashes_and_nothing_says_where_to_fetch_it(name: str) -> None:
    for requirement, hashes in pins(name).values():
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), requirement
        assert requirement.url is None

    text = (ROOT / "tools" / "requirements" / f"{name}.txt").read_text()
    assert not re.search(r"://|^\s*-(?!-hash=)|@|(^|\s)/", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("run", PYPROJECT["project"]["dependencies"]),
        ("dev", PYPROJECT["project"]["dependencies"]),
        ("dev", PYPROJECT["dependency-groups"]["dev"]),
        ("dev", PYPROJECT["build-system"]["requires"]),
    ],
)
def test_what_pyproject_asks_for_is_pinned_to_a_release_it_accepts(name: str, asked: list[str]) -> None:
    pinned = pins(name)
    for wanted in map(Requirement, asked):
        requirement, _ = pinned[canonicalize_name(wanted.name)]
        (specifier,) = requirement.specifier
        assert wanted.specifier.contains(specifier.version), f"{wanted}: pin it anew, see the head of {name}.txt"
        assert requirement.marker is None


def test_what_is_tested_is_what_is_run() -> None:
    run, dev = pins("run"), pins("dev")

    assert {name: dev.get(name) for name in run} == run
