"""Whatever a value holds, a real shell gives it back byte for byte and runs none of it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.model.origin import Origin, Text
from orchestrator.template import TemplateError, render_shell
from orchestrator.template.filters import Mark
from tests.template.places import INSIDE, VALUES, WORDS
from tools.fuzz import case as one_case
from tools.fuzz.case import Case
from tools.fuzz.grammar import Use
from tools.fuzz.shells import NAMES, Shell, installed
from tools.fuzz.storm import Storm
from tools.fuzz.values import CANARY, RUNS

LASTS = 20.0
"""Seconds after which no further round is begun; on a loaded machine there are fewer rounds, of the same cases."""
SHELLS = {shell.name: shell for shell in installed()}


@pytest.fixture(params=NAMES)
def shell(request: pytest.FixtureRequest) -> Shell:
    """Each shell that orc is tried in."""
    if request.param not in SHELLS:
        pytest.skip(f"{request.param} is not on this machine")
    return SHELLS[request.param]


def test_in_random_commands_every_value_arrives_and_none_is_run(tmp_path: Path) -> None:
    storm = Storm(seed=1, shells=[*SHELLS.values()], folder=tmp_path, batch=100)
    ends = time.monotonic() + LASTS
    for _ in range(12):
        storm.round()
        if time.monotonic() > ends:
            break

    assert [str(broken) for broken in storm.tally.broken] == []
    assert storm.tally.rendered > 150


def broken_by(shell: Shell, folder: Path, script: str, expected: bytes | None) -> list[str]:
    """What the fuzzer says of one case."""
    storm = Storm(seed=1, shells=[shell], folder=folder)
    case = Case(("...",), (), script, expected, ())
    (storm.listen if expected is None else storm.expect)(shell, [case])
    return [each.what for each in storm.tally.broken]


def test_the_fuzzer_hears_a_value_that_is_run(shell: Shell, tmp_path: Path) -> None:
    assert broken_by(shell, tmp_path, f'echo "$(:>{CANARY})"', None) == ["a value was run"]
    assert broken_by(shell, tmp_path, "exit 3", None) == []
    assert broken_by(shell, tmp_path, "p a b", b"a\0b\0") == []
    assert broken_by(shell, tmp_path, "p a b", b"a\0c\0") == ["printed b'a\\x00b\\x00', not b'a\\x00c\\x00'"]
    assert broken_by(shell, tmp_path, f"p a; >{CANARY}", b"a\0") == ["printed b'a\\x00', not b'a\\x00'"]


def test_every_shell_runs_what_the_fuzzer_writes(shell: Shell, tmp_path: Path) -> None:
    for script, printed in (("p a", b"a\0"), ("sh -c 'p b'", b"b\0"), ("[ 1 -lt 2 ] && p `w x`", b"x\0")):
        assert broken_by(shell, tmp_path, script, printed) == []


def test_a_case_is_told_when_it_is_found_with_a_word_by_which_it_is_run_again(shell: Shell, tmp_path: Path) -> None:
    told: list[one_case.Broken] = []
    case = one_case.rendered(("p ", Use(0), " ", Use(0, Mark.QUOTE)), ("it's \u65e5",), b"another", ("command",))
    Storm(seed=1, shells=[shell], folder=tmp_path, tell=told.append).expect(shell, [case])

    assert [each.case for each in told] == [case]
    assert one_case.read(str(told[0]).rpartition("--case ")[2].rstrip('"')) == case


@pytest.mark.slow
def test_an_interrupted_fuzzer_prints_its_figures_and_fails() -> None:
    command = [sys.executable, "-m", "tools.fuzz", "--minutes", "5", "--shell", "dash", "--batch", "20"]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as fuzzer:
        assert fuzzer.stdout is not None
        assert fuzzer.stdout.readline().startswith("seed ")
        fuzzer.send_signal(signal.SIGINT)
        printed = fuzzer.stdout.read()

    assert "interrupted" in printed
    assert "0 broken" in printed
    assert fuzzer.returncode == 1


@pytest.mark.parametrize("source", [source for source, _ in (*WORDS, *INSIDE)])
def test_what_the_table_of_examples_accepts_runs_nothing_in_any_shell(source: str, tmp_path: Path) -> None:
    storm = Storm(seed=1, shells=[*SHELLS.values()], folder=tmp_path)
    cases = []
    for hostile in RUNS:
        values = {name: hostile if isinstance(value, str) else value for name, value in VALUES.items()}
        try:
            script = render_shell(Text(source=source, origin=Origin(file="x.yml")), {**values, "xs": [hostile, "a"]})
        except TemplateError:
            continue
        if "raw" not in source:
            cases.append(Case((source,), (hostile,), script, None, ()))
    for each in SHELLS.values():
        storm.listen(each, cases)

    assert [str(broken) for broken in storm.tally.broken] == []
