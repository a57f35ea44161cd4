"""No guard is there for nothing: without any one of them some example of `places` comes out differently."""

import pytest

from orchestrator.model.origin import Origin, Text
from orchestrator.template import TemplateError, render_shell
from tests.template import tables
from tests.template.mutants import Mutant, mutants
from tests.template.places import INSIDE, REFUSED, VALUES, WORDS

EXAMPLES: list[str] = [
    *(source for source, _, _ in REFUSED),
    *(source for source, _ in (*INSIDE, *WORDS)),
    *tables.REFUSED,
    *tables.ACCEPTED,
]
STRIDE = 23
"""Of so many mutants the short form takes one."""


def outcome(source: str) -> str:
    try:
        return render_shell(Text(source=source, origin=Origin(file="x.yml", line=1, column=1)), VALUES)
    except TemplateError as error:
        return f"refused: {error.problem.problem}"


def survivors(every: list[Mutant]) -> list[str]:
    expected = {source: outcome(source) for source in EXAMPLES}
    lived = []
    for mutant in every:
        with mutant.apply():
            if all(_alike(source, wanted) for source, wanted in expected.items()):
                lived.append(mutant.what)
    assert expected == {source: outcome(source) for source in EXAMPLES}
    return lived


def _alike(source: str, expected: str) -> bool:
    try:
        return outcome(source) == expected
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RuntimeError,
        StopIteration,
    ):  # a mutant may be broken altogether
        return False


def test_no_guard_of_a_sample_can_be_left_out() -> None:
    assert survivors([*mutants()][::STRIDE]) == []


@pytest.mark.slow
def test_no_guard_can_be_left_out() -> None:
    assert survivors([*mutants()]) == []
