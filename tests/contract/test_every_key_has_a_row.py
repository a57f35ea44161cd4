"""Every key of rollouts, waves, gates, rollbacks and limits has a row that runs it, and one of what is wrong."""

from collections import Counter
from collections.abc import Iterator

import pytest

from orchestrator.load import read_yaml
from tests.contract import (
    test_budget_keys,
    test_ending_keys,
    test_gate_keys,
    test_held_keys,
    test_refused_rollback_keys,
    test_refused_rollout_keys,
    test_rollback_keys,
    test_rollout_keys,
)
from tests.rule_rows import Row
from tests.written_keys import Schema, fits, forms, has_domain, key_schema, offered, written

SHAPES = ("RolloutShape", "LimitsShape", "RollbackShape")
BESIDES = (
    *(f"StepShape.{key}" for key in ("rollback", "irreversible", "on_failure", "run_once", "handlers")),
    *(f"PlaybookShape.{key}" for key in ("rollout", "limits", "after_rollback", "finally", "handlers")),
)
KEYS = {**offered(SHAPES), **{key: key_schema(key) for key in BESIDES}}
RUN: list[Row | test_held_keys.Limit] = [
    *test_rollout_keys.ROWS,
    *test_budget_keys.ROWS,
    *test_gate_keys.ROWS,
    *test_rollback_keys.ROWS,
    *test_ending_keys.ROWS,
    *test_held_keys.ROWS,
]
REFUSED = {row.of for row in (*test_refused_rollout_keys.ROWS, *test_refused_rollback_keys.ROWS)}
"""The keys of which something wrong is refused."""

ABOVE = {"RolloutShape": "PlaybookShape.rollout", "LimitsShape": "PlaybookShape.limits"}
"""Where a row about a shape's key is one about the key that holds the shape, too."""


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object]]:
    """By key, the values that rows about it write."""
    found: dict[str, list[object]] = {}
    path = tmp_path_factory.mktemp("rows") / "playbook.yml"
    for row in RUN:
        path.write_text(row.playbook())
        here = list(written(read_yaml(path)))
        about = {row.of, ABOVE.get(row.of.partition(".")[0], row.of)}
        mine = [(key, value) for key, value in here if key in about]
        assert ({key for key, _ in mine} >= {row.of}) is not getattr(row, "default", False), row.name
        for key, value in mine:
            found.setdefault(key, []).append(value)
    return found


def wanted() -> Iterator[tuple[str, Schema]]:
    for key, schema in KEYS.items():
        yield from ((key, form) for form in forms(schema))


@pytest.mark.parametrize(("key", "form"), [pytest.param(key, form, id=f"{key} {form}") for key, form in wanted()])
def test_every_form_of_every_key_is_run_in_a_row(key: str, form: Schema, values: dict[str, list[object]]) -> None:
    assert any(fits(value, form) for value in values.get(key, [])), f"write a row of {key} whose value is {form}"


@pytest.mark.parametrize("key", sorted(key for key, schema in KEYS.items() if has_domain(schema)))
def test_of_every_key_that_has_a_domain_a_wrong_value_is_refused_in_a_row(key: str) -> None:
    assert key in REFUSED, f"write a row of {key} in a test of refused keys"


def test_no_row_is_about_a_key_that_is_not_there() -> None:
    assert {row.of for row in RUN} | REFUSED <= KEYS.keys()


def test_no_two_rows_are_called_the_same() -> None:
    assert [name for name, times in Counter(row.name for row in RUN).items() if times > 1] == []
