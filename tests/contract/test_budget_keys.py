"""Every budget of `rollout`, and what follows when one is over, as a run shows it."""

from pathlib import Path

import pytest

from tests.fake_fleet import Ran
from tests.rule_looks import CAUSE, EXIT, LISTS, in_turn, never, ran, sooner
from tests.rule_rows import BAD, DOWN, GONE, LATE, Row, cases, each

pytestmark = pytest.mark.anyio

SIX = "[1, 2, 3, 4, 5, 6]"
PAIRS = "waves: [2, 2, 2], max_parallel: 1"
SLOW = Ran(duration=300)


def bad(*hosts: int) -> dict[str, Ran]:
    """The second step fails on these hosts."""
    return {f"{host} two": BAD for host in hosts}


OF_THE_RUN = [
    Row(of="RolloutShape.max_failures", rule="0 if not given: the first failure stops the run", default=True,
        hosts=SIX, rollout=f"{{{PAIRS}}}", does=bad(2),
        seen={LISTS: {"ok": "1", "rolled_back": "2", "never_started": "3 4 5 6"}, EXIT: 4,
              CAUSE: "1 host failed, max_failures is 0"}),
    *each(Row(of="RolloutShape.max_failures", rule="it is not over when as many have failed as it allows", hosts=SIX,
              rollout=f"{{{PAIRS}, max_failures: FORM}}", does=bad(1, 4),
              seen={LISTS: {"ok": "2 3 5 6", "rolled_back": "1 4"}, EXIT: 4,
                    CAUSE: "2 hosts failed, within max_failures"}), "2", "40%"),
    *each(Row(of="RolloutShape.max_failures", rule="it is over when more have, over the whole run", hosts=SIX,
              rollout=f"{{{PAIRS}, max_failures: FORM}}", does=bad(1, 2, 4),
              seen={LISTS: {"ok": "3", "rolled_back": "1 2 4", "never_started": "5 6"}, EXIT: 4,
                    CAUSE: "3 hosts failed, max_failures is 2"}), "2", "40%"),
    Row(of="RolloutShape.max_failures", rule="a percentage is rounded down", rollout="{max_failures: 66%}",
        does={**bad(1, 2), "3 one": SLOW},
        seen={LISTS: {"rolled_back": "1 2", "stopped": "3"}, CAUSE: "2 hosts failed, max_failures is 1"}),
    Row(of="RolloutShape.max_failures", rule="a step over its time-out counts", does={"1 one": LATE},
        rollout="{waves: [2, 1], max_failures: 0}", seen={CAUSE: "1 host failed, max_failures is 0"}),
    Row(of="RolloutShape.max_failures", rule="an unknown outcome counts", does={"1 one": GONE},
        rollout="{waves: [2, 1], max_failures: 0}",
        seen={LISTS: {"unknown": "1", "ok": "2", "never_started": "3"}, CAUSE: "1 host failed, max_failures is 0"}),
    Row(of="RolloutShape.max_failures", rule="a host whose finally failed counts", does={"1 end": BAD},
        rollout="{waves: [2, 1], max_failures: 0}", rest="finally: [{name: end, run: end}]",
        seen={LISTS: {"failed": "1", "ok": "2", "never_started": "3"}, EXIT: 3}),
    Row(of="RolloutShape.max_failures", rule="an unreachable host does not count", does={"1": DOWN},
        rollout="{waves: [2, 1], max_failures: 0, max_unreachable: 1}",
        seen={LISTS: {"unreachable": "1", "ok": "2 3"}}),
    Row(of="RolloutShape.max_unreachable", rule="0 if not given: the first unreachable host stops the run",
        default=True, rollout="{waves: [2, 1], max_failures: 3}", does={"1": DOWN},
        seen={LISTS: {"unreachable": "1", "ok": "2", "never_started": "3"}, EXIT: 6,
              CAUSE: "1 host unreachable, max_unreachable is 0"}),
    *each(Row(of="RolloutShape.max_unreachable", rule="over when more are than it allows, over the whole run",
              hosts=SIX, rollout="{waves: [2, 2, 2], max_unreachable: FORM}", does={"1": DOWN, "3": DOWN},
              seen={LISTS: {"unreachable": "1 3", "ok": "2 4", "never_started": "5 6"}, EXIT: 6}), "1", "17%"),
    *each(Row(of="RolloutShape.max_unreachable", rule="as many as it allows do not stop the run", hosts=SIX,
              rollout="{waves: [2, 2, 2], max_unreachable: FORM}", does={"1": DOWN, "3": DOWN},
              seen={LISTS: {"unreachable": "1 3", "ok": "2 4 5 6"}, EXIT: 6}), "2", "34%"),
]  # fmt: skip

