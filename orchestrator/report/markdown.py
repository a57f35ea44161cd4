"""A run as a summary in Markdown, for pull requests and job pages; nothing that a guest printed can break out of it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from orchestrator.report import certificates, sections
from orchestrator.report.failures import FailureGroup, group
from orchestrator.report.final import advice, exit_status, why_it_stopped
from orchestrator.report.rollbacks import rollbacks
from orchestrator.report.verdict import verdict
from orchestrator.report.view import PAPER, Paper, RunView
from orchestrator.report.visible import visible
from orchestrator.report.words import count, names, short, took

MAX_SHOWN = 12
"""Kinds of failure that are shown."""

_ENDLESS = 10**9
"""Columns: what reads Markdown breaks its lines itself."""

# Whatever means something in GitHub's Markdown within a line; a backslash before it takes the meaning away. `.` is not
# among them: what would become a link of itself (`www.`) is broken by the entity below.
_MEANS_SOMETHING = re.compile(r"([\\`*_{}\[\]()#+!|~$])")
_TICKS = re.compile("`+")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BROKEN = {"@": "@\u2060", "://": ":\u2060//", "www.": "www\u2060."}
"""Mentions and links that would make themselves: a word joiner, which nobody sees, keeps them text."""


def markdown(view: RunView, paper: Paper = PAPER) -> list[str]:
    """The lines of the summary: verdict, failures once for all alike, hosts by list, what to type next."""
    paper = replace(paper, width=_ENDLESS)
    groups = group(view.state, view.outputs)
    said = verdict(view)
    plan = view.state.plan
    run = f"Run {code(view.id)} of plan {code(short(plan.digest))}, {took(view.last_at - view.created_at)}"
    lines = [f"## {plain(said.word)}: {plain(plan.playbook)}", "", f"{plain(said.sentence)}."]
    lines += ["", f"{run}, exit status {exit_status(view)}."]
    if stopped := why_it_stopped(view, paper):
        lines += ["", plain(" ".join(stopped))]
    lines += _failed(groups)
    lines += _rolled_back(view)
    lines += _besides(view, paper)
    lines += ["", "### Hosts", "", "| list | hosts | which |", "| --- | ---: | --- |"]
    for name, listed in sections.lists(view.state).items():
        lines.append(f"| {plain(name)} | {len(listed):,} | {code(names(listed))} |")
    lines += _next(view, groups)
    return lines


def _failed(groups: Sequence[FailureGroup]) -> Iterator[str]:
    if groups:
        yield from ("", "### What failed")
    for each in groups[:MAX_SHOWN]:
        hosts = f"{count(len(each.hosts), 'host')}: {code(names(each.hosts))}"
        yield from ("", f"**{plain(sections.slot_name(each.first))}** on {hosts}: {plain(each.first.detail)}")
        if printed := [*each.stdout, *each.stderr]:
            yield from ("", *fenced(printed))
    if len(groups) > MAX_SHOWN:
        yield from ("", f"... and {count(len(groups) - MAX_SHOWN, 'other kind')} of failure.")


def _rolled_back(view: RunView) -> Iterator[str]:
    found = rollbacks(view.state)
    if found:
        yield from ("", "### What was taken back", "")
    for each in found:
        said = "; ".join(f"{name} {', '.join(steps)}" for name, steps in each.rows)
        hosts = f"{count(len(each.hosts), 'host')} {code(names(each.hosts))}"
        yield f"- {each.word.lower()} on {hosts}{f': {plain(said)}' if said else ''}"


def _besides(view: RunView, paper: Paper) -> Iterator[str]:
    """What the final report tells in lines of their own: fences, handlers that are owed, and how far each wave is."""
    owed = sections.handlers_owed(view.state, paper)
    for line in (*certificates.fenced(view, paper), *owed, *sections.wave_line(view.state, paper)):
        yield from ("", plain(line))


def _next(view: RunView, groups: Sequence[FailureGroup]) -> Iterator[str]:
    yield from ("", "### Next")
    for each in advice(view, groups):
        if each.why:
            yield from ("", f"{plain(each.why)}:")
        yield from ("", *fenced([each.command], "sh"))


def plain(text: str) -> str:
    """A text as one line that means nothing in Markdown: no mark-up, HTML, mention or link."""
    said = _MEANS_SOMETHING.sub(r"\\\1", visible(text))
    said = "".join(_ENTITIES.get(char, char) for char in said)
    return _unlinked(said)


def code(text: str) -> str:
    """A text as code within a line, also in a cell of a table, whatever backticks it holds."""
    said = visible(text).replace("|", "\\|")
    ticks = "`" * (max((len(run) for run in _TICKS.findall(said)), default=0) + 1)
    pad = " " if "`" in said or not said.strip() else ""
    return f"{ticks}{pad}{said}{pad}{ticks}"


def fenced(lines: Sequence[str], language: str = "") -> list[str]:
    """Lines as a block of code, with a fence that is longer than any row of backticks in them."""
    shown = [visible(line) for line in lines]
    longest = max((len(run) for line in shown for run in _TICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language or 'text'}", *shown, fence]


def _unlinked(text: str) -> str:
    for found, broken in _BROKEN.items():
        text = text.replace(found, broken)
    return text
