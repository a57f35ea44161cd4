"""Every key of a step's rollback, as a run shows it."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fake_fleet import Ran
from tests.rule_looks import EXIT, FOLDER, LISTS, TIMEOUT, USER, after, in_turn, never, program, ran, says, sent
from tests.rule_rows import BAD, GONE, LATE, OK, Does, Row, Seen, cases

pytestmark = pytest.mark.anyio

CHECK = {"1 check": BAD}
LAST = "\n  - {name: check, run: check}"
STOP_BACK = "steps: [{name: stop, run: stop}, {name: back, run: back}]"


def pull(
    of: str,
    rule: str,
    rollback: str,
    seen: Seen,
    *,
    does: Does | None = None,
    keys: str = "",
    default: bool = False,
    remember: str = "run: head, register: before",
) -> Row:
    """A rollback of the step `pull`, which is ok; the step after it fails.

    does: what else is not ok. keys: more keys of the step. remember: the step before it.
    """
    steps = f"\n  - {{name: remember, {remember}}}\n  - {{name: pull, run: pull, rollback: {rollback}{keys}}}{LAST}"
    return Row(of=of, rule=rule, hosts="[1]", steps=steps, does={**CHECK, **(does or {})}, default=default, seen=seen)


BACK: Seen = {LISTS: {"rolled_back": "1"}, EXIT: 4}
BROKEN: Seen = {LISTS: {"rollback_failed": "1"}, EXIT: 5}
UNDONE = "remember, pull, check, undo pull"
NOT_UNDONE = "remember, pull, check"

BODIES = [
    *(pull(of, rule, rollback, {sent("undo pull"): command, ran(): UNDONE, **BACK}) for of, rule, rollback, command in (
        ("StepShape.rollback", "a text is its command", "git checkout old", "git checkout old"),
        ("StepShape.rollback", "a mapping says more", "{run: git checkout old}", "git checkout old"),
        ("RollbackShape.run", "shell text", "{run: 'a | b'}", "a | b"),
        ("RollbackShape.command", "another word for run", "{command: 'a | b'}", "a | b"),
        ("RollbackShape.shell", "another word for run, too", "{shell: 'a | b'}", "a | b"),
        ("RollbackShape.argv", "no shell reads its words", "{argv: [echo, a | b, 7]}", "echo 'a | b' 7"),
        ("RollbackShape.wait_for", "waits", "{wait_for: {seconds: 7}}", "sleep 7"),
    )),
    *(pull(f"UndoPartShape.{key}", "of one of its commands", f"{{steps: [{{name: x, {body}}}]}}",
           {sent("undo pull-x"): command, **BACK}) for key, body, command in (
        ("run", "run: 'a | b'", "a | b"),
        ("command", "command: 'a | b'", "a | b"),
        ("shell", "shell: 'a | b'", "a | b"),
        ("argv", "argv: [echo, a | b, 7]", "echo 'a | b' 7"),
        ("wait_for", "wait_for: {seconds: 7}", "sleep 7"),
    )),
    *(pull(f"VerifyShape.{key}", "of what finds out whether it worked", f"{{run: undo, verify: {{{body}}}}}",
           {sent("undo pull-verify"): command, **BACK}) for key, body, command in (
        ("run", "run: 'a | b'", "a | b"),
        ("command", "command: 'a | b'", "a | b"),
        ("shell", "shell: 'a | b'", "a | b"),
        ("argv", "argv: [echo, a | b, 7]", "echo 'a | b' 7"),
        ("wait_for", "wait_for: {seconds: 7}", "sleep 7"),
    )),
    *(pull(f"{shape}Shape.{key}", f"{rule}, {undo}", around.replace("BODY", f"{key}: {form}"),
           {program(undo, pattern): found, **BACK})
      for shape, around, undo in (("Rollback", "{BODY}", "undo pull"),
                                  ("UndoPart", "{steps: [{name: x, BODY}]}", "undo pull-x"),
                                  ("Verify", "{run: undo, verify: {BODY}}", "undo pull-verify"))
      for key, rule, form, pattern, found in (
          ("script", "a file beside the playbook, as it is", "back.sh", r"\nback to (.+)\n", "$1"),
          ("script", "with words that are no part of it", "{file: back.sh, args: [a | b]}", r"'(a \| b)'", "a | b"),
          ("copy", "a file that is put there", "{content: old, dest: /etc/app}", "(/etc/app)", "/etc/app"),
      )),
    pull("StepShape.rollback", "with what was registered on this host", "'checkout {{ before.stdout }}'",
         {sent("undo pull"): "checkout 'c0f fee'", **BACK}, does={"1 remember": Ran(stdout="c0f fee\n")}),
    pull("StepShape.rollback", "one that goes back to an empty result has failed, and is not run",
         "'checkout {{ before.stdout }}'", {ran(): NOT_UNDONE, says("nothing to go back to"): True, **BROKEN}),
    pull("StepShape.rollback", "unless it says what is right then", "\"checkout {{ before.stdout or 'main' }}\"",
         {sent("undo pull"): "checkout main", **BACK}),
    pull("StepShape.rollback", "runs as its step's user, in its folder", "undo",
         {program("undo pull", USER): "deploy", program("undo pull", FOLDER): "/srv/app", **BACK},
         keys=", user: deploy, cwd: /srv/app, env: {A: b}"),
    pull("StepShape.rollback", "and in its environment", "undo", {program("undo pull", "export (.+)"): "A=b"},
         keys=", env: {A: b}"),
]  # fmt: skip


def pulled(rule: str, ended: Ran, on: str, *, undone: bool) -> Row:
    """Whether the step `pull` is taken back where it ended so itself; then the run ends there."""
    rollback = f"{{run: undo, on: {on}}}" if on else "undo"
    seen = {
        ran(): "remember, pull, undo pull" if undone else "remember, pull",
        EXIT: 4 if undone else 6 if ended is GONE else 3,
    }
    return pull("RollbackShape.on", rule, rollback, seen, does={"1 pull": ended}, default=not on)


OUTCOMES = [
    pulled("a failed step is taken back if not given, since it may have had half an effect", BAD, "", undone=True),
    pulled("one over its time-out is, too", LATE, "", undone=True),
    pulled("an unknown outcome is not", GONE, "", undone=False),
    pulled("failed: taken back when it failed", BAD, "failed", undone=True),
    pulled("failed: not when it was over its time-out", LATE, "[failed]", undone=False),
    pulled("timed_out: taken back when it was over its time-out", LATE, "timed_out", undone=True),
    pulled("timed_out: not when it failed", BAD, "[timed_out]", undone=False),
    pulled("unknown: taken back though it may still run", GONE, "unknown", undone=True),
    pulled("all three: unknown", GONE, "[failed, timed_out, unknown]", undone=True),
    pulled("all three: failed", BAD, "[failed, timed_out, unknown]", undone=True),
    pull("RollbackShape.on", "a step that was ok is taken back whatever it says", "{run: undo, on: unknown}",
         {ran(): UNDONE, **BACK}),
    pull("RollbackShape.on", "a step that its guard skipped is not", "{run: undo, on: [failed, timed_out, unknown]}",
         {ran(): NOT_UNDONE, EXIT: 3}, does={"1 pull": Ran(ending="skipped-creates")}, keys=", creates: /x"),
    pull("RollbackShape.on", "a step that never began is not", "{run: undo, on: [failed, timed_out, unknown]}",
         {ran(): "remember", LISTS: {"failed": "1"}, EXIT: 3}, does={"1 remember": BAD}),
]  # fmt: skip


def tried(of: str, rule: str, retries: str, seen: Seen, *, times: int = 3, rollback: str = "") -> Row:
    """An undo that fails but for its last try."""
    return pull(of, rule, rollback or f"{{run: undo, retries: {{{retries}}}}}", seen,
                does={"1 undo pull": [*[BAD] * (times - 1), OK]})  # fmt: skip


def waits(*seconds: int) -> Seen:
    """How long lies between the tries of the undo."""
    found = {
        after(f"1 undo pull #{number}", f"1 undo pull #{number + 1}"): wait
        for number, wait in enumerate(seconds, start=1)
    }
    return {**found, **BACK}


TIMES = [
    pull("RollbackShape.timeout", "of one try of the undo", "{run: undo, timeout: 1m30s}",
         {program("undo pull", TIMEOUT): "90"},
         keys=", timeout: 40s"),
    pull("RollbackShape.timeout", "as a number of seconds", "{run: undo, timeout: 90}",
         {program("undo pull", TIMEOUT): "90"}),
    pull("RollbackShape.timeout", "its step's if not given", "undo", {program("undo pull", TIMEOUT): "40"},
         keys=", timeout: 40s", default=True),
    *(pull("UndoPartShape.timeout", f"of one of its commands: {form}",
           f"{{steps: [{{name: x, run: x, timeout: {form}}}], timeout: 9s}}",
           {program("undo pull-x", TIMEOUT): "60"}) for form in ("1m", "60")),
    pull("UndoPartShape.timeout", "the rollback's if not given", "{steps: [{name: x, run: x}], timeout: 9s}",
         {program("undo pull-x", TIMEOUT): "9"}, default=True),
    *(pull("VerifyShape.timeout", f"of the check: {form}",
           f"{{run: undo, timeout: 9s, verify: {{run: x, timeout: {form}}}}}",
           {program("undo pull-verify", TIMEOUT): "60"}) for form in ("1m", "60")),
    pull("RollbackShape.timeout", "over it, the undo has failed", "{run: undo, timeout: 9s}", {ran(): UNDONE, **BROKEN},
         does={"1 undo pull": LATE}),
]  # fmt: skip

RETRIES = [
    tried("RollbackShape.retries", "an undo that fails is tried again by its own", "attempts: 3, delay: 7s",
          {ran(): f"{UNDONE}, undo pull, undo pull", **waits(7, 7)}),
    pull("RollbackShape.retries", "one that has failed for good needs a person",
         "{run: undo, retries: {attempts: 2, delay: 0s}}",
         {ran(): f"{UNDONE}, undo pull", **BROKEN}, does={"1 undo pull": BAD}),
    pull("RollbackShape.retries", "without them it is tried once, whatever its step says", "undo",
         {ran(): UNDONE, **BROKEN},
         does={"1 undo pull": BAD}, keys=", retries: {attempts: 5}", default=True),
    tried("RetriesShape.attempts", "all of them, the first one included", "attempts: 2", BROKEN),
    *(tried("RetriesShape.delay", f"after the first failure: {form}", f"attempts: 2, delay: {form}", waits(60), times=2)
      for form in ("1m", "60")),
    *(tried("RetriesShape.backoff", f"what the delay is multiplied with: {form}",
            f"attempts: 4, delay: 4s, backoff: {form}", found, times=4)
      for form, found in (("2", waits(4, 8, 16)), ("1.5", waits(4, 6, 9)))),
    *(tried("RetriesShape.max_delay", f"the longest delay: {form}",
            f"attempts: 4, delay: 50s, backoff: 2, max_delay: {form}",
            waits(50, 60, 60), times=4) for form in ("1m", "60")),
    *(tried("RetriesShape.jitter", f"up to so much more by chance: {form}", f"attempts: 2, delay: 100s, jitter: {form}",
            waits(120), times=2) for form in ("40%", "40s", "40")),
    *(replace(tried(of, rule, written, found, times=1 + len(found) - len(BACK)), default=True) for of, rule, written,
      found in (
        ("RetriesShape.delay", "5s if not given", "attempts: 2", waits(5)),
        ("RetriesShape.backoff", "1 if not given", "attempts: 3, delay: 7s", waits(7, 7)),
        ("RetriesShape.max_delay", "5m if not given", "attempts: 4, delay: 200s, backoff: 2", waits(200, 300, 300)),
        ("RetriesShape.jitter", "none if not given", "attempts: 2, delay: 100s", waits(100)),
    )),
    *(pull(f"{shape}.retries", rule, rollback,
           {ran(): f"{UNDONE}{runs}", after(f"1 undo {name} #1", f"1 undo {name} #2"): 7, **BACK},
           does={f"1 undo {slot}": [BAD, OK]}) for shape, rule, rollback, runs, name, slot in (
        ("UndoPartShape", "each of several commands has its own",
         "{steps: [{name: x, run: x, retries: {attempts: 2, delay: 7s}}]}", "-x, undo pull-x",
         "pull/x", "pull-x"),
        ("VerifyShape", "the check has its own", "{run: undo, verify: {run: x, retries: {attempts: 2, delay: 7s}}}",
         ", undo pull-verify, undo pull-verify", "pull/verify", "pull-verify"),
    )),
]  # fmt: skip

CONDITIONS = [
    *(pull("RollbackShape.when", f"where it is false the step need not be taken back: {form}",
           f"{{run: undo, when: {form}, verify: x}}",
           {ran(): NOT_UNDONE, LISTS: {"failed": "1"}, EXIT: 3, says("pull: not taken back, when is false"): True})
      for form in ("before.stdout == 'old'", "false")),
    *(pull("RollbackShape.when", f"where it is true the step is taken back: {form}", f"{{run: undo, when: {form}}}",
           {ran(): UNDONE, **BACK})
      for form in ("before.ok", "true")),
    pull("RollbackShape.when", "where it cannot be decided the undo has failed, and nothing is run",
         "{run: undo, when: before.ok}",
         {ran(): "pull, check", **BROKEN}, remember="run: head, register: before, when: vmid == '2'"),
    pull("RollbackShape.steps", "several commands, in their order", f"{{{STOP_BACK}}}",
         {ran(): f"{UNDONE}-stop, undo pull-back", **BACK}),
    pull("RollbackShape.steps", "one that fails holds up those after it", f"{{{STOP_BACK}}}",
         {ran(): f"{UNDONE}-stop", **BROKEN},
         does={"1 undo pull-stop": BAD}),
    pull("UndoPartShape.name", "they are called STEP/NAME", f"{{{STOP_BACK}}}",
         {in_turn("1 undo pull/stop", "1 undo pull/back"): True}),
    pull("UndoPartShape.name", "taken from the command if not given", "{steps: [{run: systemctl stop app}]}",
         {in_turn("1 undo pull/systemctl stop"): True}, default=True),
    *(pull("RollbackShape.verify", f"run after the undo: {form}", f"{{run: undo, verify: {form}}}",
           {ran(): f"{UNDONE}, undo pull-verify", sent("undo pull-verify"): "look", **BACK}) for form in ("look",
                "{run: look}")),
    pull("RollbackShape.verify", "the undo has failed if this does", "{run: undo, verify: look}",
         {ran(): f"{UNDONE}, undo pull-verify", **BROKEN}, does={"1 undo pull-verify": BAD}),
    pull("RollbackShape.verify", "not run where the undo has failed", "{run: undo, verify: look}",
         {ran(): UNDONE, **BROKEN},
         does={"1 undo pull": BAD}),
]  # fmt: skip

ORDER = [
    Row(of="StepShape.rollback", rule="the failed step's own undo runs, too, newest first", hosts="[1]",
        does={"1 two": BAD},
        seen={ran(): "one, two, undo two, undo one", **BACK}),
    Row(of="StepShape.rollback", rule="when an undo has failed the older ones are not begun", hosts="[1]",
        does={"1 two": BAD, "1 undo two": BAD},
        seen={ran(): "one, two, undo two", never("1 undo one"): True, **BROKEN}),
    Row(of="StepShape.rollback", rule="without one nothing is taken back: the host is failed", hosts="[1]",
        default=True,
        steps="\n  - {name: one, run: one}", does={"1 one": BAD}, seen={ran(): "one", LISTS: {"failed": "1"}, EXIT: 3}),
]  # fmt: skip

ROWS = [*BODIES, *OUTCOMES, *TIMES, *RETRIES, *CONDITIONS, *ORDER]


@pytest.mark.parametrize("row", cases(ROWS))
async def test_a_step_is_taken_back_by_its_rollback(row: Row, tmp_path: Path) -> None:
    assert await row.found(tmp_path) == row.wanted
