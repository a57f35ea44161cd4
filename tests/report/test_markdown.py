"""A run as Markdown: what guests printed stays where it is put."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from orchestrator.model.host import HostFence
from orchestrator.model.ids import HostName
from orchestrator.model.plan import Section
from orchestrator.report.markdown import code, fenced, markdown, plain
from tests.builders import DEPLOY, Rule, make_plan
from tests.scripted_runs import BEGAN_AT, PAPER, RUN, by_table, failing, play, view_of
from tests.small_run import plan_of

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
        "```sh\norc retry r261124-071233-x7k3p\n```",
    ):
        assert wanted in text


def test_a_summary_has_the_fences_the_handlers_that_are_owed_and_the_waves(tmp_path: Path) -> None:
    text = """
vmids: [1, 2, 3, 5]
rollout: {max_failures: 4, waves: [2, 2]}
steps: [{name: config, run: c, handlers: [restart]}]
handlers: [{name: restart, run: r}]
"""
    played = play(plan_of(tmp_path, text), by_table({(host, "restart"): failing() for host in ("1", "3", "5")}))
    fence = HostFence(key="simulator/1", host=HostName("1"), run=RUN, since=BEGAN_AT, why="x")
    lines = markdown(replace(view_of(played), fences=(fence,)), replace(PAPER, width=20))
    assert "FENCED  1, since 2026-11-24 07:12:33 UTC: no run takes it until it is marked" in lines
    assert "STILL OWED  handler restart on 3 hosts: \\[1,3,5\\]" in lines, "\n".join(lines)
    assert any(line.startswith("WAVES  1: 1 ") for line in lines)


def test_what_followed_the_undos_is_in_a_summary() -> None:
    after = Rule(name="start the old release", section=Section.AFTER_ROLLBACK)
    played = play(make_plan(2, (*DEPLOY, after), max_failures=1), by_table({("web-002", "healthy"): failing()}))
    (line,) = [line for line in markdown(view_of(played), PAPER) if line.startswith("- ")]
    assert line.startswith("- rolled back on 1 host `web-002`: undone restart, pull; then start the old release; stays")


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
