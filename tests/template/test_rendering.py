"""What templates give: words, values, decisions, names; and what they say when they cannot."""

import dataclasses
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.model.ids import Value
from orchestrator.model.origin import Origin, Text
from orchestrator.template import (
    TemplateError,
    check,
    evaluate,
    is_template,
    names,
    needs,
    place,
    reads,
    render_shell,
    render_value,
    render_word,
)

VALUES: dict[str, Value] = {
    "release": "v2.8.1",
    "count": 3,
    "share": 1.5,
    "on": True,
    "off": False,
    "nothing": None,
    "empty": "",
    "path": "/srv/app/current",
    "xs": ["a", "b c", 2, True],
    "site": {"name": "se", "items": 7, "ports": [80, 443]},
    "before": {"stdout": "abc", "stderr": "", "exit_code": 0, "ok": True, "changed": True},
}


def text(source: str, line: int = 10, column: int = 7) -> Text:
    return Text(source=source, origin=Origin(file="deploy.yml", line=line, column=column))


def error_of(source: str, *, expression: bool = False) -> str:
    with pytest.raises(TemplateError) as caught:
        (evaluate if expression else render_word)(text(source), VALUES)
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "rendered"),
    [
        ("", ""),
        ("plain", "plain"),
        ("kept\n", "kept\n"),
        ("{{ release }}\n\n", "v2.8.1\n\n"),
        ("a{{ release }}b", "av2.8.1b"),
        ("{{ count }} {{ share }} {{ on }} {{ off }}", "3 1.5 true false"),
        ("{{ site.name }} {{ site['name'] }} {{ site.ports[1] }}", "se se 443"),
        ("{{ site.items }}", "7"),
        ("{% if on %}yes{% else %}no{% endif %}", "yes"),
        ("{% for x in xs %}<{{ x }}>{% endfor %}", "<a><b c><2><true>"),
        ("{% for x in xs if x != 2 %}{{ loop.index }}{% endfor %}", "123"),
        ("{% for i in range(3) %}{{ i }}{% endfor %}", "012"),
        ("{% set x = count + 1 %}{{ x }}", "4"),
        ("x {{- release -}} y", "xv2.8.1y"),
        ("{% raw %}{{ release }}{% endraw %}", "{{ release }}"),
        ("${#name} {{ count }}", "${#name} 3"),
        ("{{ missing | default('d') }}", "d"),
        ("{{ empty | default('d', true) }}", "d"),
        ("{{ missing.x['y'] | default('d') }}{{ site.x.y | default('e') }}", "de"),
        ("{{ release | upper | lower | replace('v', 'w') }}", "w2.8.1"),
        ("{{ ' a ' | trim }}", "a"),
        ("{{ path | basename }} {{ path | dirname }}", "current /srv/app"),
        ("{{ '12' | int + 1 }} {{ 'x' | int(0) }}", "13 0"),
        ("{{ xs | length }} {{ xs | first }} {{ xs | last }}", "4 a true"),
        ("{{ xs | join(', ') }}", "a, b c, 2, true"),
        ("{{ site | tojson }}", '{"name": "se", "items": 7, "ports": [80, 443]}'),
        ("{{ release.split('.')[0] }} {{ release.startswith('v') }}", "v2 true"),
        ("{{ count * 2 }} {{ 7 % 4 }}", "6 3"),
        ("{{ before.stdout }}", "abc"),
    ],
)
def test_a_template_is_rendered(source: str, rendered: str) -> None:
    assert render_word(text(source), VALUES) == rendered


def test_a_value_is_data_and_never_rendered() -> None:
    hostile: dict[str, Value] = {"v": "{{ 7*7 }}{% if 1 %}x{% endif %}"}

    assert render_word(text("{{ v }}"), hostile) == hostile["v"]
    assert render_shell(text("echo {{ v }}"), hostile) == "echo '{{ 7*7 }}{% if 1 %}x{% endif %}'"


def test_text_without_templates_is_kept_byte_for_byte() -> None:
    source = "printf 'a\r\n' | tr -d '\r' } %} ${#x} \\\n"

    assert not is_template(source)
    assert render_shell(text(source), {}) == source


@pytest.mark.parametrize(
    ("source", "value"),
    [("{{ xs }}", VALUES["xs"]), ("{{ count }}", 3), ("{{ nothing }}", None), ("{{ count }}0", "30"), ("x", "x")],
)
def test_a_value_that_is_one_expression_keeps_its_type(source: str, value: Value) -> None:
    assert render_value(text(source), VALUES) == value


@pytest.mark.parametrize(
    ("source", "decision"),
    [
        ("on", True),
        ("not on", False),
        ("count > 2 and before.ok", True),
        ("missing is defined", False),
        ("'2.8' in release", True),
        ("xs | length == 0", False),
        ("site.name == 'se' or missing", True),
    ],
)
def test_an_expression_decides(source: str, decision: bool) -> None:
    assert evaluate(text(source), VALUES) is decision


