"""Whatever a file holds, it is loaded or refused with an InputError, and soon."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import InputError
from orchestrator.load import load_inventory, load_playbook, load_settings, read_extra_vars, render_problems
from orchestrator.load.inventory_shape import GroupShape, InventoryShape
from orchestrator.load.param_shape import ParamShape
from orchestrator.load.playbook_shape import PlaybookShape
from orchestrator.load.retries_shape import RetriesShape
from orchestrator.load.rollback_shape import RollbackShape, UndoPartShape, VerifyShape
from orchestrator.load.rollout_shape import RolloutShape, WaveShape
from orchestrator.load.step_shape import StepShape

LONGEST = 5.0
FUZZ = settings(
    derandomize=True, max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

SHAPES = (
    PlaybookShape,
    StepShape,
    RollbackShape,
    UndoPartShape,
    VerifyShape,
    RetriesShape,
    RolloutShape,
    WaveShape,
    ParamShape,
    InventoryShape,
    GroupShape,
)
KEYS = sorted({key for shape in SHAPES for key in shape.known()} | {"vmid", "hostname", "kind", "url", "web-[1:3]"})
SCALARS = ["web", "all", "{{ x }}", "5", "-1", "0644", "1.5", "1e999", "true", "no", "~", "10%", "5m", "''"]
SCALARS += ['"\\ud800"', "'[1:3]'", "env:X", "!t x", "*a", "&a x", "^v(\\d"]
PIECES = [
    *"a:-?[]{},>'\"\\#%@0é*!\n\t\r\x85\U0001f600",
    "hosts",
    ": ",
    "- ",
    "  ",
    "&a ",
    "*a",
    "|\n",
    "<<",
    "---",
    "...",
]
TOML_PIECES = ["log", "provider", "state_dir", *'=[]\n1. {}"', '"x"', "1979-05-27", "nan"]

YAML_LIKE = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
TOML_LIKE = st.lists(st.sampled_from(TOML_PIECES), max_size=30).map("".join)
VALUES = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(st.sampled_from(KEYS), inner), max_size=6).map(
            lambda pairs: "{" + ", ".join(f"'{key}': {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=25,
)
DOCUMENTS = st.lists(st.tuples(st.sampled_from(KEYS), VALUES), max_size=8).map(
    lambda pairs: "".join(f"'{key}': {value}\n" for key, value in pairs)
)


def attempt(load: Callable[[], object]) -> None:
    began, problems = time.monotonic(), None
    try:
        load()
    except InputError as error:
        problems = error.problems
    assert problems is None or render_problems(problems)
    assert time.monotonic() - began < LONGEST


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.yml"


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="surrogatepass")))
@FUZZ
def test_any_bytes_are_loaded_or_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    attempt(lambda: load_playbook(path))
    attempt(lambda: load_inventory(path))


@given(YAML_LIKE)
@FUZZ
def test_any_text_that_looks_like_yaml_is_loaded_or_refused(path: Path, content: str) -> None:
    path.write_bytes(content.encode())
    attempt(lambda: load_playbook(path))
    attempt(lambda: load_inventory(path))


@given(DOCUMENTS)
@FUZZ
def test_any_values_under_known_keys_are_loaded_or_refused(path: Path, content: str) -> None:
    path.write_bytes(content.encode())
    attempt(lambda: load_playbook(path))
    attempt(lambda: load_inventory(path))


@given(st.text(max_size=50) | YAML_LIKE.map(lambda text: "{" + text) | VALUES.map(lambda value: f"a={value}"))
@FUZZ
def test_any_extra_vars_are_read_or_refused(arg: str) -> None:
    attempt(lambda: read_extra_vars([arg]))


@given(st.binary(max_size=100) | TOML_LIKE.map(str.encode))
@FUZZ
def test_any_settings_are_loaded_or_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "orchestrator.toml").write_bytes(content)
    attempt(lambda: load_settings(tmp_path, {}))
