"""The verdict on a storm sees what it is there to see: each kind of tampering with the evidence is a violation."""

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from tools.chaos.drive import Orc, Outcome, judge, weather
from tools.chaos.storm import Storm

STORM = Storm(seed=1, hosts=3)


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What fair weather has left."""
    folder = tmp_path_factory.mktemp("fair")
    assert anyio.run(weather, STORM, folder).violations == []
    return folder


def _write(file: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    def tamper(vps: Path) -> None:
        (found,) = vps.glob(file)
        found.write_text(change(found.read_text()))

    return tamper


def _remove(file: str) -> Callable[[Path], None]:
    def tamper(vps: Path) -> None:
        (found,) = vps.glob(file)
        found.unlink()

    return tamper


@pytest.mark.parametrize(
    ("tamper", "sentence"),
    [
        (_write("home/count.00-step-1", lambda text: text + "00-step-1.1\n"), "ran 2 times"),
        (_write("home/count.00-step-1", lambda text: text + "00-step-1.7\n"), "the journal has no intent of it"),
        (_remove("home/count.01-step-2"), "its counter says 0"),
        (_write("state/*/02-step-3.1/rc", lambda text: "9" + text[1:]), "the guest's own status is 9"),
        (_remove("state/*/02-step-3.1/rc"), "the guest has no exit status"),
        (_write("state/*/03-step-4.1/out", lambda text: "x" + text[1:]), "the report has the output"),
        (_write("home/order", lambda text: text.replace("end 01-step-2.1\n", "")), "began while 01-step-2.1"),
        (_write("home/order", lambda text: "begin 01-step-2.1\nend 01-step-2.1\n" + text), "is not the journal's"),
    ],
)
def test_a_violation_is_seen(after: Path, tamper: Callable[[Path], None], sentence: str) -> None:
    vps = after / "fleet" / "10001"
    kept = {file: file.read_bytes() for file in vps.rglob("*") if file.is_file()}
    outcome = Outcome(storm=STORM)
    tamper(vps)
    try:
        anyio.run(judge, STORM, Orc(after), None, outcome)
    finally:
        for file, content in kept.items():
            file.write_bytes(content)

    assert any(sentence in each for each in outcome.violations), outcome.violations
