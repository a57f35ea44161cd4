"""Shell text taken apart: what is followed is right, and what is not has no commands."""

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.lint.program_rules import PROGRAM_RULES
from orchestrator.lint.secret_rules import secrets_in
from orchestrator.lint.shell_rules import SHELL_RULES
from orchestrator.lint.shell_text import VALUE, read_calls, stand_in
from orchestrator.lint.step_rules import STEP_RULES
from orchestrator.lint.subject import Subject
from orchestrator.load.problems import without_secrets
from orchestrator.model.origin import COMMAND_LINE, Text
from orchestrator.model.plan import Section
from orchestrator.model.playbook import Body

PIECES = ["a", "b ", "|", "&&", "||", ";", "\n", "&", "'x|y'", '"$(a|b)"', "$(c)", "`d`", "(", ")"]
PIECES += [">f ", "2>&1 ", "# x", "<<E\n", "E\n", "\\", "${x:-y}", "if ", "then ", "fi", "case ", VALUE]
PIECES += ["'", '"', "{ ", "}", "=", "é"]


def said(text: str) -> list[tuple[str, str]]:
    return [(" ".join(word.text for word in call.words), call.after) for call in read_calls(text)]


def test_commands_end_where_the_shell_ends_them() -> None:
    assert said("a 'b;c' | d && e\nf &") == [("a 'b;c'", "|"), ("d", "&&"), ("e", ";"), ("f", "&")]
    assert said('x="$(a | b)" go "c;d" # e | f') == [('go "c;d"', "")]
    assert said("(a; b) | c") == [("a", ";"), ("b", "|"), ("c", "")]
    assert said("if a; then b; fi") == [("a", ";"), ("b", ";"), ("fi", "")]
    assert said("if a\nthen\n\n  b\nfi") == said("if a; then b; fi")


def test_files_and_documents_are_no_words() -> None:
    assert said("a >f 2>&1 <<'E' x\nb | c\nE\nd") == [("a x", ";"), ("d", "")]
    assert [word.text for word in read_calls("a >f 2>>g <h")[0].redirects] == [">", "2>>", "<"]


def test_what_is_not_followed_has_no_commands() -> None:
    for text in ("case x in a) b;; esac", "f() { a; }", "echo 'x", "a <<E\nb", 'echo "$(x"', "function f { a; }"):
        assert read_calls(text) == ()


def test_a_program_is_known_behind_sudo_and_by_its_path() -> None:
    (call,) = read_calls("LC_ALL=C sudo -u app env A=1 /usr/bin/git -C x pull")

    assert call.name == "git"
    assert [word.plain for word in call.arguments()] == ["-C", "x", "pull"]


@settings(derandomize=True, max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_every_word_stands_where_it_says(text: str) -> None:
    for call in read_calls(text):
        assert all(text[word.at : word.at + len(word.text)] == word.text for word in call.words)
        assert not call.after or call.after == ";" or text.startswith(call.after, call.after_at)


@settings(derandomize=True, max_examples=200)
@given(st.text("{%} ab\n|'", max_size=30))
def test_a_stand_in_is_as_long_as_the_template(source: str) -> None:
    assert len(stand_in(source, "v")) == len(source)


def test_a_text_that_is_made_to_be_deep_or_slow_is_neither() -> None:
    """Each of these would take minutes by a search that begins anew at every character."""
    began = time.process_time()
    for text in ('"$(' * 5_000, "{{" * 20_000, "--" * 20_000, "a|" * 5_000, "://a" * 20_000, "(" * 20_000):
        body = Body(kind="run", texts=(Text(source=text, origin=COMMAND_LINE),))
        subject = Subject(step="x", section=Section.STEPS, body=body, origin=COMMAND_LINE)
        for check in (*SHELL_RULES, *PROGRAM_RULES, *STEP_RULES):
            list(check.look(subject))
        without_secrets(text)
        list(secrets_in(text))

    assert time.process_time() - began < 30
