"""Counts, times and columns as people read them."""

from datetime import timedelta, timezone

import pytest

from orchestrator.model.state import Standing
from orchestrator.report.columns import cut, hang, table, wrap
from orchestrator.report.words import LISTS, clock_time, count, date_time, iso, period, state_of, took
from tests.scripted_runs import BEGAN_AT


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0.0 s"), (0.04, "0.0 s"), (14.2, "14.2 s"), (59.94, "59.9 s"), (59.96, "1m 00s"), (134, "2m 14s"),
     (3599.4, "59m 59s"), (3600, "1h 00m"), (100_000, "27h 46m")],
)  # fmt: skip
def test_a_measured_time(seconds: float, said: str) -> None:
    assert took(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.5, "0.5s"), (0, "0s"), (30, "30s"), (90, "1m30s"), (600, "10m"), (5400, "1h30m"), (172800, "2d")],
)
def test_a_chosen_time(seconds: float, said: str) -> None:
    assert period(seconds) == said


def test_times_are_those_of_the_readers_zone_and_of_utc_for_programs() -> None:
    stockholm = timezone(timedelta(hours=1), "CET")

    assert date_time(BEGAN_AT, stockholm) == "2026-11-24 08:12:33 CET"
    assert clock_time(BEGAN_AT, stockholm) == "08:12:33"
    assert iso(BEGAN_AT + 0.0019) == "2026-11-24T07:12:33.001Z"


def test_counts() -> None:
    assert [count(0, "host"), count(1, "host"), count(1200, "host")] == ["0 hosts", "1 host", "1,200 hosts"]


def test_every_standing_has_a_list_and_a_name_for_programs() -> None:
    assert set(LISTS) == set(Standing)
    assert len({state_of(each) for each in Standing}) == len(Standing)


def test_what_is_too_long_is_cut_or_wrapped_after_a_separator() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("abcd", 4) == "abcd"
    assert wrap("aa bb cc", 5) == ["aa bb", "cc"]
    assert wrap("a,bb,ccc", 5, at=",") == ["a,bb,", "ccc"]
    assert wrap("longer-than-that x", 5) == ["longer-than-that", "x"]
    assert hang("HEAD  ", "word " * 8, 26) == ["HEAD  word word word word", "      word word word word"]


def test_columns_are_as_wide_as_they_must_be() -> None:
    assert table([("a", "bbb", "c"), ("aa", "b", "")]) == ["a    bbb   c", "aa   b"]
