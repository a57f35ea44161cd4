"""Comments that ignore findings, and edits that mend them."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.lint import RULES, Edit, Found, Severity, Warning, heed, make, quote_template, read_ignores, warning
from orchestrator.model.origin import Origin

PIPE = RULES["pipe-without-pipefail"]
WRONG = RULES["wrong-file"]


def at(line: int, column: int = 1) -> Origin:
    return Origin(file="p.yml", line=line, column=column)


def left(lines: Sequence[str], *found: Warning) -> list[tuple[str, int]]:
    """The rules of what is left of findings, and their lines."""
    return [(each.rule, each.origin.line) for each in heed(found, read_ignores("p.yml", lines), RULES)]


def pipe(line: int) -> Warning:
    return warning(PIPE, Found(origin=at(line), problem="a pipe"))


def test_a_comment_at_the_end_of_a_line_is_for_that_line() -> None:
    lines = ["- run: a | b  # orc: ignore[pipe-without-pipefail] b knows", "- run: c | d"]

    assert left(lines, pipe(1), pipe(2)) == [("pipe-without-pipefail", 2)]


def test_a_comment_on_its_own_line_is_for_the_whole_step_below_it() -> None:
    lines = [
        "steps:",
        "  # orc: ignore[pipe-without-pipefail] b knows",
        "  # and more of it",
        "",
        "  - name: x",
        "    run: |",
        "      a | b",
        "",
        "      c | d",
        "  - run: e | f",
    ]

    assert left(lines, pipe(7), pipe(9), pipe(10)) == [("pipe-without-pipefail", 10)]


def test_a_comment_on_its_own_line_above_a_key_is_for_that_line_only() -> None:
    lines = ["- name: x", "  # orc: ignore[pipe-without-pipefail] b knows", "  run: a | b", "  unless: c | d"]

    assert left(lines, pipe(3), pipe(4)) == [("pipe-without-pipefail", 4)]


def test_a_comment_needs_a_rule_that_is_there_and_a_reason() -> None:
    lines = [
        "- run: a | b  # orc: ignore[pipe-without-pipefail]",
        "- run: a | b  # orc: ignore it",
        "- run: a | b  # orc: ignore[pipe-without-pipefial] b knows",
    ]
    found = [*heed([pipe(1), pipe(2), pipe(3)], read_ignores("p.yml", lines), RULES)]

    assert [(each.problem, each.fix) for each in found[3:]] == [
        ("it does not say why", "write `# orc: ignore[pipe-without-pipefail] reason`"),
        ("it does not say what is ignored", "write `# orc: ignore[rule-id] reason`"),
        ("there is no rule pipe-without-pipefial", "did you mean pipe-without-pipefail?"),
    ]


def test_errors_cannot_be_ignored_and_beside_them_no_comment_is_called_needless() -> None:
    error = warning(WRONG, Found(origin=at(1), problem="no YAML"))
    lines = [
        "- run: a  # orc: ignore[wrong-file, empty-group] so what",
        "- run: b # orc: ignore[unused-var] x",
    ]

    assert left(lines, error) == [("wrong-file", 1)]
    assert error.severity is Severity.ERROR


def test_a_comment_that_ignores_nothing_is_found_and_its_edit_takes_it_out() -> None:
    text = "a:\r\n  # orc: ignore[unused-var] x\r\nb: 1   # orc: ignore[unused-var] x\r\nc: 2\r\n"
    found = [*heed([], read_ignores("p.yml", text.split("\r\n")), RULES)]

    assert [each.rule for each in found] == ["unused-ignore", "unused-ignore"]
    assert make(text, [edit for each in found for edit in each.edits]) == ("a:\r\nb: 1\r\nc: 2\r\n", 2)


def test_nobody_says_of_a_number_of_shellcheck_that_it_was_not_needed() -> None:
    assert left(["- run: a  # orc: ignore[SC2086] words are meant"]) == []


def test_an_edit_is_made_only_where_what_it_replaces_is_there() -> None:
    edits = [Edit(origin=place, old="x", new="y") for place in (at(1, 3), at(2, 1), at(9))]

    assert make("a x\nb\n", edits) == ("a y\nb\n", 1)


def test_of_edits_that_overlap_the_first_is_made() -> None:
    edits = [Edit(origin=at(1, 2), old="bc", new="-"), Edit(origin=at(1, 1), old="ab", new="+")]

    assert make("abc", edits) == ("+c", 1)


@settings(derandomize=True, max_examples=300)
@given(
    st.lists(st.text("ab \u00e9\U0001f600", max_size=6), max_size=5), st.sampled_from(["\n", "\r\n", "\r"]), st.data()
)
def test_an_edit_leaves_every_other_character_as_it_is(lines: list[str], end: str, data: st.DataObject) -> None:
    lines = [*lines, "x"]
    number = data.draw(st.integers(0, len(lines) - 1))
    start = data.draw(st.integers(0, len(lines[number])))
    old = lines[number][start:]
    edit = Edit(origin=at(number + 1, start + 1), old=old, new="NEW")

    text, made = make(end.join(lines), [edit])

    assert made == 1
    assert text == end.join([*lines[:number], lines[number][:start] + "NEW", *lines[number + 1 :]])


def test_a_bare_template_is_quoted_as_a_whole_and_its_comment_is_not() -> None:
    cases = {
        "  - run: {{ a }}/go 'x'  # why": "'{{ a }}/go ''x'''",
        "cwd: {{ repo }}": "'{{ repo }}'",
        "  - {{ word }}": "'{{ word }}'",
    }
    for line, quoted in cases.items():
        edit = quote_template(at(4, line.index("{{") + 2), line)
        assert edit is not None
        assert (line[edit.origin.column - 1 :].startswith(edit.old), edit.new) == (True, quoted)


def test_what_is_within_braces_or_quotes_is_not_quoted_again() -> None:
    for line in ("- {run: {{ a }}}", "- run: '{{ a }}'", "{{ a }}", "x: y {{ a }}"):
        assert quote_template(at(1, line.index("{{") + 2), line) is None
