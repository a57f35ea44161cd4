"""The reading of faults, and the decision which strike."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import InputError
from orchestrator.simulator import Chance, Count, Fault, Faults, read_faults
from orchestrator.simulator.seam import Seam, draw

CONTRACT_NAMES = """
drop_reply_before drop_reply_after consume_result forget_pids reboot no_pid_500 rate_limit blocked agent_down slow
html_body recycle_pids latin1_output hang
""".split()


def test_the_faults_are_those_of_the_contract() -> None:
    assert [fault.value for fault in Fault] == CONTRACT_NAMES


def test_the_contracts_example_is_read() -> None:
    faults = read_faults({"seed": 7, "all": {"hang": 0.05}, "vmids": {10004: {"slow": {"count": 3}}}})

    assert faults == Faults(seed=7, all={Fault.HANG: Chance(of=0.05)}, vmids={10004: {Fault.SLOW: Count(requests=3)}})


def test_a_vmid_may_be_text_as_in_json() -> None:
    assert list(read_faults({"vmids": {"10004": {}}}).vmids) == [10004]


@pytest.mark.parametrize("empty", [None, {}])
def test_an_empty_file_means_no_faults(empty: object) -> None:
    assert read_faults(empty) == Faults()


def test_everything_that_is_wrong_is_told_at_once() -> None:
    data = {
        "sede": 7,
        "seed": "x",
        "all": {"slwo": 0.1, "hang": 1.5, "slow": True, "reboot": {"count": -1}, "blocked": {"count": 1, "x": 2}},
        "vmids": {"web": {}, 10004: ["hang"], True: {}},
    }
    with pytest.raises(InputError) as caught:
        read_faults(data, file="faults.yml")

    told = {problem.path: (problem.problem, problem.fix) for problem in caught.value.problems}
    assert set(told) == {
        "sede", "seed", "all.slwo", "all.hang", "all.slow", "all.reboot", "all.blocked", "vmids.web", "vmids.10004",
        "vmids.True",
    }  # fmt: skip
    assert told["sede"] == ("unknown key", "did you mean seed?")
    assert told["all.slwo"] == ("unknown fault", "did you mean slow?")
    assert {problem.origin.file for problem in caught.value.problems} == {"faults.yml"}


@pytest.mark.parametrize("data", [[], "slow", 3, {"all": None}, {"vmids": []}, {"all": {"slow": float("nan")}}])
def test_what_is_no_mapping_is_an_input_error(data: object) -> None:
    with pytest.raises(InputError):
        read_faults(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["all", "vmids", "count", "slow", "1", "seed"]), inner)
    ),
    max_leaves=8,
)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(JSON)
def test_any_data_gives_faults_or_an_input_error(data: Any) -> None:
    try:
        told: object = read_faults(data)
    except InputError as error:
        told = error.problems
    assert isinstance(told, Faults) or told


def test_a_vmids_own_rule_replaces_the_general_one() -> None:
    faults = read_faults({"all": {"slow": 1, "hang": 1}, "vmids": {7: {"slow": 0}}})

    assert faults.rule(7, Fault.SLOW) == Chance(of=0.0)
    assert faults.rule(7, Fault.HANG) == faults.rule(8, Fault.HANG) == Chance(of=1.0)
    assert faults.rule(8, Fault.REBOOT) is None


def test_a_count_strikes_the_next_requests_of_each_vps_and_no_more() -> None:
    seam = Seam(read_faults({"all": {"slow": {"count": 2}}}), seed=0)

    assert [seam.next_request(1).by(Fault.SLOW) for _ in range(4)] == [True, True, False, False]
    assert [seam.next_request(2).by(Fault.SLOW) for _ in range(3)] == [True, True, False]
    assert seam.struck[Fault.SLOW] == 4


def test_a_fault_is_certain_while_its_count_lasts_or_when_its_chance_is_one() -> None:
    seam = Seam(read_faults({"all": {"slow": {"count": 1}, "hang": 1, "blocked": 0.99}}), seed=0)

    assert [seam.is_certain(1, fault) for fault in (Fault.SLOW, Fault.HANG, Fault.BLOCKED, Fault.REBOOT)] == [
        True, True, False, False,
    ]  # fmt: skip
    seam.next_request(1).by(Fault.SLOW)
    assert not seam.is_certain(1, Fault.SLOW)
    assert seam.is_certain(2, Fault.SLOW)


def test_a_probability_strikes_about_that_often() -> None:
    seam = Seam(read_faults({"seed": 3, "all": {"slow": 0.2}}), seed=0)

    assert 150 < sum(seam.next_request(1).by(Fault.SLOW) for _ in range(1000)) < 250


def _history(order: list[int], *, seed: int) -> dict[int, list[tuple[bool, bool]]]:
    seam = Seam(read_faults({"all": {"slow": 0.5, "hang": 0.3}}), seed=seed)
    history: dict[int, list[tuple[bool, bool]]] = {}
    for vmid in order:
        strikes = seam.next_request(vmid)
        history.setdefault(vmid, []).append((strikes.by(Fault.SLOW), strikes.by(Fault.HANG)))
    return history


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.permutations([1] * 10 + [2] * 10 + [3] * 10))
def test_the_order_among_vpses_changes_nothing(order: list[int]) -> None:
    assert _history(order, seed=5) == _history(sorted(order), seed=5)


def test_another_seed_is_another_history() -> None:
    assert _history([1] * 30, seed=5) != _history([1] * 30, seed=6)


def test_the_files_seed_goes_before_the_simulators() -> None:
    def history(data: object, seed: int) -> list[bool]:
        seam = Seam(read_faults(data), seed=seed)
        return [seam.next_request(1).by(Fault.SLOW) for _ in range(40)]

    assert history({"seed": 5, "all": {"slow": 0.5}}, 1) == history({"seed": 5, "all": {"slow": 0.5}}, 2)
    assert history({"all": {"slow": 0.5}}, 1) != history({"all": {"slow": 0.5}}, 2)


def test_a_draw_is_the_same_on_every_machine() -> None:
    assert draw(7, 10004, Fault.SLOW, 1) == pytest.approx(0.5180803406473835)
    assert all(0 <= draw(seed, 1, Fault.SLOW, 1) < 1 for seed in range(1000))
