"""Every key of `rollout` and of its waves, as a run shows it. Gates: test_gate_keys.py."""

from pathlib import Path

import pytest

from tests.fake_fleet import Ran
from tests.rule_looks import BEGUN, CAUSE, EXIT, LISTS, SIZES, WAVES, after, at_once, in_turn, says
from tests.rule_rows import BAD, Row, cases, each

pytestmark = pytest.mark.anyio

TEN = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"
SIX = "[1, 2, 3, 4, 5, 6]"
ONE = "\n  - {name: one, run: one}\n"
SLOW = Ran(duration=60)

WAVES_AND_ORDER = [
    Row(
        of="RolloutShape.waves",
        rule="a size is a number of hosts or a percentage of the whole run, rounded down",
        hosts=str(list(range(1, 45))),
        rollout="{waves: [1, 10%, 100%]}",
        steps=ONE,
        seen={SIZES: [1, 4, 39], EXIT: 0},
    ),
    Row(
        of="RolloutShape.waves",
        rule="the last size repeats until no host is left",
        hosts=TEN,
        rollout="{waves: [1, 25%]}",
        seen={WAVES: ["1", "2 3", "4 5", "6 7", "8 9", "10"]},
    ),
    Row(
        of="RolloutShape.waves",
        rule="a percentage of less than one host is one host",
        rollout="{waves: [1%]}",
        seen={SIZES: [1, 1, 1]},
    ),
    Row(of="RolloutShape.waves", rule="without waves all hosts go in one", default=True, seen={SIZES: [3]}),
    Row(
        of="RolloutShape.waves",
        rule="a wave opens when every host of those before it is settled",
        rollout="{waves: [2, 1], max_failures: 1}",
        does={"2 two": Ran(duration=60, exit_code=1), "2 undo one": SLOW},
        seen={in_turn("1 settled", "2 undo one ended", "2 settled", "wave 2", "3 one"): True, EXIT: 4},
    ),
    *each(Row(of="RolloutShape.waves", rule="one for all", rollout="{waves: FORM}", seen={SIZES: [2, 1]}),
          "2", "67%", "{size: 2}", "[2]"),
    *each(Row(of="RolloutShape.serial", rule="another word for waves", rollout="{serial: FORM}", seen={SIZES: [2, 1]}),
          "2", "67%", "{size: 2}", "[2]"),
    Row(
        of="WaveShape.name",
        rule="what the wave is called where the run tells of it",
        rollout="{waves: [{name: canary, size: 1}, 100%]}",
        seen={says("wave 1 of 2, canary: 1 host"): True, says("wave 2 of 2: 2 hosts"): True},
    ),
    *each(Row(of="WaveShape.size", rule="in a mapping, too", hosts=TEN, rollout="{waves: [{size: FORM}, 100%]}",
              seen={SIZES: [2, 8]}), "2", "20%"),
    Row(
        of="WaveShape.hosts",
        rule="a pattern's hosts go in that wave and are not counted out to others",
        rollout="{waves: [{hosts: '3'}, 1, 100%]}",
        seen={WAVES: ["3", "1", "2"]},
    ),
    Row(
        of="WaveShape.hosts",
        rule="a list is the pattern of them all",
        rollout="{waves: [{hosts: [3, '1']}, 100%]}",
        seen={WAVES: ["1 3", "2"]},
    ),
    Row(
        of="WaveShape.hosts",
        rule="a wave of whose hosts the limit leaves none is left out",
        rollout="{waves: [{hosts: '3'}, {hosts: '2'}, 100%]}",
        limit="1,2",
        seen={WAVES: ["2", "1"]},
    ),
    Row(of="RolloutShape.order", rule="inventory: as it has them", hosts="[2, 10, 1]",
        rollout="{order: inventory, max_parallel: 1}", seen={BEGUN: "2 10 1"}),
    Row(of="RolloutShape.order", rule="the default is the inventory's", hosts="[2, 10, 1]", default=True,
        rollout="{max_parallel: 1}", seen={BEGUN: "2 10 1"}),
    Row(of="RolloutShape.order", rule="sorted: by name, numbers in it by their value", hosts="[2, 10, 1]",
        rollout="{order: sorted, max_parallel: 1}", seen={BEGUN: "1 2 10"}),
    Row(of="RolloutShape.order", rule="reverse: the inventory's, from its end", hosts="[2, 10, 1]",
        rollout="{order: reverse, max_parallel: 1}", seen={BEGUN: "1 10 2"}),
    Row(of="RolloutShape.order", rule="shuffle: without a seed by one that is always the same", hosts=SIX,
        rollout="{order: shuffle, max_parallel: 1}", seen={BEGUN: "5 2 6 4 1 3"}),
    Row(of="RolloutShape.seed", rule="a shuffle goes by its seed", hosts=SIX,
        rollout="{order: shuffle, seed: green, max_parallel: 1}", seen={BEGUN: "6 4 3 2 1 5"}),
    Row(of="RolloutShape.seed", rule="a number is its digits", hosts=SIX,
        rollout="{order: shuffle, seed: 7, max_parallel: 1}", seen={BEGUN: "3 6 1 4 2 5"}),
    Row(of="RolloutShape.seed", rule="another seed gives another order, the same on every machine", hosts=SIX,
        rollout="{order: shuffle, seed: '8', max_parallel: 1}", seen={BEGUN: "4 6 2 3 1 5"}),
]  # fmt: skip

