"""What a command line wants, and the way back from it: by that a run is tried again as it was asked for."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.cli.retry import limit_of
from orchestrator.cli.wanted import Wanted, typed, wanted_of
from orchestrator.load import Settings
from orchestrator.model.rollout import RollbackScope
from tests.builders import Rule, make_plan
from tests.scripted_runs import RUN, failing, play

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
TAGS = st.lists(WORDS.filter(lambda word: "," not in word), max_size=3).map(tuple)
PATHS = WORDS.map(Path)

WANTED = st.builds(
    Wanted,
    playbook=PATHS,
    inventory=st.none() | PATHS,
    limit=st.none() | WORDS,
    extra_vars=st.lists(WORDS | st.sampled_from(["-l", "-e", "--no-rollback"]), max_size=3).map(tuple),
    tags=TAGS,
    skip_tags=TAGS,
    forks=st.none() | st.integers(min_value=1),
    max_failures=st.none() | WORDS,
    no_rollback=st.booleans(),
)
"""As a command line has it: tags one by one, and no lists of runs read."""


@given(wanted=WANTED)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_a_command_line_is_read_back_as_what_was_wanted(wanted: Wanted) -> None:
    assert typed(wanted.argv()) == wanted
    assert typed((*wanted.argv(), "--yes-really", "7")) == wanted, "a number of hosts holds for one run alone"


PLAYBOOK = """
vmids: [1, 2, 3, 4]
params:
  text: {default: a}
  number: {type: integer, default: 1}
  words: {type: list, default: []}
  nothing: {}
rollout: {max_failures: 25%}
steps:
  - {name: one, run: "echo {{ text }} {{ number }}", tags: web}
  - {name: two, run: "true", tags: db}
"""


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    (tmp_path / "p.yml").write_text(PLAYBOOK)
    return Wanted(playbook=tmp_path / "p.yml")


def here(folder: Path) -> Settings:
    return Settings(state_dir=folder, database_url="")


@pytest.mark.parametrize(("typed_as", "budgets"), [(None, (1, 0)), ("50%", (2, 1)), ("3", (3, 3))])
def test_the_budgets_of_a_retry_are_shares_of_its_own_hosts_as_they_were_typed(
    wanted: Wanted, tmp_path: Path, typed_as: str | None, budgets: tuple[int, int]
) -> None:
    first = replace(wanted, max_failures=typed_as)
    again = replace(typed(first.argv()), limit="1,2")
    plans = first.plan(here(tmp_path)), again.plan(here(tmp_path))
    assert tuple(plan.policy.max_failures for plan in plans) == budgets


def test_what_a_program_has_planned_is_planned_again_without_a_command_line(wanted: Wanted, tmp_path: Path) -> None:
    """Values that YAML would read as something else, and rules that bound the run."""
    first = replace(
        wanted,
        extra_vars=("text='1'", '{words: ["no", "{"]}', "number=7"),
        skip_tags=("db",),
        forks=3,
        no_rollback=True,
    ).plan(here(tmp_path))
    assert first.params == {"text": "1", "number": 7, "words": ["no", "{"], "nothing": None}
    assert first.policy.rollback is RollbackScope.NONE
    again = wanted_of(first)
    assert again.plan(here(tmp_path)) == first
    assert typed(again.argv()).plan(here(tmp_path)) == first


def test_hosts_that_are_too_many_to_name_are_the_limit_of_a_retry_by_the_lists_that_hold_them() -> None:
    names = [f"{'x' * n}-host" for n in range(1, 200)]
    state = play(make_plan(names, (Rule(name="one", run="a"),), (1, 198)), lambda *_: failing()).state
    assert limit_of(state.plan.waves[0].hosts, state, RUN) == "x-host"
    assert limit_of(state.plan.waves[1].hosts, state, RUN) == f"@{RUN}.never_started"
    assert limit_of(tuple(state.hosts), state, RUN) == f"@{RUN}.never_started,@{RUN}.failed"