@pytest.mark.parametrize(
    ("source", "kind", "fix"),
    [
        ("release", "a string", "compare it, as in `x == 'yes'`, or write `x | length > 0`"),
        ("count", "a number", "compare it, as in `x != 0`"),
        ("xs", "a list", "write `x | length > 0`"),
        ("site", "a mapping", "write `x | length > 0`"),
        ("nothing", "null", "write `x is not none`"),
    ],
)
def test_an_expression_that_gives_no_boolean_is_refused(source: str, kind: str, fix: str) -> None:
    expected = f"deploy.yml:10:7: the expression gives {kind}, not true or false; {fix}"

    assert error_of(source, expression=True) == expected


@pytest.mark.parametrize("source", ["{{ on }}", "count == {{ count }}"])
def test_braces_in_an_expression_are_explained(source: str) -> None:
    assert error_of(source, expression=True).endswith("; an expression stands alone, without {{ }}")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("go {{ relase }}", "10:13: `relase` is not defined; did you mean `release`?"),
        ("{{ zzz }}", "10:10: `zzz` is not defined; define it, or write `zzz | default('...')`"),
        ("a\nb {{ relase }}", "11:12: `relase` is not defined; did you mean `release`?"),
        (
            "{{ before.stdou }}",
            "10:17: `before` has no `stdou`; it has stdout stderr exit_code ok changed",
        ),
        ("{{ before['stdou'] }}", "10:17: `before` has no `stdou`; it has stdout stderr exit_code ok changed"),
        ("{{ relase.x.y[0] }}", "10:10: `relase` is not defined; did you mean `release`?"),
        ("{{ site.x.y }}", "10:15: `site` has no `x`; it has name items ports"),
        ("{{ xs[9] }}", "10:7: a list has no item 9"),
        ("{{ release.format }}", "10:18: `release` has no `format`; it has endswith isdigit lstrip rstrip split"),
        ("{{ release.x.y }}", "10:18: `release` has no `x`"),
        ("{{ [] | first }}", "a value is undefined: No first item, sequence was empty."),
        ("{{ [relase] | join }}", "`relase` is not defined"),
        ("x {{ xs }}", "10:9: a list cannot stand here; write `| join(',')`"),
        ("x {{ site }}", "10:9: a mapping cannot stand here; write the entry that you mean"),
        ("x {{ nothing }}", "10:9: the value is null; write `| default('...', true)`"),
        ("x {{ release.split }}", "10:9: a builtin_function_or_method cannot stand here"),
        ("{{ 'x' | int }}", "10:7: a string that is no whole number; write `| int(0)`"),
        ("{{ [[1]] | join }}", "a list cannot stand here"),
        ("{{ release | join }}", "`join` needs a list, and this is a string"),
        ("{{ release | uper }}", "10:20: there is no filter `uper`; did you mean `upper`?"),
        ("{{ release | safe }}", "10:20: the filter `safe` is not supported; a value is always quoted"),
        ("{{ release | raw }}", "10:7: `| raw` is for shell text only; no shell reads this text"),
        ("{{ release | quote }}", "10:7: `| quote` is for shell text only"),
        ("{{ count is evn }}", "10:19: there is no test `evn`; did you mean `even`?"),
        ("{{ lookup('env', 'X') }}", "`lookup` is not defined"),
        ("{{ count * " + " * ".join(["9" * 4000] * 2) + " }}", "10:7: the number is too long"),
        ("{{ " + "9" * 5000 + " }}", "a number that is too long"),
        ("{{ 1e999 }}", "10:7: the template fails"),
        ("x\n{{ 1 / 0 }}", "11:7: the template fails: division by zero"),
        ("{{ 'a' < 1 }}", "the template fails: '<' not supported"),
        ("{{ release }", "not a template"),
        ("{% if on %}", "not a template"),
        ("docker ps --format '{{.ID}}'", "for braces that are meant literally write {% raw %}...{% endraw %}"),
        ("{{ a\rb }}", "10:11: a template cannot hold a carriage return"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_what_to_write(source: str, told: str) -> None:
    assert told in error_of(source)


def test_at_most_three_near_misses_are_named() -> None:
    known: dict[str, Value] = {"port1": 1, "port2": 2, "port3": 3, "port4": 4}
    with pytest.raises(TemplateError, match=r"did you mean `port\d`, `port\d` or `port\d`\?"):
        render_word(text("{{ port }}"), known)


@pytest.mark.parametrize(
    "source",
    [
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% from 'x' import y %}",
        "{% extends 'x' %}",
        "{% macro m() %}{% endmacro %}",
        "{% block b %}{% endblock %}",
        "{% call x() %}{% endcall %}",
        "{% filter upper %}x{% endfilter %}",
        "{% set x %}y{% endset %}",
        "{% print release %}",
        "{% with %}{% endwith %}",
        "{% autoescape true %}{% endautoescape %}",
        "{% do x %}",
        "{# a comment #}",
        "{% for x in xs recursive %}{{ loop(x) }}{% endfor %}",
    ],
)
def test_what_commands_do_not_need_is_not_in_the_language(source: str) -> None:
    with pytest.raises(TemplateError):
        check(text(source))


