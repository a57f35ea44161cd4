"""Where values can stand in a shell command, how they are quoted there, and where they are refused."""

import re

import pytest

from orchestrator.model.ids import Value
from orchestrator.model.origin import Origin, Text
from orchestrator.template import TemplateError, check, check_shell, remarks, render_shell
from tests.template import tables
from tests.template.places import INSIDE, OF_THE_VALUE, REFUSED, REMARKS, VALUES, WORDS


def text(source: str) -> Text:
    return Text(source=source, origin=Origin(file="deploy.yml", line=3, column=1))


@pytest.mark.parametrize(("source", "rendered"), WORDS)
def test_a_value_that_stands_bare_is_quoted_and_the_authors_text_kept(source: str, rendered: str) -> None:
    assert render_shell(text(source), VALUES) == rendered


@pytest.mark.parametrize(("source", "rendered"), INSIDE)
def test_a_value_is_written_for_its_place_and_the_authors_text_kept(source: str, rendered: str) -> None:
    assert render_shell(text(source), VALUES) == rendered
    check_shell(text(source))


@pytest.mark.parametrize(("source", "column", "why"), REFUSED)
def test_a_value_where_quoting_is_not_enough_is_refused_with_its_place(source: str, column: int, why: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render_shell(text(source), VALUES)
    problem = caught.value.problem
    assert why in problem.problem
    assert problem.origin.column == column
    assert problem.fix


@pytest.mark.parametrize(("source", "column", "why"), REFUSED)
def test_it_is_refused_before_the_values_are_known_where_they_do_not_matter(source: str, column: int, why: str) -> None:
    if why in OF_THE_VALUE:
        check_shell(text(source))
        return
    with pytest.raises(TemplateError) as caught:
        check_shell(text(source))
    assert (why in caught.value.problem.problem, caught.value.problem.origin.column) == (True, column)


@pytest.mark.parametrize("source", tables.REFUSED)
def test_every_program_option_and_variable_that_makes_more_of_a_value_is_known(source: str) -> None:
    with pytest.raises(TemplateError):
        check_shell(text(source))


@pytest.mark.parametrize("source", tables.ACCEPTED)
def test_a_value_is_not_refused_where_nothing_is_made_of_it(source: str) -> None:
    check_shell(text(source))
    render_shell(text(source), VALUES)


@pytest.mark.parametrize("source", [source for source, _, _ in REFUSED])
def test_such_text_without_a_value_is_the_authors_business(source: str) -> None:
    alone = re.sub(r"\{\{.*?\}\}", "x", source)

    assert render_shell(text(alone), {}) == alone


def test_the_place_follows_what_was_rendered() -> None:
    source = "{% if quote %}`{% endif %}{{ v }}"

    assert render_shell(text(source), {"quote": False, "v": 1}) == "1"
    check_shell(text(source))
    with pytest.raises(TemplateError, match="3:27: a value cannot stand inside backquotes"):
        render_shell(text(source), {"quote": True, "v": 1})


def test_what_a_raw_value_opens_is_known() -> None:
    assert render_shell(text("echo {{ o | raw }}{{ v }}{{ o | raw }}"), {"o": '"', "v": '"'}) == 'echo "\\""'
    with pytest.raises(TemplateError, match="3:21: a value cannot stand in a comment"):
        render_shell(text("echo {{ o | raw }}  {{ v }}"), {"o": " # ", "v": 1})


@pytest.mark.parametrize("source", ["{{ v | raw | upper }}", "{{ (v | quote) ~ 'a' }}", "{% set x = v | raw %}{{ x }}"])
def test_what_says_how_a_value_stands_is_the_last_filter(source: str) -> None:
    with pytest.raises(TemplateError, match="must be the last"):
        check_shell(text(source))


@pytest.mark.parametrize("name", ["raw", "quote", "args"])
def test_what_no_shell_reads_has_no_such_filter(name: str) -> None:
    with pytest.raises(TemplateError, match=f"`| {name}` is for shell text only".replace("|", r"\|")):
        check(text(f"{{{{ v | {name} }}}}"))
    with pytest.raises(TemplateError, match="an expression is no shell text"):
        check(text(f"v | {name}"), expression=True)


def test_a_program_that_takes_no_arguments_is_not_to_be_handed_any() -> None:
    for name, fix in (("crontab -", "a file in /etc/cron.d"), ("at now", "write at <<'END'"), ("sh", "as an argument")):
        with pytest.raises(TemplateError) as caught:
            check_shell(text(f"echo {{{{ v }}}} | {name}"))
        assert fix in caught.value.problem.fix
        assert ("as an argument" in caught.value.problem.fix) is (name == "sh")


def test_every_raw_use_is_told_with_its_place() -> None:
    source = text("{% if on %}a {{ v | raw }}{% endif %}\n{{ v }} {{ n | raw }}")

    assert [str(each.origin) for each in remarks(source)] == ["deploy.yml:3:14", "deploy.yml:4:9"]


@pytest.mark.parametrize(("source", "words"), REMARKS)
def test_a_remark_is_made_on_what_another_program_may_misread(source: str, words: str) -> None:
    told = [*remarks(text(source))]
    render_shell(text(source), VALUES, told.append)

    assert {each.problem for each in told if words in each.problem} == {each.problem for each in told}
    assert bool(told) == bool(words)


@pytest.mark.parametrize("value", [["a"], {"a": 1}, None])
def test_only_a_scalar_is_a_word(value: Value) -> None:
    with pytest.raises(TemplateError, match=r"deploy\.yml:3:6: "):
        render_shell(text("echo {{ v }}"), {"v": value})
