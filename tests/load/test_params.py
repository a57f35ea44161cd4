"""What is passed with -e, and whether it is what the playbook asks for."""

from collections.abc import Mapping

import pytest

from orchestrator.errors import InputError
from orchestrator.load import check_params, load_playbook, read_extra_vars, render_problems
from orchestrator.model.host import Variable
from orchestrator.model.ids import Value
from orchestrator.model.origin import COMMAND_LINE, Origin
from orchestrator.model.playbook import Playbook
from tests.load.conftest import Write

PLAYBOOK = r"""
hosts: all
params:
  release: {required: true, pattern: 'v\d+', help: the tag to deploy}
  colour: {choices: [blue, green], default: blue}
  count: {type: integer, default: 3}
  share: {type: number}
  dry: {type: boolean, default: false}
  zones: {type: list, default: [a]}
steps: [{run: uptime}]
"""


def values(given: Mapping[str, Variable]) -> dict[str, Value]:
    return {name: variable.value for name, variable in given.items()}


def checked(playbook: Playbook, *args: str) -> dict[str, Value]:
    return values(check_params(playbook, read_extra_vars(args)))


@pytest.fixture
def playbook(write: Write) -> Playbook:
    return load_playbook(write("p.yml", PLAYBOOK))


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["a=text"], {"a": "text"}),
        (["a=5", "b=1.5", "c=true", "d=null", "e="], {"a": 5, "b": 1.5, "c": True, "d": None, "e": None}),
        (["a='5'"], {"a": "5"}),
        (['a="x\\ty"'], {"a": "x\ty"}),
        (["a=b=c d"], {"a": "b=c d"}),
        (["a=[1, 2]"], {"a": "[1, 2]"}),
        (["a=1e999"], {"a": "1e999"}),
        (["{a: [1, b], c: {d: no}}"], {"a": [1, "b"], "c": {"d": "no"}}),
        (['{"a": null}'], {"a": None}),
        (["{a: 1}", "a=2"], {"a": 2}),
        ([], {}),
    ],
)
def test_extra_vars_are_scalars_or_mappings_and_the_later_wins(args: list[str], expected: dict[str, object]) -> None:
    given = read_extra_vars(args)

    assert values(given) == expected
    assert all(variable.origin == COMMAND_LINE for variable in given.values())


def test_a_file_of_extra_vars_keeps_its_places(write: Write) -> None:
    write("more.yml", "release: v2\ncount: 5\n")

    given = read_extra_vars(["@more.yml"])

    assert values(given) == {"release": "v2", "count": 5}
    assert given["count"].origin == Origin(file="more.yml", line=2, column=8)


@pytest.mark.parametrize(
    ("arg", "problem"),
    [
        ("nonsense", "-e nonsense is not understood"),
        ("a-b=1", "-e a-b=1 is not understood"),
        ("", "-e  is not understood"),
        ("@missing.yml", "there is no such file"),
        ("@", "is a folder"),
        ("{a: 1", "a mapping that is not closed"),
        ("{a: 1, a: 2}", "the key a is here twice, first at line 1"),
        ("a='x", "a quote that is not closed"),
        ("a='x' y", "a mapping that is not closed"),
        ("a=\udcff", "-e a is not UTF-8"),
        ("{a: \udcff}", "an escape that is not a character"),
    ],
)
def test_extra_vars_that_are_not_understood_are_refused(write: Write, arg: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        read_extra_vars([arg, "b=2"])

    assert [p.problem for p in caught.value.problems] == [problem]
    assert all(p.line == "" for p in caught.value.problems)


def test_a_file_of_extra_vars_must_be_a_mapping(write: Write) -> None:
    write("list.yml", "- a\n")

    with pytest.raises(InputError) as caught:
        read_extra_vars(["@list.yml", "nonsense"])

    assert [str(p.origin) for p in caught.value.problems] == ["list.yml:1:1", "command line"]


def test_what_is_not_given_has_its_default(playbook: Playbook) -> None:
    given = check_params(playbook, read_extra_vars(["release=v1"]))

    assert values(given) == {
        "release": "v1", "colour": "blue", "count": 3, "share": None, "dry": False, "zones": ["a"],
    }  # fmt: skip
    assert given["count"].origin.file == "p.yml"


def test_values_of_every_type(playbook: Playbook) -> None:
    assert checked(playbook, "release=v1", "count=7", "share=2", "dry=true", "{zones: [b, c]}", "colour=green") == {
        "release": "v1", "colour": "green", "count": 7, "share": 2, "dry": True, "zones": ["b", "c"],
    }  # fmt: skip


@pytest.mark.parametrize("typed", ["0644", "1e5", "true", "null", "1.10", "", "12:30", "0x1F"])
def test_a_string_is_taken_as_it_was_typed(write: Write, typed: str) -> None:
    playbook = load_playbook(write("p.yml", "hosts: all\nparams: {mode: {}}\nsteps: [{run: uptime}]\n"))
    write("more.yml", f"mode: {typed}\n")

    assert checked(playbook, f"mode={typed}") == {"mode": typed}
    if typed not in ("null", ""):
        assert checked(playbook, f"{{mode: {typed}}}") == checked(playbook, "@more.yml") == {"mode": typed}


def test_all_that_is_wrong_is_said_at_once(playbook: Playbook) -> None:
    given = read_extra_vars(["relaese=v1", "colour=red", "count=x", "dry=1", "zones=a", "share=true"])

    with pytest.raises(InputError) as caught:
        check_params(playbook, given)

    assert render_problems(caught.value.problems).splitlines() == [
        "command line: error: the playbook has no parameter relaese, did you mean release?",
        "command line: error: the parameter release (the tag to deploy) is missing, pass -e release=...",
        "command line: error: colour: red is none of blue, green",
        "command line: error: count: must be a whole number, not x (text)",
        "command line: error: share: must be a number, not true (true or false)",
        "command line: error: dry: must be true or false, not 1 (a number)",
        "command line: error: zones: must be a list, not a (text), such as -e '{zones: [a, b]}'",
    ]


@pytest.mark.parametrize("release", ["v1x", "xv1", "v1\n", "v", "V1"])
def test_the_whole_of_a_value_must_match_the_pattern(playbook: Playbook, release: str) -> None:
    with pytest.raises(InputError, match=r"does not match v\\d\+"):
        check_params(playbook, {"release": Variable(value=release, origin=COMMAND_LINE)})


def test_true_is_not_the_choice_1(write: Write) -> None:
    playbook = load_playbook(
        write("p.yml", "hosts: all\nparams: {n: {type: number, choices: [1, 2]}}\nsteps: [{run: uptime}]\n")
    )

    assert checked(playbook, "n=1.0") == {"n": 1.0}
    with pytest.raises(InputError):
        checked(playbook, "n=true")


def test_a_playbook_without_params_takes_none(write: Write) -> None:
    playbook = load_playbook(write("p.yml", "hosts: all\nsteps: [{run: uptime}]\n"))

    with pytest.raises(InputError) as caught:
        checked(playbook, "a=1")

    assert caught.value.problems[0].fix == "it has none: write them under `params:`"