@pytest.mark.parametrize(
    "source",
    [
        "{{ release.__class__ }}",
        "{{ release['__class__'] }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ range.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ xs.append(1) }}",
        "{{ site.update(x=1) }}",
        "{{ '{0.__class__}'.format(release) }}",
        "{{ '{}'['format'](release) }}",
        "{{ cycler }}",
        "{{ dict(a=1) }}",
    ],
)
def test_the_sandbox_has_no_way_out(source: str) -> None:
    with pytest.raises(TemplateError):
        render_word(text(source), VALUES)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 1000000000 }}",
        "{{ [0] * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 'a'.ljust(1000000000) }}",
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{% for i in range(90000) %}xx{% endfor %}",
        "{% for i in range(90000) %}{{ i }}{{ i }}{% endfor %}",
        "{% for i in range(90000) %}{{ release }}{% endfor %}",
        "{% for i in range(90000) %}{% for j in range(90000) %}x{% endfor %}{% endfor %}",
        "{% for i in range(90000) %}{% for j in range(90000) %}{{ j }}{% endfor %}{% endfor %}",
        "(" * 400 + "{{ " + "(" * 400 + "1" + ")" * 400 + " }}",
        "{% for a in xs %}" * 30 + "{% endfor %}" * 30,
        "x" * 200_000,
        "{{ release }}" + "x" * 200_000,
    ],
)
def test_no_template_can_fill_the_memory(source: str) -> None:
    with pytest.raises(TemplateError):
        render_word(text(source), VALUES)


TOKENS = (
    "{{", "}}", "{%", "%}", "{{-", "-%}", "{#", "#}", " ", "\n", "\r", "if ", "else", "endif", "for ", "in ", "endfor",
    "set ", "raw", "endraw", "release", "count", "xs", "site", "nope", "loop", "self", ".", "[", "]", "(", ")", "{",
    "}", "|", "default", "int", "join", "first", "tojson", "=", "==", "<", "+", "-", "*", "/", "%", "~", ",", ":", "'",
    '"', "0", "1", "-1", "2.5", "9" * 5000, "is ", "not ", "defined", "none", "true", "x", "\\", "\0", "é", "\u2028",
)  # fmt: skip


@settings(max_examples=600)
@given(st.lists(st.sampled_from(TOKENS), max_size=14).map("".join), st.booleans())
def test_whatever_is_written_is_rendered_or_refused_as_a_template(source: str, bare: bool) -> None:
    written = text(source if bare else f"{{{{ {source} }}}}")
    for use in (render_word, render_shell, render_value, evaluate):
        with suppress(TemplateError):
            use(written, VALUES)


def test_a_key_that_was_computed_is_not_told() -> None:
    with pytest.raises(TemplateError, match="a mapping has no such entry"):
        render_word(text("{{ site[v] }}"), VALUES | {"v": "hunter2"})


def test_a_text_that_no_command_can_hold_is_refused() -> None:
    for value in ("a\0b", "\ud800"):
        with pytest.raises(TemplateError):
            render_word(text("{{ v }}"), {"v": value})
    with pytest.raises(TemplateError, match="NUL"):
        render_shell(text("a\0b"), {})


def test_an_error_does_not_say_the_value() -> None:
    for source in ("{{ v | int }}", "{{ v.x }}", "{{ v * 2 }}", "{{ v / 2 }}"):
        with pytest.raises(TemplateError) as caught:
            render_word(text(source), {"v": "hunter2"})
        assert "hunter2" not in str(caught.value)


def test_names_are_the_variables_that_a_text_reads() -> None:
    source = text(
        "{{ a }}{% for x in b %}{{ x.y }}{{ c.d }}{% endfor %}{% set e = 1 %}{{ e }}{{ f | default(range(2)) }}"
    )

    assert names(source) == {"a", "b", "c", "f"}
    assert needs(source) == {"a", "b", "c"}
    assert reads(source) == {("c", "d")}
    assert names(text("result.stdout == wanted"), expression=True) == {"result", "wanted"}
    assert needs(text("x is defined and y.z is defined and z"), expression=True) == {"z"}


def test_a_word_is_found_in_the_tags_only() -> None:
    source = text("release: {{ release }}")

    assert place(source, "release") == dataclasses.replace(source.origin, column=7 + 12)


def test_a_text_of_the_command_line_has_its_place_there() -> None:
    with pytest.raises(TemplateError, match=r"^command line: `x` is not defined"):
        render_word(Text(source="{{ x }}", origin=Origin(file="command line")), {})
