"""Never twice, never lost: real processes, every fault at once, and orc killed at random moments.

`make chaos` is the long form of this.
"""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from orchestrator.simulator import Fault, RestartKills
from tools.chaos.drive import Outcome, weather
from tools.chaos.storm import INTERRUPTING, Storm, everything_at_once

pytestmark = pytest.mark.anyio

LONGEST = 200.0
"""Seconds in which a storm must be over: it ceases after a while, and then little is left to do."""


async def see(storm: Storm, folder: Path) -> Outcome:
    with anyio.fail_after(LONGEST):
        outcome = await weather(storm, folder)
    assert outcome.violations == []
    assert set(storm.faults) - {Fault.HANG} <= {Fault(name) for name, times in outcome.faults.items() if times}
    return outcome


async def test_every_attempt_runs_once_and_is_reported_as_it_was_with_every_fault_at_once(tmp_path: Path) -> None:
    storm = Storm(seed=1, hosts=40, faults=everything_at_once(1), lasts=10)
    calm = everything_at_once(2, without=INTERRUPTING | {Fault.BLOCKED})
    outcomes: list[Outcome] = []

    async def one(storm: Storm, folder: Path) -> None:
        outcomes.append(await see(storm, folder))

    async with anyio.create_task_group() as both:
        both.start_soon(one, storm, tmp_path / "restarts")
        both.start_soon(one, Storm(seed=2, hosts=40, faults=calm, lasts=10), tmp_path / "calm")

    assert all(outcome.attached for outcome in outcomes)
    assert [outcome.interrupted > 0 for outcome in outcomes if outcome.storm is storm] == [True]


async def test_a_blocked_command_never_runs_and_is_reported_as_failed(tmp_path: Path) -> None:
    storm = Storm(seed=3, hosts=12, faults={Fault.BLOCKED: 0.5, Fault.DROP_REPLY_AFTER: 0.1}, lasts=30)

    outcome = await see(storm, tmp_path)

    assert outcome.blocked > 5


@pytest.mark.parametrize(
    ("seed", "restart_kills"),
    [(4, RestartKills.SESSION), pytest.param(5, RestartKills.ALL, marks=pytest.mark.slow)],
)
async def test_orc_is_killed_again_and_again_and_each_time_goes_on_where_it_was(
    tmp_path: Path, seed: int, restart_kills: RestartKills
) -> None:
    faults = dict.fromkeys(set(everything_at_once(seed)) - {Fault.HANG, Fault.SLOW}, 0.02)
    storm = Storm(seed=seed, hosts=10, faults=faults, lasts=15, kills=6, restart_kills=restart_kills)

    with anyio.fail_after(LONGEST):
        outcome = await weather(storm, tmp_path)

    assert outcome.violations == []
    assert outcome.kills > 2


async def test_a_kill_of_orc_alone_interrupts_nothing(tmp_path: Path) -> None:
    outcome = await see(Storm(seed=6, hosts=10, kills=5), tmp_path)

    assert outcome.interrupted == 0
    assert outcome.kills > 2


@pytest.mark.slow  # nearly a minute each; `make chaos` runs as many as wanted
@pytest.mark.parametrize("seed", range(3))
async def test_a_storm_of_another_kind_for_each_seed(tmp_path: Path, seed: int) -> None:
    storm = Storm(seed=seed, hosts=60, faults=everything_at_once(seed), kills=6, lasts=40)
    await see(replace(storm, restart_kills=RestartKills.ALL if seed % 2 else RestartKills.SESSION), tmp_path)
