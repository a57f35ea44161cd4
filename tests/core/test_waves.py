"""Waves and budgets: every host once, percentages exact, rounded down."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.waves import cut, resolve_budget
from orchestrator.model.ids import HostName
from orchestrator.model.plan import Wave
from orchestrator.model.rollout import Rollout, Share, WaveSize


def hosts(number: int) -> list[HostName]:
    return [HostName(f"web-{index}") for index in range(number)]


def split(sizes: list[WaveSize], names: list[HostName]) -> tuple[Wave, ...]:
    found = cut(Rollout(waves=tuple(sizes)), names, [None] * len(sizes))
    assert not found.left
    return found.waves


def sizes(*written: int | str) -> list[WaveSize]:
    """1 is a host, "10%" a percentage."""
    return [
        WaveSize(size=Share(count=each) if isinstance(each, int) else Share(percent=float(each.rstrip("%"))))
        for each in written
    ]


@pytest.mark.parametrize(
    ("written", "number", "expected"),
    [
        ((1, "25%", "100%"), 12, [1, 3, 8]),
        ((1, "10%", "100%"), 240, [1, 24, 215]),
        (("100%",), 7, [7]),
        (("30%",), 10, [3, 3, 3, 1]),
        ((1,), 3, [1, 1, 1]),
        (("1%",), 3, [1, 1, 1]),
        ((2, 5), 3, [2, 1]),
        ((10,), 3, [3]),
        ((0,), 2, [1, 1]),
        ((1, 2), 0, []),
        (("33.3%",), 1000, [333, 333, 333, 1]),
    ],
)
def test_a_run_is_cut_into_waves(written: tuple[int | str, ...], number: int, expected: list[int]) -> None:
    waves = split(sizes(*written), hosts(number))

    assert [len(wave.hosts) for wave in waves] == expected
    assert [wave.index for wave in waves] == list(range(len(expected)))


def test_a_wave_has_the_name_its_author_gave_it() -> None:
    named = [WaveSize(size=Share(count=1), name="canary"), WaveSize(size=Share(percent=100.0))]

    assert [wave.name for wave in split(named, hosts(3))] == ["canary", ""]


def test_a_percentage_of_the_whole_run_is_exact_for_every_size_of_run() -> None:
    for total in range(1, 501):
        for percent in range(1, 101):
            assert resolve_budget(Share(percent=float(percent)), total) == total * percent // 100


@given(
    st.integers(1, 500),
    st.lists(st.one_of(st.integers(0, 600), st.decimals(0, 100, places=2)), min_size=1, max_size=5),
)
def test_every_host_is_in_exactly_one_wave_and_no_wave_is_empty(number: int, written: list[int | Decimal]) -> None:
    shares = [Share(count=each) if isinstance(each, int) else Share(percent=float(each)) for each in written]
    waves = split([WaveSize(size=share) for share in shares], hosts(number))

    assert [name for wave in waves for name in wave.hosts] == hosts(number)
    for wave, share in zip(waves[:-1], [*shares, *[shares[-1]] * number], strict=False):
        exact = share.count if share.count is not None else Fraction(str(share.percent)) * number / 100
        assert len(wave.hosts) == max(1, exact // 1)
    assert waves[-1].hosts


@pytest.mark.parametrize(
    ("share", "total", "budget"),
    [
        (Share(count=0), 10, 0),
        (Share(count=7), 3, 7),
        (Share(percent=0.0), 10, 0),
        (Share(percent=5.0), 19, 0),
        (Share(percent=5.0), 20, 1),
        (Share(percent=29.0), 100, 29),
        (Share(percent=100.0), 12, 12),
        (Share(percent=0.1), 1000, 1),
    ],
)
def test_a_budget_is_rounded_down(share: Share, total: int, budget: int) -> None:
    assert resolve_budget(share, total) == budget