OF_A_WAVE = [
    *each(Row(of="WaveShape.max_failures", rule="over when more of the wave's hosts have failed, of its own hosts",
              hosts=SIX, rollout="{waves: [{size: 4, max_failures: FORM}, 100%], max_failures: 6}",
              does=bad(1, 2, 3),
              seen={LISTS: {"ok": "4", "rolled_back": "1 2 3", "never_started": "5 6"},
                    CAUSE: "3 hosts of wave 1 failed or unreachable, its max_failures is 2"}), "2", "50%"),
    *each(Row(of="WaveShape.max_failures", rule="as many as it allows do not stop the run",
              hosts=SIX, rollout="{waves: [{size: 4, max_failures: FORM}, 100%], max_failures: 6}", does=bad(1, 2),
              seen={LISTS: {"ok": "3 4 5 6", "rolled_back": "1 2"}}), "2", "50%"),
    Row(of="WaveShape.max_failures", rule="it counts those that are unreachable, too",
        rollout="{waves: [{size: 2, max_failures: 1}, 100%], max_failures: 3, max_unreachable: 3}",
        does={**bad(1), "2": DOWN}, seen={LISTS: {"rolled_back": "1", "unreachable": "2", "never_started": "3"}}),
    Row(of="WaveShape.max_failures", rule="it counts the wave's hosts only", hosts=SIX,
        rollout="{waves: [2, {size: 4, max_failures: 1}], max_failures: 6}", does=bad(1, 2, 3),
        seen={LISTS: {"ok": "4 5 6", "rolled_back": "1 2 3"}}),
    Row(of="WaveShape.max_failures", rule="it stands beside the run's, which it does not lift",
        rollout="{waves: [{size: 2, max_failures: 2}, 100%]}", does={**bad(1), "2 one": SLOW},
        seen={LISTS: {"rolled_back": "1", "stopped": "2", "never_started": "3"}}),
    Row(of="WaveShape.max_failures", rule="a first wave of one host stops the run whatever the run's budgets are",
        default=True, rollout="{waves: [1, 100%], max_failures: 3, max_unreachable: 3}", does={"1": DOWN},
        seen={LISTS: {"unreachable": "1", "never_started": "2 3"}, EXIT: 6}),
    Row(of="WaveShape.max_failures", rule="unless that wave has a budget of its own", does=bad(1),
        rollout="{waves: [{size: 1, max_failures: 1}, 100%], max_failures: 3}",
        seen={LISTS: {"rolled_back": "1", "ok": "2 3"}}),
]  # fmt: skip

