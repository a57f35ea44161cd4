"""Secrets never reach a log, in whatever form they come."""

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import log

SECRET = 's3cr3t/key+with "quotes" & ümlaut'


@pytest.fixture(autouse=True)
def _forgets() -> Iterator[None]:
    yield
    log._forms.clear()
    structlog.reset_defaults()


def logged(capsys: pytest.CaptureFixture[str], **fields: object) -> str:
    log.set_up(format="json")
    log.get_logger("test").warning("something", **fields)
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "seen",
    [
        f"Authorization: {SECRET}!",
        quote(SECRET),
        quote(SECRET, safe=""),
        json.dumps({"key": SECRET}),
        repr(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        *(base64.b64encode(f"{'u' * n}:{SECRET}:{'p' * n}".encode()).decode() for n in range(4)),
        *(base64.urlsafe_b64encode(f"{'u' * n}:{SECRET}".encode()).decode() for n in range(4)),
    ],
)
def test_a_secret_is_redacted_in_every_form(seen: str) -> None:
    assert log.register_secret(SECRET)

    assert log.REDACTED in log.redact(seen)
    assert "cr3t" not in log.redact(seen)


def test_a_secret_is_redacted_anywhere_in_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    log.register_secret("hunter22")
    line = logged(
        capsys,
        header={"X-API-Key": ["hunter22"], "hunter22": 1},
        pair=("a", b"hunter22"),
        error=ValueError("hunter22"),
        plain="no secret",
    )

    assert "hunter22" not in line
    assert json.loads(line)["header"] == {"X-API-Key": ["[redacted]"], "[redacted]": 1}
    assert json.loads(line)["plain"] == "no secret"


def test_a_secret_is_redacted_in_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    log.register_secret("hunter22")
    log.set_up(format="text")
    try:
        raise ValueError("the key hunter22 is wrong")
    except ValueError:
        log.get_logger("test").exception("it failed")
    said = capsys.readouterr().err

    assert "ValueError: the key [redacted] is wrong" in said
    assert "hunter22" not in said


def test_of_two_secrets_the_longer_one_goes_as_a_whole() -> None:
    log.register_secret("hunter2")
    log.register_secret("hunter22-and-more")

    assert log.redact("hunter22-and-more") == "[redacted]"


def test_a_short_secret_is_refused_with_a_warning_that_does_not_hold_it(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(format="text")

    assert not log.register_secret("abcde")
    said = capsys.readouterr().err
    assert "a secret of fewer than 6 characters cannot be redacted" in said
    assert "abcde" not in said


@given(secret=st.text(st.characters(codec="utf-8"), min_size=6), before=st.text(), after=st.text())
def test_no_secret_survives_in_any_text(secret: str, before: str, after: str) -> None:
    log._forms.clear()
    log.register_secret(secret)

    assert secret not in log.redact(before + secret + after).replace(log.REDACTED, "\x00")


@pytest.mark.parametrize(("verbose", "lines"), [(False, 1), (True, 2)])
def test_only_warnings_are_logged_unless_asked_for_more(
    capsys: pytest.CaptureFixture[str], verbose: bool, lines: int
) -> None:
    log.set_up(format="json", verbose=verbose)
    logger = log.get_logger("test")
    logger.info("one")
    logger.warning("two")
    logger.debug("three")
    captured = capsys.readouterr()

    assert captured.out == ""
    assert len(captured.err.splitlines()) == lines


def test_what_a_line_is_about_stands_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(format="json")
    with log.about(run="r1", host="web-001"):
        log.get_logger("test").warning("something")
    log.get_logger("test").warning("something else")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())

    assert (first["run"], first["host"], first["level"]) == ("r1", "web-001", "warning")
    assert "run" not in second
