"""What follows a failure besides the undos, and what is run once or last, as a run shows it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.model.request import Act
from tests.fake_fleet import Ran
from tests.rule_looks import CAUSE, EXIT, LISTS, SAID, STATUS, in_turn, ran, says, sent
from tests.rule_rows import BAD, OK, Does, Row, Seen, cases

pytestmark = pytest.mark.anyio


FIRST = "\n  - {name: one, run: one, rollback: undo one}\n"


def failing(
    rule: str,
    on_failure: str,
    seen: Seen,
    *,
    rollout: str = "",
    does: Does | None = None,
    answers: Sequence[tuple[str, Act]] = (),
    default: bool = False,
) -> Row:
    """The second of three steps fails on host 1 of two; on_failure is that step's."""
    written = f", on_failure: {on_failure}" if on_failure else ""
    steps = f"{FIRST}  - {{name: two, run: two, rollback: undo two{written}}}\n  - {{name: three, run: three}}"
    return Row(of="StepShape.on_failure", rule=rule, hosts="[1, 2]", rollout=rollout, steps=steps, default=default,
               does={"1 two": BAD} if does is None else does, answers=answers,
               rest="finally: [{name: end, run: end}]", seen=seen)  # fmt: skip


BACK = "one, two, undo two, undo one, end"

ON_FAILURE = [
    failing("rollback: the host takes itself back", "rollback",
            {ran(): BACK, LISTS: {"rolled_back": "1", "ok": "2"}, EXIT: 4},
            rollout="{max_failures: 1}"),
    failing("rollback if not given", "", {ran(): BACK, LISTS: {"rolled_back": "1", "ok": "2"}, EXIT: 4},
            rollout="{max_failures: 1}", default=True),
    failing("leave: the host goes no further and nothing is undone", "leave",
            {ran(): "one, two, end", LISTS: {"failed": "1", "ok": "2"}, EXIT: 3}, rollout="{max_failures: 1}"),
    failing("leave: also where its wave is taken back", "leave",
            {ran(): "one, two, end", LISTS: {"failed": "1", "rolled_back": "2"}, EXIT: 3},
            rollout="{rollback: wave}"),
    failing("continue: the host goes on, and the failure counts for nothing", "continue",
            {ran(): "one, two, three, end", LISTS: {"ok": "1 2"}, EXIT: 0}),
    failing("continue: not from what may still be running", "continue", {ran(): "one, two, undo one, end", EXIT: 4},
            does={"1 two": Ran(ending="stuck")}),
    failing("continue: the step's own undo is owed where the host is taken back later", "continue",
            {ran(): "one, two, three, undo two, undo one, end", EXIT: 4}, does={"1 two": BAD, "1 three": BAD}),
    failing("pause: the run waits for a person, the others go on", "pause",
            {STATUS: "waiting", ran(): "one, two", ran("2"): "one, two, three, end",
             SAID: "waiting: a person has to say how 1 host goes on"}),
    failing("pause: retry runs the step once more", "pause", {ran(): "one, two, two, three, end", EXIT: 0},
            does={"1 two": [BAD, OK]}, answers=[("1", Act.RETRY)]),
    failing("pause: skip goes on with the next step", "pause", {ran(): "one, two, three, end", EXIT: 0},
            answers=[("1", Act.SKIP)]),
    failing("pause: fail is a failure like any other", "pause", {ran(): BACK, EXIT: 4}, answers=[("1", Act.FAIL)]),
    failing("pause: the question lapses where the run goes no further", "pause",
            {ran(): BACK, says("1  two: failed, says orc"): True, EXIT: 4},
            does={"1 two": BAD, "2 three": Ran(exit_code=1, duration=60)}),
    failing("abort: the run stops at once, nothing but finally is started, nothing is undone", "abort",
            {ran(): "one, two, end", ran("2"): "one, end", LISTS: {"failed": "1", "stopped": "2"}, STATUS: "aborted",
             EXIT: 3,
             CAUSE: "a step whose on_failure is abort failed on 1 host"},
             does={"1 two": BAD, "2 one": Ran(duration=60)},
            rollout="{max_failures: 2, rollback: run}"),
]  # fmt: skip


