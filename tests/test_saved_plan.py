"""A plan in a file: the same inputs, the same bytes; whatever is not as it was written is refused."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator import codec
from orchestrator.errors import InputError
from orchestrator.saved_plan import SavedPlan, read_saved, sealed, write_saved
from tests.builders import make_plan

ARGV = ("orc", "run", "deploy.yml", "-i", "prod.yml")
SAVED = SavedPlan(plan=make_plan(3, waves=(1, 2)), argv=ARGV, valid_until=1_800_000_000.0)


def refused(path: Path, saying: str) -> None:
    with pytest.raises(InputError, match=saying) as caught:
        read_saved(path)
    assert str(caught.value.problems[0].origin) == path.as_posix()


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    write_saved(tmp_path / "a.plan", SAVED)
    assert read_saved(tmp_path / "a.plan") == sealed(SAVED)
    write_saved(tmp_path / "a.plan", replace(SAVED, valid_until=None))
    assert read_saved(tmp_path / "a.plan").valid_until is None
    assert [path.name for path in tmp_path.iterdir()] == ["a.plan"]


def test_a_plan_is_written_over_a_plan_and_over_nothing_else(tmp_path: Path) -> None:
    playbook, pipe, empty, plan = (tmp_path / name for name in ("deploy.yml", "pipe", "empty", "a.plan"))
    playbook.write_text("{name: x}")
    os.mkfifo(pipe)
    empty.touch()
    for each in (playbook, pipe, tmp_path):
        with pytest.raises(InputError, match="is there, and is no plan"):
            write_saved(each, SAVED)
    assert playbook.read_text() == "{name: x}"
    assert pipe.is_fifo()
    for each in (empty, plan, plan):
        write_saved(each, SAVED)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.plan", "deploy.yml", "empty", "pipe"]


def test_a_plan_that_was_kept_from_others_stays_so_when_it_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "a.plan"
    write_saved(path, SAVED)
    path.chmod(0o600)
    write_saved(path, SAVED)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_file_is_canonical_json(tmp_path: Path) -> None:
    write_saved(tmp_path / "a.plan", SAVED)
    written = (tmp_path / "a.plan").read_bytes()
    assert codec.canonical(json.loads(written)) + b"\n" == written


def test_a_digest_is_that_of_the_whole_canonical_plan() -> None:
    plan = SAVED.plan
    assert b"".join(codec.canonical_parts(plan, digest="x")) == codec.canonical(
        codec.to_json(replace(plan, digest="x"))
    )


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a command": lambda plan: plan["hosts"][1]["commands"][0].update(text="rm -rf /"),
    "the order of hosts": lambda plan: plan["hosts"].reverse(),
    "a budget": lambda plan: plan["policy"].update(max_failures=99),
    "a wave": lambda plan: plan["waves"].pop(),
    "a file's digest": lambda plan: plan["inputs"].update({"other.yml": "0" * 64}),
    "the digest": lambda plan: plan.update(digest="0" * 64),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_plan_that_was_changed_by_hand_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = tmp_path / "a.plan"
    write_saved(path, SAVED)
    data = json.loads(path.read_bytes())
    change(data["plan"])
    path.write_text(json.dumps(data))
    refused(path, "was changed after it was made")


@pytest.mark.parametrize("text", ["", "{}", "null", "not json", '{"v":1,"argv":[],"plan":{},"valid_until":null}', "\0"])
def test_what_is_no_plan_is_refused_with_the_way_to_make_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.plan"
    path.write_text(text)
    refused(path, "is not a plan that this version of orc can read")


def test_a_plan_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.plan"
    write_saved(path, SAVED)
    path.write_bytes(path.read_bytes()[:-100])
    refused(path, "is not a plan")


def test_another_format_is_told_apart_from_a_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "a.plan"
    write_saved(path, replace(SAVED, v=2))
    refused(path, "is a plan in the format 2; this is orc's 1")


def test_a_file_that_is_not_there_or_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    refused(tmp_path / "none.plan", "cannot be read: No such file")
    with pytest.raises(InputError, match="cannot be written"):
        write_saved(tmp_path / "none" / "a.plan", SAVED)
    with pytest.raises(InputError, match="cannot be written: not the name of a file"):
        write_saved(tmp_path / "a\0.plan", SAVED)
    assert not [*tmp_path.iterdir()]
