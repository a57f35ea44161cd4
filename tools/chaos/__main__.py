"""`make chaos`: storms over simulated fleets, a table, a verdict, and exit status 1 on any violation."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import anyio

from orchestrator.simulator import Fault, RestartKills
from tools.chaos.drive import Outcome, weather
from tools.chaos.storm import INTERRUPTING, Storm, everything_at_once

COLUMNS = "{:>5} {:<10} {:>6} {:>6} {:>9} {:>9} {:>12} {:>7} {:>7} {:>11}"
SHOWN = 20
"""Violations of one storm that are printed."""


def draw(seed: int, *, hosts: int, kills: int, lasts: float = 60.0) -> Storm:
    """The storm of a seed. Of three, one has no restarts, so that each step must run exactly once; one blocks."""
    blocks, calm = seed % 3 == 2, seed % 3 == 1
    without = frozenset({Fault.BLOCKED} if not blocks else ()) | (INTERRUPTING if calm else frozenset())
    restart_kills = RestartKills.ALL if seed % 2 else RestartKills.SESSION
    faults = everything_at_once(seed, without=without)
    return Storm(seed=seed, hosts=hosts, faults=faults, kills=kills, lasts=lasts, restart_kills=restart_kills)


def kind(storm: Storm) -> str:
    """What is special about a storm, in a word."""
    if Fault.BLOCKED in storm.faults:
        return "blocking"
    return "restarts" if storm.interrupts else "no restart"


def row(outcome: Outcome) -> str:
    storm = outcome.storm
    return COLUMNS.format(
        storm.seed, kind(storm), storm.hosts, outcome.kills, outcome.attempts, outcome.attached,
        outcome.interrupted, sum(outcome.faults.values()), f"{outcome.seconds:.0f} s", len(outcome.violations),
    )  # fmt: skip


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos ARGS=...", description=__doc__)
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=20, help="how many storms")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--lasts", type=float, default=60.0, help="seconds after which a storm's faults cease")
    parser.add_argument("--kills", type=int, default=10, help="how often orc is killed in each storm")
    parser.add_argument("--keep", type=Path, help="keep what storms with violations have left, here")
    return parser.parse_args()


def main() -> int:
    """Run every storm, print what came of each, and return the exit status."""
    given = arguments()
    print(COLUMNS.format(*"seed kind hosts kills attempts attached interrupted faults took violations".split()))
    total = 0
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        storm = draw(seed, hosts=given.hosts, kills=given.kills, lasts=given.lasts)
        with tempfile.TemporaryDirectory(prefix="orc-chaos-", ignore_cleanup_errors=True) as folder:
            outcome = anyio.run(weather, storm, Path(folder))
            print(row(outcome), flush=True)
            for sentence in outcome.violations[:SHOWN]:
                print(f"      {sentence}", flush=True)
            if outcome.violations and given.keep:
                shutil.copytree(folder, given.keep / str(seed), symlinks=True, dirs_exist_ok=True)
        total += len(outcome.violations)
    print(f"\n{total} violations" if total else "\n0 violations: never twice, never lost")
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
