"""Where values can stand in a shell command, how they are quoted there, and where they are refused."""

import pytest

from orchestrator.model.ids import Value
from orchestrator.model.origin import Origin, Text
from orchestrator.template import TemplateError, check_shell, render_shell

VALUES: dict[str, Value] = {"v": "it's", "n": 2, "on": True, "word": "in", "xs": ["a b", "c"], "pair": "a=b", "e": ""}


def text(source: str) -> Text:
    return Text(source=source, origin=Origin(file="deploy.yml", line=3, column=1))


@pytest.mark.parametrize(
    ("source", "rendered"),
    [
        ("echo {{ v }}", "echo 'it'\"'\"'s'"),
        ("echo {{ e }}", "echo ''"),
        ("echo {{ on }}\n", "echo true\n"),
        ("git -C /srv checkout v{{ n }}.0", "git -C /srv checkout v'2'.0"),
        ("--tag={{ v }} {{ v }}/bin", "--tag='it'\"'\"'s' 'it'\"'\"'s'/bin"),
        ("--n={{ n }} /srv/{{ n }}/x", "--n=2 /srv/2/x"),
        ("a{{ n }}{{ n }}", "a'2''2'"),
        ("'a'{{ v }}\"b\"", "'a''it'\"'\"'s'\"b\""),
        ('echo "$(cat {{ v }})" {{ n }}', "echo \"$(cat 'it'\"'\"'s')\" 2"),
        ("x=$(f (a) {{ n }}); g {{ n }}", "x=$(f (a) 2); g 2"),
        ("echo \\\n {{ n }}", "echo \\\n 2"),
        ("echo $# ${x} ${x:-y} ${#x} $((1 + (2))) {{ n }}", "echo $# ${x} ${x:-y} ${#x} $((1 + (2))) 2"),
        ("# don't\necho {{ n }}", "# don't\necho 2"),
        ("a#b {{ n }}", "a#b 2"),
        ("cat <<EOF\nit's\nEOF\necho {{ n }}", "cat <<EOF\nit's\nEOF\necho 2"),
        ("cat <<-'E F' >f\n$(x\n\tE F\necho {{ n }}", "cat <<-'E F' >f\n$(x\n\tE F\necho 2"),
        ("cat <<A; cat <<'B'\nx\nA\n'\nB\necho {{ n }}", "cat <<A; cat <<'B'\nx\nA\n'\nB\necho 2"),
        ("echo `date` {{ n }}", "echo `date` 2"),
        ("case {{ n }} in 2) echo {{ n }};; esac", "case 2 in 2) echo 2;; esac"),
        ("f() { echo {{ n }}; }; f > {{ v }} 2>&1", "f() { echo 2; }; f > 'it'\"'\"'s' 2>&1"),
        ("{% for x in xs %} {{ x }}{% endfor %}", " 'a b' c"),
        ("{% if on %}a{% else %}'{% endif %} {{ n }}", "a 2"),
        ("{{ xs | join(' ') }}", "'a b c'"),
    ],
)
def test_a_value_that_stands_bare_is_quoted_and_the_authors_text_kept(source: str, rendered: str) -> None:
    assert render_shell(text(source), VALUES) == rendered


@pytest.mark.parametrize(
    ("source", "rendered"),
    [
        ("{{ n }}>f", "'2'>f"),
        ("{{ n }}1>f", "'2'1>f"),
        ("{{ word }} x", "'in' x"),
        ("{{ pair }} x", "'a=b' x"),
        ("i{{ 'f' }} true", "i'f' true"),
    ],
)
def test_a_word_that_is_special_only_at_its_place_is_quoted(source: str, rendered: str) -> None:
    assert render_shell(text(source), VALUES) == rendered


