"""YAML to values with places: the core schema of YAML 1.2, and the limits on what a file may ask for."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import InputError
from orchestrator.load import yaml12
from orchestrator.load.document import Document
from orchestrator.load.files import Source
from orchestrator.load.problems import Loc
from orchestrator.load.scalars import is_ambiguous, resolve
from orchestrator.load.yaml12 import MAX_ALIASED, MAX_DEPTH, read_yaml_text


def read(text: str) -> Document:
    return read_yaml_text(Source(file="f.yml", text=text, sha256=""))


def place(document: Document, *loc: str | int) -> tuple[int, int]:
    origin = document.origin(loc)
    return origin.line, origin.column


def text_place(document: Document, *loc: str | int) -> tuple[int, int]:
    origin = document.text_origin(loc)
    return origin.line, origin.column


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-7", -7),
        ("+7", 7),
        ("0644", 644),
        ("0o17", 15),
        ("0xFF", 255),
        ("1.5", 1.5),
        ("-.5", -0.5),
        ("1e3", 1000.0),
        ("12:30", "12:30"),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("2026-01-31", "2026-01-31"),
        ("v1.2.3", "v1.2.3"),
        ("1.2.3", "1.2.3"),
        ("tRue", "tRue"),
    ],
)
def test_a_plain_scalar_is_read_by_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    found = resolve(text)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text", ["9223372036854775808", "-9223372036854775809", "9" * 5000, "1e999", ".inf", "-.INF", ".nan"]
)
def test_a_number_that_json_or_64_bits_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"number"):
        resolve(text)


@pytest.mark.parametrize(
    "text", ["no", "Yes", "on", "OFF", "y", "0644", "0o17", "12:30", "1_000", "0b11", "2026-01-31"]
)
def test_what_yaml_1_1_reads_differently_is_ambiguous(text: str) -> None:
    assert is_ambiguous(text)


@pytest.mark.parametrize("text", ["0", "10", "1.5", "true", "none", "web", "nothing", "v1", "10.0.0.1", "1:2:x", "-"])
def test_what_both_read_alike_is_not(text: str) -> None:
    assert not is_ambiguous(text)


def test_quotes_and_the_str_tag_make_text_of_anything() -> None:
    assert read("['12', \"no\", !!str 12, ! 12, '']").data == ["12", "no", "12", "12", ""]


def test_every_value_and_key_has_its_place_in_characters() -> None:
    document = read("é: {ü: 1, b: [x, 'y']}\nc:\n  - d: 2\n")

    assert place(document) == (1, 1)
    assert place(document, "é") == (1, 4)
    assert place(document, "é", "ü") == (1, 8)
    assert place(document, "é", "b", 1) == (1, 18)
    assert place(document, "c", 0, "d") == (3, 8)
    assert document.key_origin(("c", 0, "d")).column == 5
    assert place(document, "c", 0, "nothing", "here") == (3, 5)


def test_a_text_is_placed_at_its_first_character() -> None:
    document = read("a: plain\nb: 'quoted'\nc: |\n\n    block\nd: >-\n  folded\n  on\n")

    assert [text_place(document, key) for key in "abcd"] == [(1, 4), (2, 5), (5, 5), (7, 3)]


def test_lines_break_where_yaml_breaks_them() -> None:
    document = read("a: 1\r\nb: 2\n# \x85c: 3\n")

    assert [place(document, key)[0] for key in "abc"] == [1, 2, 4]
    assert document.source.line(4) == "c: 3"


def test_an_alias_repeats_its_value_with_its_place() -> None:
    document = read("a: &x {k: 1}\nb: *x\n")

    assert document.data == {"a": {"k": 1}, "b": {"k": 1}}
    assert place(document, "b", "k") == (1, 11)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {k: 1}\nb: [*x, 'q', \"d\", 1.5]\nc: |\n  t\n",
        "- 1\n- [a, {b: c}]\n-\n  - x\n",
        "? a\n: b\n",
        "'': 1\n",
    ],
)
def test_both_parsers_of_pyyaml_give_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = read(text)
    monkeypatch.setattr(yaml12, "_LOADER", yaml.SafeLoader)
    slow = read(text)

    assert (fast.data, fast.values, fast.keys, fast.styles) == (slow.data, slow.values, slow.keys, slow.styles)


def refusal(text: str) -> str:
    with pytest.raises(InputError) as caught:
        read(text)
    (problem,) = caught.value.problems
    return problem.problem


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_depth_is_capped_however_deep_it_goes(opening: str) -> None:
    assert refusal(opening * 50_000) == f"is nested more than {MAX_DEPTH} deep"


def test_aliases_count_towards_the_depth() -> None:
    chain = "\n".join(f"- &a{n} [*a{n - 1}]" for n in range(1, 5000))

    assert refusal(f"- &a0 x\n{chain}") == f"is nested more than {MAX_DEPTH} deep"


def test_aliases_may_not_multiply_without_end() -> None:
    rows = "\n".join(f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 40))

    assert refusal(f"- &a0 x\n{rows}") == f"its aliases stand for more than {MAX_ALIASED} values"


def test_many_values_written_out_are_no_bomb() -> None:
    data = read("[" + "1," * 150_000 + "]").data

    assert isinstance(data, list)
    assert len(data) == 150_000


def test_an_escape_for_half_a_character_is_found_by_either_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    for loader in (yaml12._LOADER, yaml.SafeLoader):
        monkeypatch.setattr(yaml12, "_LOADER", loader)
        with pytest.raises(InputError):
            read('a: "\\ud800"').refuse([], free=lambda loc: True)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(categories=["L"])), inner),
    max_leaves=10,
)


@given(PLAIN)
@settings(derandomize=True, max_examples=200, deadline=None)
def test_json_is_read_as_what_it_says(value: object) -> None:
    assert read(json.dumps(value, ensure_ascii=False)).data == value


def test_a_path_of_any_depth_finds_the_nearest_place() -> None:
    loc: Loc = ("a", 0, "b", 1)

    assert read("a: x").origin(loc).column == 4
