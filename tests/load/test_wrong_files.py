"""Wrong files and the exact words that each of them gets: `wrong/NAME.yml` beside `wrong/NAME.txt`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.load import load_inventory, load_playbook, render_problems

WRONG = Path(__file__).parent / "wrong"
NAMES = sorted(path.stem for path in WRONG.glob("*.yml"))


def complaint(name: str) -> str:
    load: Callable[[Path], object] = load_playbook if name.startswith("playbook-") else load_inventory
    with pytest.raises(InputError) as caught:
        load(Path(f"{name}.yml"))
    return render_problems(caught.value.problems) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_file_gets_exactly_these_words(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(WRONG)

    assert complaint(name) == (WRONG / f"{name}.txt").read_text(encoding="utf-8")


def test_every_wrong_file_has_its_words() -> None:
    assert sorted(path.stem for path in WRONG.glob("*.txt")) == NAMES
    assert len(NAMES) >= 40


def test_no_words_repeat_a_key_or_a_password() -> None:
    words = "".join(path.read_text(encoding="utf-8") for path in WRONG.glob("*.txt"))

    assert "*" * 24 in words
    for secret in ("hu_live", "hunter2", "1234567890"):
        assert secret not in words
