"""Whole runs on a fleet in memory: what a copy says it changed, and what is kept of a secret step."""

from pathlib import Path

import pytest

from orchestrator import codec
from orchestrator.model.event import AttemptEnded, UndoEnded
from orchestrator.model.host import Host
from orchestrator.model.playbook import Outcome
from orchestrator.ports import Exited, NotStarted, PollReply, ProbeReply, Refusal, StartReply
from orchestrator.providers.memory import Kind
from tests.fake_fleet import Ran, Script
from tests.small_run import Ended, drive, plan_of

pytestmark = pytest.mark.anyio

COPY = """
vmids: [1]
steps:
  - {{name: put, copy: {{content: 'x', dest: /etc/x}}, handlers: [restart], {keys}}}
handlers:
  - {{name: restart, run: restart}}
"""


def ends(ended: Ended) -> list[tuple[Outcome, bool]]:
    return [(e.outcome, e.changed) for e in ended.events if isinstance(e, AttemptEnded) and e.step == "put"]


@pytest.mark.parametrize(
    ("said", "keys", "changed"),
    [
        ("created\n", "", True),
        ("changed\n", "", True),
        ("unchanged\n", "", False),
        ("unchanged\n", "changed_when: true", True),
        ("changed\n", "changed_when: false", False),
        ("unchanged\n", "until: result.ok", False),
        ("unchanged\n", "secret: true", False),
        ("changed\n", "secret: true", True),
    ],
)
async def test_a_copy_calls_handlers_only_where_it_has_changed_something(
    tmp_path: Path, said: str, keys: str, changed: bool
) -> None:
    text = COPY.format(keys=keys).replace("dest: /etc/x", "dest: /etc/x, mode: '0600'")
    ended = await drive(plan_of(tmp_path, text), lambda *_: Ran(stdout=said))
    assert ends(ended) == [(Outcome.OK, changed)]
    assert ("01-restart" in ended.slots_of("1")) is changed
    assert ended.exit == 0


async def test_a_copy_that_finds_done_what_an_earlier_attempt_may_have_done_has_changed_it(tmp_path: Path) -> None:
    def script(host: str, slot: str, attempt: int) -> Ran:
        return Ran(ending="lost") if (slot, attempt) == ("00-put", 1) else Ran(stdout="unchanged\n")

    ended = await drive(plan_of(tmp_path, COPY.format(keys="idempotent: true")), script)
    assert ends(ended) == [(Outcome.FAILED, True), (Outcome.OK, True)]
    assert "01-restart" in ended.slots_of("1")


WORD = "hunter2"
TOLD = """
vmids: [1]
vars: {{word: hunter2}}
steps:
  - name: login
    run: login {{{{ word }}}}
    secret: true
    env: {{WORD: '{{{{ word }}}}'}}
    rollback: leave {{{{ word }}}}
    {keys}
  - {{name: next, run: 'false'}}
"""


def kept(ended: Ended) -> str:
    """All that the journal has besides the plan."""
    return "".join(codec.canonical(codec.to_json(event)).decode() for event in ended.events)


@pytest.mark.parametrize(
    ("keys", "script", "outcome"),
    [
        ("timeout: 1m", Ran(stdout=WORD, stderr=WORD), Outcome.OK),
        ("timeout: 1m", Ran(stdout=WORD, stderr=WORD, exit_code=1), Outcome.FAILED),
        ("timeout: 1m", Ran(stdout=WORD, ending="late", exit_code=143), Outcome.TIMED_OUT),
        ("failed_when: result.stdout != 'hunter2'", Ran(stdout=WORD), Outcome.OK),
        ("until: result.stdout == 'x'", Ran(stdout=WORD), Outcome.FAILED),
        ("unless: check {{ word }}", Ran(stdout=WORD, ending="skipped-unless"), Outcome.OK),
        ("exec: plain", Ran(stdout=WORD, stderr=WORD, exit_code=1), Outcome.FAILED),
    ],
)
async def test_no_event_has_what_a_secret_step_runs_or_prints(
    tmp_path: Path, keys: str, script: Ran, outcome: Outcome
) -> None:
    def secretive(host: str, slot: str, attempt: int) -> Ran:
        return Ran(exit_code=1) if "next" in slot or slot == "false" else script

    scripted: Script = secretive
    plan = plan_of(tmp_path, TOLD.format(keys=keys))
    ended = await drive(plan, scripted)
    found = [e for e in ended.events if isinstance(e, AttemptEnded | UndoEnded) and e.step == "login"]
    assert found[0].outcome is outcome
    assert all(e.result and (e.result.stdout, e.result.stderr) == ("(secret)", "") for e in found)
    assert WORD not in kept(ended)
    assert WORD in "".join(call.command for call in ended.provider.calls), "it was really sent"


async def test_the_words_of_a_provider_that_quotes_a_secret_command_are_not_kept(tmp_path: Path) -> None:
    blocked = NotStarted(refusal=Refusal.BLOCKED, message=f"will not run: login {WORD}")
    plan = plan_of(tmp_path, TOLD.format(keys="timeout: 1m"))
    ended = await drive(plan, fault=lambda kind, host: blocked if kind == "start" else None)
    details = [e.detail for e in ended.events if isinstance(e, AttemptEnded)]
    assert details[:1] == ["blocked (secret)"]
    assert WORD not in kept(ended)


async def test_a_result_that_is_not_the_secret_steps_own_is_not_quoted(tmp_path: Path) -> None:
    def garbled(kind: Kind, host: Host) -> StartReply | PollReply | ProbeReply | None:
        return Exited(exit_code=0, stdout=f"half of it: {WORD}", stderr="") if kind == "poll" else None

    ended = await drive(plan_of(tmp_path, TOLD.format(keys="timeout: 1s")), fault=garbled)
    details = [e.detail for e in ended.events if isinstance(e, AttemptEnded)]
    assert "the result was not this attempt's: (secret)" in details[0]
    assert WORD not in kept(ended)