UNDER_WAY = [
    Row(of="RolloutShape.in_flight", rule="finish: what is under way ends by itself, and nothing after it begins",
        rollout="{in_flight: finish, waves: [2, 1]}", does={"1 one": BAD, "2 one": SLOW},
        seen={ran("2"): "one", sooner("2 one", "2 one ended", 300): False,
              LISTS: {"rolled_back": "1", "stopped": "2", "never_started": "3"}, EXIT: 4}),
    Row(of="RolloutShape.in_flight", rule="finish if not given", default=True, does={"1 one": BAD, "2 one": SLOW},
        seen={ran("2"): "one", sooner("2 one", "2 one ended", 300): False}),
    Row(of="RolloutShape.in_flight", rule="cancel: it is ended on the VPS, and its host takes itself back",
        rollout="{in_flight: cancel, waves: [2, 1]}", does={"1 two": Ran(exit_code=1, duration=5), "2 two": SLOW},
        seen={ran("2"): "one, two, undo two, undo one", sooner("2 two", "end", 60): True,
              LISTS: {"rolled_back": "1 2", "never_started": "3"}}),
    Row(of="RolloutShape.in_flight", rule="cancel: who was so ended does not count as failed",
        rollout="{in_flight: cancel}", does={"1 two": Ran(exit_code=1, duration=5), "2 two": SLOW, "3 two": SLOW},
        seen={CAUSE: "1 host failed, max_failures is 0", LISTS: {"rolled_back": "1 2 3"}}),
    Row(of="RolloutShape.in_flight", rule="cancel: undos and finally are never ended",
        rollout="{in_flight: cancel, max_failures: 1}", rest="finally: [{name: end, run: end}]",
        does={"1 two": BAD, "1 undo two": SLOW, "2 two": Ran(exit_code=1, duration=50), "3 end": SLOW},
        seen={sooner("1 undo two", "1 undo two ended", 300): False, sooner("3 end", "3 end ended", 300): False,
              LISTS: {"rolled_back": "1 2", "ok": "3"}}),
]  # fmt: skip


def scope(rule: str, rollback: str, *failed: int, **seen: str) -> Row:
    """What a scope of the rollback takes back, of three waves of two; one failure is within the budget."""
    written = f", rollback: {rollback}" if rollback else ""
    return Row(of="RolloutShape.rollback", rule=rule, hosts=SIX, default=not rollback, does=bad(*failed),
               rollout=f"{{{PAIRS}, max_failures: 1{written}}}", seen={LISTS: seen})  # fmt: skip


SCOPES = [
    scope("none: a failed host stays as the failure left it", "none", 2, ok="1 3 4 5 6", failed="2"),
    scope("none: over the budget, too", "none", 2, 3, ok="1", failed="2 3", never_started="4 5 6"),
    scope("host: within the budget a failed host takes itself back", "host", 2, ok="1 3 4 5 6", rolled_back="2"),
    scope("host: over it nothing else is", "host", 2, 3, ok="1", rolled_back="2 3", never_started="4 5 6"),
    scope("host if not given", "", 2, 4, ok="1 3", rolled_back="2 4", never_started="5 6"),
    scope("wave: within the budget only the host is taken back", "wave", 2, ok="1 3 4 5 6", rolled_back="2"),
    scope("wave: over it, the newest wave and no other", "wave", 2, 4, ok="1", rolled_back="2 3 4",
          never_started="5 6"),
    scope("run: within the budget only the host is taken back", "run", 2, ok="1 3 4 5 6", rolled_back="2"),
    scope("run: over it, every host on which anything was run", "run", 2, 4, rolled_back="1 2 3 4",
          never_started="5 6"),
    Row(of="RolloutShape.rollback", rule="none: no undo is run", rollout="{rollback: none}", does=bad(1),
        seen={ran("1"): "one, two", EXIT: 3}),
    Row(of="RolloutShape.rollback", rule="run: nothing is begun while others are taken back",
        rollout="{rollback: run, max_parallel: 1}", does=bad(2),
        seen={in_turn("2 settled", "1 undo two", "end"): True, never("3 one"): True, EXIT: 4}),
]  # fmt: skip

ROWS = [*OF_THE_RUN, *OF_A_WAVE, *UNDER_WAY, *SCOPES]


@pytest.mark.parametrize("row", cases(ROWS))
async def test_a_run_keeps_to_its_budgets(row: Row, tmp_path: Path) -> None:
    assert await row.found(tmp_path) == row.wanted
