"""Texts whose values are names alone are rendered without Jinja, to the same: the text, the error, the notes."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.model.ids import Value
from orchestrator.model.origin import Origin, Text
from orchestrator.template import TemplateError, render_shell, shell_text

ORIGIN = Origin(file="p.yml", line=1, column=1)
CHUNKS = st.sampled_from(
    ["echo ", " ", "", "'", '"', " && cd /srv/", "/x ", "=", " > ", " # ", "$(", ")", "`", " -- ", "git checkout ",
     " <<E\n", "\nE\n", "\n", "rm -rf ", "$((", "))", " >& ", "sh -c ", "${X:-", "}", "~", "\\", " | ", "; ", "a="]
)  # fmt: skip
VALUES = st.one_of(
    st.text(alphabet="ab1 -'\"$`\\\n;=~\u00e9\0", max_size=6),
    st.sampled_from(["", "-x", "--", "if", "2", "E", "v1.2.3", "$(touch x)", "\ud800"]),
    st.integers(-3, 3),
    st.booleans(),
    st.floats(allow_nan=False),
    st.none(),
    st.lists(st.text(max_size=2), max_size=2),
)


def outcome(source: str, values: dict[str, Value]) -> object:
    """The text and what is to be known of it, or what is said."""
    notes: list[str] = []
    try:
        return render_shell(Text(source=source, origin=ORIGIN), values, lambda note: notes.append(str(note))), notes
    except TemplateError as error:
        return error.problem


def is_quick(source: str, values: dict[str, Value]) -> bool:
    return shell_text._quickly(Text(source=source, origin=ORIGIN), values) is not None


@settings(max_examples=600)
@given(
    chunks=st.lists(CHUNKS, min_size=2, max_size=6),
    values=st.lists(st.one_of(VALUES, st.just("absent")), min_size=5, max_size=5),
)
@example(chunks=["echo ", " ", ""], values=[1, True, "1", 1.0, "x"])
@example(chunks=["git checkout ", ""], values=["-x", "a", "a", "a", "a"])
def test_what_is_quick_is_the_same(chunks: list[str], values: list[Value]) -> None:
    names = [f"v{number}" for number in range(len(chunks) - 1)]
    source = chunks[0] + "".join(f"{{{{ {name} }}}}{chunk}" for name, chunk in zip(names, chunks[1:], strict=True))
    given_ = {name: value for name, value in zip(names, values, strict=False) if value != "absent"}
    twice = [outcome(source, given_), outcome(source, given_)]  # the second time from what is remembered
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shell_text, "_quickly", lambda *_: None)
        assert twice == [outcome(source, given_)] * 2


def test_values_that_are_equal_and_written_otherwise_are_told_apart() -> None:
    for value, written in ((0.0, "0.0"), (-0.0, "-0.0"), (1, "1"), (True, "true"), (1.0, "1.0"), ("1", "1")):
        assert outcome("echo {{ x }}", {"x": value}) == (f"echo {written}", [])


def test_everyday_texts_are_quick_and_those_of_which_there_is_more_to_say_are_not() -> None:
    values: dict[str, Value] = {"app": "enbase", "port": 8000, "ref": "-x", "on": True}
    assert is_quick("cd /srv/{{ app }} && ./run --port {{ port }} {{ on }}", values)
    assert outcome("./run {{ port }} {{ on }} {{ app }}", values) == ("./run 8000 true enbase", [])
    for source in (
        "git checkout {{ ref }}",
        "cat <<E\n{{ app }}\nE\n",
        "eval {{ app }}",
        "echo {{ app | upper }}",
        "echo {{ none }}",
        "echo {% if on %}{{ app }}{% endif %}",
        "{% set x = app %}echo {{ x }}",
        "echo {{ app | raw }}",
    ):
        assert not is_quick(source, values), source