ZONES = """
provider: {kind: simulator, url: 'http://127.0.0.1:1', api_key: env:KEY}
hosts:
  a1: {vmid: 1, zone: a}
  a2: {vmid: 2, zone: a}
  b1: {vmid: 3, zone: b}
  b2: {vmid: 4, zone: b}
"""

PLACES = [
    Row(of="RolloutShape.max_parallel", rule="on no more hosts is something under way at once", hosts=SIX,
        rollout="{max_parallel: 2}", does={"* one": SLOW}, seen={at_once(): 2, EXIT: 0}),
    Row(of="RolloutShape.max_parallel", rule="a host keeps its place from its first step until it is settled",
        rollout="{max_parallel: 1, max_failures: 1}", does={"1 two": BAD, "1 undo one": SLOW},
        seen={in_turn("1 undo one ended", "1 settled", "2 one", "2 settled", "3 one"): True}),
    Row(of="RolloutShape.max_parallel", rule="50 if not given", hosts=str(list(range(1, 53))), steps=ONE, default=True,
        rollout="{order: inventory}", does={"* one": Ran(duration=1)}, seen={at_once(): 50}),
    Row(of="PlaybookShape.rollout", rule="without one, one wave of 50 at once, and the first failure stops the run",
        hosts=str(list(range(1, 53))), default=True, does={"1 two": BAD, "* one": Ran(duration=1)},
        seen={SIZES: [52], at_once(): 50, EXIT: 4, CAUSE: "1 host failed, max_failures is 0"}),
    *each(Row(of="RolloutShape.spread", rule="no more hosts of one value at once, others go first", hosts="all",
              inventory=ZONES, rollout="{max_parallel: 2, spread: FORM}", does={"* one": SLOW},
              seen={at_once(): 2, at_once("a1", "a2"): 1, at_once("b1", "b2"): 1, BEGUN: "a1 b1 a2 b2"}),
          "zone", "{by: zone}"),
    Row(of="SpreadShape.by", rule="undos are counted, too", hosts="all", inventory=ZONES,
        rollout="{waves: [3, 1], rollback: run, spread: {by: zone}}", does={"b2 two": BAD, "* undo one": SLOW},
        seen={at_once("a1", "a2"): 1, at_once(): 2, EXIT: 4}),
    Row(of="SpreadShape.max", rule="so many of one value", hosts="all", inventory=ZONES,
        rollout="{spread: {by: groups_of, max: 2}}", rest="vars: {groups_of: x}", does={"* one": SLOW},
        seen={at_once(): 2, EXIT: 0}),
    Row(of="SpreadShape.max", rule="one of each value if not given", hosts="all", inventory=ZONES, default=True,
        rollout="{spread: {by: zone}}", does={"* one": SLOW}, seen={at_once(): 2, EXIT: 0}),
    *each(Row(of="RolloutShape.min_healthy", rule="a host keeps its place until it has been ok for so long",
              rollout="{max_parallel: 1, waves: [2, 1], min_healthy: FORM}",
              seen={after("1 settled", "2 one"): 90, after("2 settled", "wave 2"): 90, EXIT: 0}), "1m30s", "90"),
    Row(of="RolloutShape.min_healthy", rule="once the run stops nobody waits for it",
        rollout="{waves: [2, 1], min_healthy: 1h}", does={"2 two": Ran(exit_code=1, duration=9)},
        seen={LISTS: {"ok": "1", "rolled_back": "2", "never_started": "3"}, after("2 settled", "end"): 0}),
    Row(of="RolloutShape.min_healthy", rule="0s if not given", default=True, rollout="{max_parallel: 1}",
        seen={after("1 settled", "2 one"): 0}),
    *each(Row(of="RolloutShape.progress_deadline", rule="the run stops when no host has become ok for so long",
              rollout="{max_parallel: 1, rollback: run, progress_deadline: FORM}",
              does={"1 one": Ran(duration=250), "2 one": Ran(duration=400)},
              seen={LISTS: {"rolled_back": "1 2", "never_started": "3"}, EXIT: 4,
                    CAUSE: "no host of wave 1 became ok for 5m"}), "5m", "300"),
    Row(of="RolloutShape.progress_deadline", rule="it moves with every host that becomes ok",
        rollout="{max_parallel: 1, progress_deadline: 5m}", does={"* one": Ran(duration=250)}, seen={EXIT: 0}),
    Row(of="RolloutShape.progress_deadline", rule="none if not given", default=True, hosts="[1]",
        does={"* one": Ran(duration=1000)}, rest="defaults: {timeout: 20m}", seen={EXIT: 0}),
]  # fmt: skip

ROWS = [*WAVES_AND_ORDER, *PLACES]


@pytest.mark.parametrize("row", cases(ROWS))
async def test_a_run_keeps_to_its_rollout(row: Row, tmp_path: Path) -> None:
    assert await row.found(tmp_path) == row.wanted