REFUSED = [
    ('echo "{{ v }}"', 7, "inside double quotes"),
    ('echo "a $x \\" {{ v }}', 15, "inside double quotes"),
    ("echo '{{ v }}'", 7, "inside single quotes"),
    ("echo `echo {{ v }}`", 12, "inside backquotes"),
    ("true # {{ v }}", 8, "in a comment of the shell"),
    ("cat <<EOF\n{{ v }}\nEOF\n", 1, "inside a here-document"),
    ("cat <<'EOF'\n{{ v }}\nEOF\n", 1, "inside a here-document"),
    ("cat <<EOF\nEOF{{ v }}", 4, "inside a here-document"),
    ("echo $(({{ v }} + 1))", 9, "inside ((...))"),
    ("(({{ v }}))", 3, "inside ((...))"),
    ('echo "$(echo "{{ v }}")"', 15, "inside double quotes"),
    ("echo ${{ v }}", 7, "right after `$`"),
    ("echo \\{{ v }}", 7, "right after `\\`"),
    ("echo ${x:-{{ v }}}", 11, "after ${ that is not a plain parameter"),
    ('echo "${x:-"a"}" {{ v }}', 18, "after ${ that is not a plain parameter"),
    ("cat <<{{ v }}", 7, "here-document that is nested or has no plain delimiter"),
    ("cat <<EOF{{ v }}\n", 10, "here-document that is nested or has no plain delimiter"),
    ("x=$(cat <<EOF\nEOF\n) {{ v }}", 3, "here-document that is nested or has no plain delimiter"),
    ("cat <<EOF\n$(x)\nEOF\n{{ v }}", 1, "here-document that substitutes"),
    ('cat <<EOF "\n"\nEOF\n{{ v }}', 1, "announces a here-document and ends inside something"),
    ("echo $'a' {{ v }}", 11, "after $'"),
    ("echo $[1] {{ v }}", 11, "after $["),
    ('"$(case x in a) echo ";; esac)" {{ v }}', 33, "after case inside $(...)"),
    ("x=$(# it's\n) {{ v }}", 3, "after a # that not every shell takes for a comment"),
    ("a=(b {{ v }})", 6, "after an array"),
    ("a[{{ v }}]=1", 3, "in a subscript"),
    ("a[ {{ v }}]=1", 4, "after name[ without its ]"),
    ("echo >&{{ v }}", 8, "after >& or <&"),
    ("echo >& {{ v }}", 9, "after >& or <&"),
    ("echo $((1 + 'x')) {{ v }}", 19, "after arithmetic with quotes"),
    ("echo $(((1)) ) {{ v }}", 16, "after ((...) that no )) closes"),
]


@pytest.mark.parametrize(("source", "column", "why"), REFUSED)
def test_a_value_where_quoting_is_not_enough_is_refused_with_its_place(source: str, column: int, why: str) -> None:
    for attempt in (lambda: render_shell(text(source), VALUES), lambda: check_shell(text(source))):
        with pytest.raises(TemplateError) as caught:
            attempt()
        problem = caught.value.problem
        assert why in problem.problem
        assert problem.origin.column == column
        assert problem.fix


@pytest.mark.parametrize(("source", "column", "why"), REFUSED)
def test_such_text_without_a_value_is_the_authors_business(source: str, column: int, why: str) -> None:
    alone = source.replace("{{ v }}", "x")

    assert render_shell(text(alone), {}) == alone


def test_the_place_follows_what_was_rendered() -> None:
    source = '{% if quote %}"{% endif %}{{ v }}'

    assert render_shell(text(source), {"quote": False, "v": 1}) == "1"
    check_shell(text(source))
    with pytest.raises(TemplateError, match="3:27: a value cannot stand inside double quotes"):
        render_shell(text(source), {"quote": True, "v": 1})


@pytest.mark.parametrize("value", [["a"], {"a": 1}, None])
def test_only_a_scalar_is_a_word(value: Value) -> None:
    with pytest.raises(TemplateError, match=r"deploy\.yml:3:6: "):
        render_shell(text("echo {{ v }}"), {"v": value})
