"""Wrong files and the exact words that each of them gets: `wrong/NAME.yml` beside `wrong/NAME.txt`.

`playbook-` and `inventory-` are loaded; `plan-` is a playbook that can be loaded and is planned for the hosts of
`plan.inventory`; `settings-` is a folder with an orchestrator.toml. WRONG=write writes the words anew: read them then.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from orchestrator.core.expand import expand
from orchestrator.core.pattern import select
from orchestrator.errors import InputError
from orchestrator.load import (
    check_params,
    load_inventory,
    load_playbook,
    load_settings,
    read_extra_vars,
    render_problems,
    with_lines,
)
from orchestrator.model.origin import Problem

WRONG = Path(__file__).parent / "wrong"
FILES = sorted([*WRONG.glob("*.yml"), *(path.parent for path in WRONG.glob("settings-*/orchestrator.toml"))])
FLEET = Path("plan.inventory")


def plan(file: Path) -> None:
    playbook, inventory = load_playbook(file), load_inventory(FLEET)
    params = check_params(playbook, read_extra_vars(["release=v1"] if playbook.params else []))
    hosts = select(playbook.hosts, inventory) if playbook.hosts else inventory.hosts
    expand(playbook, inventory, hosts, params)


def settings(file: Path) -> None:
    load_settings(file, {})


READERS: Mapping[str, Callable[[Path], object]] = {
    "playbook": load_playbook,
    "inventory": load_inventory,
    "plan": plan,
    "settings": settings,
}


def problems_of(file: Path) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        READERS[file.name.partition("-")[0]](Path(file.name))
    return with_lines(caught.value.problems)


@pytest.fixture(autouse=True)
def beside_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(WRONG)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_wrong_file_gets_exactly_these_words(file: Path) -> None:
    words = render_problems(problems_of(file)) + "\n"
    kept = file.with_suffix(".txt")
    if os.environ.get("WRONG") == "write":
        kept.write_text(words, encoding="utf-8")

    assert words == kept.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_problem_has_a_place_and_says_what_to_write(file: Path) -> None:
    """In its fix; or where `must be` and the like say it, or a colon."""
    for problem in problems_of(file):
        assert problem.origin.line or problem.problem in ("the file is empty", "the inventory is empty")
        assert problem.fix or re.search(
            r"must (be|begin|match|have)|not yet supported|more problems|has no |: ", problem.problem
        )


def test_every_wrong_file_has_its_words() -> None:
    assert sorted(path.stem for path in WRONG.glob("*.txt")) == sorted(path.stem for path in FILES)
    kinds = [file.name.partition("-")[0] for file in FILES]
    assert {
        kind: kinds.count(kind) >= least for kind, least in {"playbook": 60, "inventory": 25, "plan": 15}.items()
    } == {
        "playbook": True,
        "inventory": True,
        "plan": True,
    }


def test_no_words_repeat_a_key_or_a_password() -> None:
    words = "".join(path.read_text(encoding="utf-8") for path in WRONG.glob("*.txt"))

    assert "*" * 24 in words
    for secret in ("hu_live", "hunter2", "1234567890"):
        assert secret not in words
