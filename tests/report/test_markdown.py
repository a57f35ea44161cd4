"""A run as Markdown: what guests printed stays where it is put."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from orchestrator.model.ids import HostName
from orchestrator.report.markdown import code, fenced, markdown, plain
from tests.builders import make_plan
from tests.scripted_runs import PAPER, by_table, failing, play, view_of

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")
NASTY = st.text(st.sampled_from("`~<>@/:|*_[]()!#\\-+ \nab.w&"), max_size=40)


def tokens(text: str) -> list[Token]:
    return [inner for token in PARSER.parse(text) for inner in (token, *(token.children or ()))]


def test_a_summary_has_verdict_failures_hosts_and_what_to_type() -> None:
    played = play(make_plan(4, max_failures=1), by_table({("web-002", "migrate"): failing(1, "lock timeout")}))
    text = "\n".join(markdown(view_of(played), PAPER))
    for wanted in (
        "## ROLLED BACK: deploy-web",
        "**migrate** on 1 host: `web-002`: exit status 1",
        "```text\nlock timeout\n```",
        "| ok | 3 | `web-[001,003-004]` |",
        "| rolled back | 1 | `web-002` |",
        "```sh\norc run playbooks/deploy.yml -i inventories/prod.yml -e release=v2 -l web-002\n```",
    ):
        assert wanted in text


@settings(derandomize=True, max_examples=500)
@given(NASTY)
def test_plain_text_means_nothing_in_markdown(text: str) -> None:
    found = tokens(f"x {plain(text)} y")
    assert {token.type for token in found} <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}
    assert "@" not in plain(text).replace("@\u2060", "")


@settings(derandomize=True, max_examples=500)
@given(NASTY)
def test_code_stays_code(text: str) -> None:
    found = tokens(f"x {code(text)} y")
    assert [token.type for token in found if token.type.endswith(("inline", "_open"))].count("code_inline") == 1
    assert not [token for token in found if token.type in ("html_inline", "link_open", "image", "em_open")]


@settings(derandomize=True, max_examples=500)
@given(st.lists(NASTY, min_size=1, max_size=4))
def test_a_fence_holds_whatever_is_in_it(lines: list[str]) -> None:
    found = tokens("\n".join([*fenced(lines), "after"]))
    assert [token.type for token in found] == ["fence", "paragraph_open", "inline", "text", "paragraph_close"]


@settings(derandomize=True, max_examples=60)
@given(NASTY)
def test_nothing_that_a_run_holds_breaks_out_of_its_summary(text: str) -> None:
    plan = replace(make_plan(3, max_failures=9), playbook=text or "x")
    played = play(plan, by_table({("web-002", "migrate"): failing(1, text, stdout=text, detail=text or "x")}))
    found = tokens("\n".join(markdown(view_of(played), PAPER)))
    assert not [token for token in found if token.type.startswith(("html", "link", "image"))]
    assert [token.tag for token in found if token.type == "heading_open"] == ["h2"] + ["h3"] * 4


def test_a_host_stands_in_its_cell() -> None:
    assert code(HostName("a|b")) == "`a\\|b`"
    assert plain("@everyone <b> www.x.se https://x.se") == "@\u2060everyone &lt;b&gt; www\u2060.x.se https:\u2060//x.se"
