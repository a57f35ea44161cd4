"""What may not be written about rollbacks and endings: each with its place, and what to write instead."""

from pathlib import Path

import pytest

from tests.refused import Refused, cases, lines_about

ROWS = [
    Refused("StepShape.rollback", "steps: [{name: one, run: one, rollback: «''}]",
            "steps[0].rollback: the command is empty: write one, or remove the step"),
    Refused("StepShape.rollback", "steps: [{name: one, run: one, rollback: «{}}]",
            "steps[0].rollback: run or argv or script or copy or wait_for is missing, "
            "write exactly one of them"),
    Refused("RollbackShape.run", "steps: [{name: one, run: one, rollback: {run: «''}}]",
            "steps[0].rollback.run: the command is empty: write one, or remove the step"),
    Refused("RollbackShape.run", "steps: [{name: one, run: one, rollback: {run: a, «argv: [b]}}]",
            "steps[0].rollback.argv: run and argv exclude each other, keep one of them"),
    Refused("RollbackShape.run", "steps: [{name: one, run: one, rollback: {run: a, «user: x}}]",
            "steps[0].rollback.user: unknown key user, leave it out: an undo has its step's"),
    Refused("RollbackShape.command", "steps: [{name: one, run: one, rollback: {command: «''}}]",
            "steps[0].rollback.command: the command is empty: write one, or remove the step"),
    Refused("RollbackShape.shell", "steps: [{name: one, run: one, rollback: {shell: «''}}]",
            "steps[0].rollback.shell: the command is empty: write one, or remove the step"),
    Refused("RollbackShape.argv", "steps: [{name: one, run: one, rollback: {argv: «[]}}]",
            "steps[0].rollback.argv: must be a list, "
            "a program and its arguments, such as [systemctl, restart, web]"),
    Refused("RollbackShape.script", "steps: [{name: one, run: one, rollback: {script: «none.sh}}]",
            "steps[0].rollback.script: there is no file none.sh, names begin in the playbook's folder"),
    Refused("UndoPartShape.script", "steps: [{name: one, run: one, rollback: {steps: [{script: «../back.sh}]}}]",
            "steps[0].rollback.steps[0].script: ../back.sh leads out of the project, "
            "name a file in the project's folder, or beside the playbook"),
    Refused("VerifyShape.script", "steps: [{name: one, run: one, rollback: {run: a, verify: {script: «''}}}]",
            "steps[0].rollback.verify.script: must be the name of a file, or a mapping with file and args"),
    Refused("RollbackShape.copy", "steps: [{name: one, run: one, rollback: {copy: «{content: a}}}]",
            "steps[0].rollback.copy: dest must be the whole name that the file has in the guest"),
    Refused("RollbackShape.on", "steps: [{name: one, run: one, rollback: {run: a, on: «ok}}]",
            "steps[0].rollback.on: must be failed, timed_out or unknown"),
    Refused("RollbackShape.on", "steps: [{name: one, run: one, rollback: {run: a, on: [failed, «lost]}}]",
            "steps[0].rollback.on[1]: must be failed, timed_out or unknown"),
    Refused("RollbackShape.timeout", "steps: [{name: one, run: one, rollback: {run: a, timeout: «0}}]",
            "steps[0].rollback.timeout: must be longer than 0s"),
    Refused("RollbackShape.when", "steps: [{name: one, run: one, rollback: {run: a, when: «''}}]",
            "steps[0].rollback.when: is empty, give it a value, or remove the key"),
    Refused("RollbackShape.steps", "steps: [{name: one, run: one, rollback: {steps: «[]}}]",
            "steps[0].rollback.steps: is empty, such as `steps: [{name: stop, run: systemctl stop app}, {run: "
            "./migrate down}]`"),
    Refused("RollbackShape.steps",
            "steps: [{name: one, run: one, rollback: {steps: [{run: a}], «retries: {attempts: 2}}}]",
            "steps[0].rollback.retries: each of the steps has retries of its own, write it there"),
    Refused("UndoPartShape.name", "steps: [{name: one, run: one, rollback: {steps: [{run: a, name: «''}]}}]",
            "steps[0].rollback.steps[0].name: is empty, give it a value, or remove the key"),
    Refused("UndoPartShape.name",
            "steps: [«{name: one, run: one, rollback: {steps: [{name: x, run: a}, {name: x, run: b}]}}]",
            "two commands that take steps back are called 'one/x', give one of them another name"),
    Refused("UndoPartShape.timeout", "steps: [{name: one, run: one, rollback: {steps: [{run: a, timeout: «0}]}}]",
            "steps[0].rollback.steps[0].timeout: must be longer than 0s"),
    Refused("UndoPartShape.run", "steps: [{name: one, run: one, rollback: {steps: [«{}]}}]",
            "steps[0].rollback.steps[0]: run or argv or script or copy or wait_for is missing, "
            "write exactly one of them"),
    Refused("UndoPartShape.run", "steps: [{name: one, run: one, rollback: {steps: [{run: «''}]}}]",
            "steps[0].rollback.steps[0].run: the command is empty: write one, or remove the step"),
    Refused("UndoPartShape.run", "steps: [{name: one, run: one, rollback: {steps: [{run: a, «when: b}]}}]",
            "steps[0].rollback.steps[0].when: unknown key when, write it beside `steps`: it is decided once "
            "for the whole rollback"),
    Refused("UndoPartShape.command", "steps: [{name: one, run: one, rollback: {steps: [{command: «''}]}}]",
            "steps[0].rollback.steps[0].command: the command is empty: write one, or remove the step"),
    Refused("UndoPartShape.shell", "steps: [{name: one, run: one, rollback: {steps: [{shell: «''}]}}]",
            "steps[0].rollback.steps[0].shell: the command is empty: write one, or remove the step"),
    Refused("UndoPartShape.argv", "steps: [{name: one, run: one, rollback: {steps: [{argv: «[]}]}}]",
            "steps[0].rollback.steps[0].argv: must be a list, "
            "a program and its arguments, such as [systemctl, restart, web]"),
    Refused("RollbackShape.verify", "steps: [{name: one, run: one, rollback: {run: a, verify: «{}}}]",
            "steps[0].rollback.verify: run or argv or script or copy or wait_for is missing, "
            "write exactly one of them"),
    Refused("VerifyShape.run", "steps: [{name: one, run: one, rollback: {run: a, verify: «''}}]",
            "steps[0].rollback.verify: the command is empty: write one, or remove the step"),
    Refused("VerifyShape.run", "steps: [{name: one, run: one, rollback: {run: a, verify: {run: «''}}}]",
            "steps[0].rollback.verify.run: the command is empty: write one, or remove the step"),
    Refused("VerifyShape.command", "steps: [{name: one, run: one, rollback: {run: a, verify: {command: «''}}}]",
            "steps[0].rollback.verify.command: the command is empty: write one, or remove the step"),
    Refused("VerifyShape.shell", "steps: [{name: one, run: one, rollback: {run: a, verify: {shell: «''}}}]",
            "steps[0].rollback.verify.shell: the command is empty: write one, or remove the step"),
    Refused("VerifyShape.argv", "steps: [{name: one, run: one, rollback: {run: a, verify: {argv: «[]}}}]",
            "steps[0].rollback.verify.argv: must be a list, "
            "a program and its arguments, such as [systemctl, restart, web]"),
    Refused("VerifyShape.timeout", "steps: [{name: one, run: one, rollback: {run: a, verify: {run: a, timeout: «0}}}]",
            "steps[0].rollback.verify.timeout: must be longer than 0s"),
    Refused("RollbackShape.retries", "steps: [{name: one, run: one, rollback: {run: a, retries: «3}}]",
            "steps[0].rollback.retries: must be a mapping, not a number, such as `retries: {attempts: 3, delay: 5s}`"),
    Refused("RetriesShape.attempts", "steps: [{name: one, run: one, rollback: {run: a, retries: «{}}}]",
            "steps[0].rollback.retries: missing key attempts, such as `attempts: 3`"),
    Refused("RetriesShape.attempts", "steps: [{name: one, run: one, rollback: {run: a, retries: {attempts: «0}}}]",
            "steps[0].rollback.retries.attempts: must be at least 1, such as `attempts: 3`"),
    Refused("RetriesShape.attempts", "steps: [{name: one, run: one, rollback: {run: a, retries: {attempts: «1001}}}]",
            "steps[0].rollback.retries.attempts: must be at most 1000, such as `attempts: 3`"),
    Refused("RetriesShape.delay",
            "steps: [{name: one, run: one, rollback: {run: a, retries: {attempts: 2, delay: «-1}}}]",
            "steps[0].rollback.retries.delay: must be a duration, such as 30s, 5m, 1h30m or 2d, of at most 366d"),
    Refused("RetriesShape.backoff",
            "steps: [{name: one, run: one, rollback: {run: a, retries: {attempts: 2, backoff: «0.5}}}]",
            "steps[0].rollback.retries.backoff: must be at least 1, such as `backoff: 2`"),
    Refused("RetriesShape.max_delay",
            "steps: [{name: one, run: one, rollback: {run: a, retries: {attempts: 2, max_delay: «x}}}]",
            "steps[0].rollback.retries.max_delay: must be a duration, such as 30s, 5m, 1h30m or 2d, of at most 366d"),
    Refused("RetriesShape.jitter",
            "steps: [{name: one, run: one, rollback: {run: a, retries: {attempts: 2, jitter: «200%}}}]",
            "steps[0].rollback.retries.jitter: must be a percentage up to 100%, such as 10%, or a duration, "
            "such as 2s"),
    Refused("StepShape.irreversible", "steps: [{name: one, run: one, «irreversible: true, rollback: a}]",
            "steps[0].irreversible: a step with a rollback is not irreversible, keep one of them"),
    Refused("StepShape.irreversible", "steps: [{name: one, run: one, irreversible: «perhaps}]",
            "steps[0].irreversible: must be true or false, not text, such as `irreversible: true`"),
    Refused("StepShape.on_failure", "steps: [{name: one, run: one, on_failure: «ignore}]",
            "steps[0].on_failure: must be rollback, leave, continue, pause or abort"),
    Refused("StepShape.run_once", "steps: [{name: one, run: one, run_once: «host}]",
            "steps[0].run_once: must be run or wave"),
    Refused("StepShape.handlers", "steps: [{name: one, run: one, handlers: «restart}]",
            "steps[0].handlers: no handler is called restart, write it under handlers"),
    Refused("RollbackShape.wait_for", "steps: [{name: one, run: one, rollback: {wait_for: «5}}]",
            "steps[0].rollback.wait_for: must be a mapping with one of port, path, url, seconds, such as {port: 8000}"),
    Refused("UndoPartShape.wait_for", "steps: [{name: one, run: one, rollback: {steps: [{wait_for: «{port: 0}}]}}]",
            "steps[0].rollback.steps[0].wait_for: port must be a whole number from 1 to 65,535, or a template of one"),
    Refused("VerifyShape.wait_for",
            "steps: [{name: one, run: one, rollback: {run: a, verify: {wait_for: «{port: 8000, path: /x}}}}]",
            "steps[0].rollback.verify.wait_for: must be a mapping with one of port, path, url, seconds, such "
            "as {port: 8000}"),
    Refused("PlaybookShape.after_rollback", "after_rollback: [{run: a, «rollback: b}]",
            "after_rollback[0].rollback: rollback means something in steps only, not in after_rollback, leave it out"),
    Refused("PlaybookShape.after_rollback", "after_rollback: «{run: a}",
            "after_rollback: must be a list, not a mapping"),
    Refused("PlaybookShape.finally", "finally: [{run: a, «irreversible: true}]",
            "finally[0].irreversible: irreversible means something in steps only, not in finally, leave it out"),
    Refused("PlaybookShape.finally", "finally: «a",
            "finally: must be a list, not text"),
    Refused("PlaybookShape.handlers", "handlers: [«{run: a}]",
            "handlers[0]: a handler without a name can be called by nobody, give it a name"),
    Refused("PlaybookShape.handlers", "handlers: [{name: a, run: a, «on_failure: leave}]",
            "handlers[0].on_failure: on_failure means something in steps only, not in handlers, leave it out"),
]  # fmt: skip


@pytest.mark.parametrize("row", cases(ROWS))
def test_a_wrong_rollback_is_refused_with_its_place_and_the_fix(
    row: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert lines_about(row, tmp_path) == [row.wanted]
