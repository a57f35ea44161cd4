"""What GitHub Actions is given: commands that hold whatever is in them, and lines that are none."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.report.failures import group
from orchestrator.report.github import MAX_SUMMARY, GithubLog, command, errors, inert, summary
from tests.builders import make_plan
from tests.scripted_runs import PAPER, by_table, failing, play, view_of


def read(line: str) -> tuple[str, dict[str, str], str]:
    """A command as the runner reads it (ActionCommand.cs)."""
    head, message = line[2:].split("::", 1)
    name, _, listed = head.partition(" ")
    pairs = [pair.split("=", 1) for pair in listed.split(",")] if listed else []
    return name, {key: unescaped(value) for key, value in pairs}, unescaped(message)


def unescaped(text: str) -> str:
    for escaped, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escaped, char)
    return text


def is_command(line: str) -> bool:
    return line.lstrip().startswith("::") or "##[" in line


@settings(derandomize=True, max_examples=300)
@given(st.text(st.sampled_from("%:,=\r\nab0DA32C5 "), max_size=30), st.text(st.sampled_from("%:\r\nab"), max_size=30))
def test_a_command_is_read_back_as_it_was_meant(title: str, message: str) -> None:
    line = command("error", message, title=title)
    assert not re.search(r"[\r\n]", line)
    assert read(line) == ("error", {"title": title}, message)


@settings(derandomize=True, max_examples=500)
@given(st.text(st.sampled_from("#[: \t\u00a0a]"), max_size=20))
def test_no_other_line_is_taken_for_a_command(text: str) -> None:
    assert not is_command(inert(text))
    assert inert(text).replace("\u2060", "") == text


def test_a_run_is_a_group_for_each_wave_and_every_group_ends() -> None:
    played = play(make_plan(4, waves=(1, 3)))
    log = GithubLog(played.plan, PAPER)
    lines = [line for recorded in played.log for line in log.lines(recorded)]
    commands = [line.split("::")[1] for line in lines if is_command(line)]
    assert commands == ["group", "endgroup", "group", "endgroup"]
    assert "::group::07:12:33  wave 1 of 2: 1 host" in lines


def test_every_kind_of_failure_is_one_error_with_its_last_lines() -> None:
    script = by_table({(f"web-00{n}", "migrate"): failing(1, "50% done\n::error::forged") for n in (2, 3)})
    view = view_of(play(make_plan(4, max_failures=9), script))
    (line,) = errors(group(view.state, view.outputs))
    name, properties, message = read(line)
    assert (name, properties) == ("error", {"title": "migrate on 2 hosts: web-[002-003]"})
    assert message == "exit status 1, on 2 hosts: web-[002-003]\n50% done\n::error::forged"


def test_a_summary_is_never_longer_than_what_is_taken() -> None:
    text = summary(["ä" * 1000] * 1000)
    assert len(text.encode()) < MAX_SUMMARY + 100
    assert text.endswith("... and more: see `orc report`.\n")