def once(rule: str, how: str, seen: Seen, *, rollout: str = "", does: Does | None = None, default: bool = False) -> Row:
    """A step that runs once, between two that run everywhere, on three hosts."""
    written = f", run_once: {how}" if how else ""
    steps = (f"\n  - {{name: before, run: b}}\n  - {{name: once, run: o, rollback: undo, register: r{written}}}"
             "\n  - {name: then, run: 'echo {{ r.stdout }}', rollback: back}")  # fmt: skip
    return Row(
        of="StepShape.run_once", rule=rule, rollout=rollout, steps=steps, does=does or {}, default=default, seen=seen
    )


HERE, ELSEWHERE = "before, once, then", "before, then"

RUN_ONCE = [
    once("run: on the first host of its first wave only", "run",
         {ran("1"): HERE, ran("2"): ELSEWHERE, ran("3"): ELSEWHERE, EXIT: 0},
         rollout="{waves: [2, 1]}"),
    once("wave: on the first host of each wave", "wave", {ran("1"): HERE, ran("2"): ELSEWHERE, ran("3"): HERE},
         rollout="{waves: [2, 1]}"),
    once("on every host if not given", "", {ran("1"): HERE, ran("2"): HERE, ran("3"): HERE}, default=True),
    once("the others wait with what comes after it, and do before it what they can", "run",
         {in_turn("2 before", "1 once", "1 once ended", "2 then"): True,
          in_turn("3 before ended", "1 once ended", "3 then"): True},
         does={"1 once": Ran(duration=60)}),
    once("its result is there on every host", "run", {sent("then", "3"): "echo 'v 7'"},
         does={"1 once": Ran(stdout="v 7\n")}),
    once("where it fails nobody goes past it, whatever the budget", "run",
         {ran("2"): "before", LISTS: {"rolled_back": "1", "stopped": "2 3"},
          CAUSE: "the host failed on which a step runs once for all of them"},
         rollout="{max_failures: 3}", does={"1 once": BAD}),
    once("it is not undone while others rely on it", "run",
         {ran("1"): f"{HERE}, undo then", says("1  once: not taken back, it runs once"): True},
         rollout="{max_failures: 3}", does={"1 then": Ran(exit_code=1, duration=5)}),
    once("where the whole run is taken back that host goes last", "run",
         {ran("1"): f"{HERE}, undo then, undo once", LISTS: {"rolled_back": "1 2 3"},
          in_turn("2 undo then ended", "1 undo then"): True, in_turn("3 undo then ended", "1 undo then"): True},
         rollout="{rollback: run}", does={"1 then": Ran(duration=30), "2 then": BAD, "3 then": Ran(duration=60)}),
]  # fmt: skip

CONFIG = "\n  - {name: config, run: c, rollback: undo, handlers: FORM}\n  - {name: check, run: check}"
TWO = "handlers:\n  - {name: restart, run: r}\n  - {name: reload, run: l}"


def handled(of: str, rule: str, called: str, seen: Seen, *, does: Does | None = None, rollout: str = "") -> Row:
    """A step that calls handlers and has an undo, and one after it; the handlers restart and reload, in this order."""
    steps = CONFIG.replace("FORM", called)
    return Row(of=of, rule=rule, hosts="[1]", steps=steps, does=does or {}, rollout=rollout, rest=TWO, seen=seen)


UNDONE = "config, check, undo config"

HANDLERS = [
    handled("StepShape.handlers", "one name", "restart", {ran(): "config, check, restart", EXIT: 0}),
    handled("StepShape.handlers", "several, each once, in their section's order", "[reload, restart]",
            {ran(): "config, check, restart, reload"}),
    handled("StepShape.handlers", "an empty list calls none", "[]", {ran(): "config, check", EXIT: 0}),
    handled("StepShape.handlers", "a step that its guard skipped calls none", "restart, creates: /x",
            {ran(): "config, check", EXIT: 0},
            does={"1 config": Ran(ending="skipped-creates")}),
    handled("StepShape.handlers", "an undo calls those of its step, after all undos", "restart",
            {ran(): f"{UNDONE}, restart", LISTS: {"rolled_back": "1"}}, does={"1 check": BAD}),
    handled("PlaybookShape.handlers", "run also on a host that failed and stays", "restart",
            {ran(): "config, check, restart", LISTS: {"failed": "1"}}, does={"1 check": BAD},
            rollout="{rollback: none}"),
    handled("PlaybookShape.handlers", "one that fails fails the host, and is owed again after the undo", "restart",
            {ran(): "config, check, restart, undo config, restart", LISTS: {"rolled_back": "1"}},
            does={"1 restart": [BAD, OK]}),
    handled("PlaybookShape.handlers", "one that fails after the undos needs a person", "restart",
            {LISTS: {"rollback_failed": "1"}, EXIT: 5}, does={"1 restart": BAD}),
    handled("PlaybookShape.handlers", "one that fails does not hold up the next", "[restart, reload]",
            {ran(): "config, check, restart, reload", LISTS: {"failed": "1"}}, does={"1 restart": BAD},
            rollout="{rollback: none}"),
    handled("PlaybookShape.handlers", "not run after an undo that failed", "restart", {ran(): UNDONE, EXIT: 5},
            does={"1 check": BAD, "1 undo config": BAD}),
]  # fmt: skip


def ends(of: str, rule: str, rest: str, seen: Seen, *, does: Does | None = None, rollout: str = "") -> Row:
    """Two hosts with steps one and two and their undos."""
    key = f"PlaybookShape.{of}"
    return Row(of=key, rule=rule, hosts="[1, 2]", does=does or {}, rollout=rollout, rest=rest, seen=seen)


AGAIN = "after_rollback: [{name: again, run: a}, {name: more, run: m}]"
END = "finally: [{name: end, run: e}, {name: last, run: l}]"

ENDS = [
    ends("after_rollback", "run once all undos are done, where there were any", AGAIN,
         {ran("1"): "one, two, undo two, undo one, again, more", ran("2"): "one, two", EXIT: 4}, does={"1 two": BAD}),
    ends("after_rollback", "a step of it that fails needs a person", AGAIN,
         {LISTS: {"rollback_failed": "1", "ok": "2"}, EXIT: 5},
         does={"1 two": BAD, "1 again": BAD}),
    ends("after_rollback", "not run where an undo has failed", AGAIN, {ran("1"): "one, two, undo two", EXIT: 5},
         does={"1 two": BAD, "1 undo two": BAD}),
    ends("finally", "run last on every host on which anything was run", f"{AGAIN}\n{END}",
         {ran("1"): "one, two, undo two, undo one, again, more, end, last", ran("2"): "one, two, end, last"},
         does={"1 two": BAD}),
    ends("finally", "also on one that was stopped", END,
         {ran("2"): "one, end, last", LISTS: {"rolled_back": "1", "stopped": "2"}},
         does={"1 one": BAD, "2 one": Ran(duration=60)}),
    ends("finally", "also where the rollback has failed", END, {ran("1"): "one, two, undo two, end, last", EXIT: 5},
         does={"1 two": BAD, "1 undo two": BAD}),
    ends("finally", "not on one that was never touched", END,
         {ran("2"): "", LISTS: {"rolled_back": "1", "never_started": "2"}},
         does={"1 two": BAD}, rollout="{max_parallel: 1}"),
    ends("finally", "a step of it that fails does not hold up the next, and fails the host", END,
         {ran("1"): "one, two, end, last", LISTS: {"failed": "1", "ok": "2"}, EXIT: 3}, does={"1 end": BAD}),
    ends("finally", "again on a host that is taken back later", END,
         {ran("1"): "one, two, end, last, undo two, undo one, end, last", LISTS: {"rolled_back": "1 2"}},
         does={"2 two": BAD}, rollout="{rollback: wave, max_parallel: 1}"),
    Row(of="StepShape.irreversible", rule="the step stays done, and the others are undone", hosts="[1]",
        does={"1 two": BAD},
        steps=f"{FIRST}  - {{name: pay, run: pay, irreversible: true}}\n  - {{name: two, run: two}}",
        seen={ran(): "one, pay, two, undo one", LISTS: {"rolled_back": "1"}, EXIT: 4}),
]  # fmt: skip

ROWS = [*ON_FAILURE, *RUN_ONCE, *HANDLERS, *ENDS]


@pytest.mark.parametrize("row", cases(ROWS))
async def test_a_host_ends_as_its_playbook_says(row: Row, tmp_path: Path) -> None:
    assert await row.found(tmp_path) == row.wanted
