"""Every key of a gate, and of the bakes and gates of a rollout and its waves, as a run shows it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.controller import ThisMachine
from orchestrator.model.gate import CommandLost, CommandRan, Fetched, NotFetched, UrlReply, UrlWatch
from orchestrator.model.request import Act
from tests.rule_looks import CAUSE, EXIT, GATES, LISTS, SAID, STATUS, Look, after, in_turn, never, says
from tests.rule_rows import BAD, Row, cases, each
from tests.small_run import FakeController, Said

pytestmark = pytest.mark.anyio

GOOD, ILL, NONE = Fetched(status=200, text="all is ok"), Fetched(status=500), NotFetched(why="no answer: refused")
DAY = 86400


@dataclass
class Asked(FakeController):
    """Answers by a list, only at one address."""

    only: str = "http://127.0.0.1/health"

    async def fetch(self, gate: UrlWatch) -> UrlReply:
        reply = await super().fetch(gate)
        return reply if gate.get == self.only else NotFetched(why=f"nobody is at {gate.get}")


def passed(*gates: str, by: str = "orc") -> list[str]:
    """What is told of gates that have passed: `bake 1` is the one after the first wave."""
    split = [gate.rsplit(" ", 1) for gate in gates]
    return [f"after wave {wave}, {name}: passed, says {by}" for name, wave in split]


BETWEEN = [
    *each(Row(of="RolloutShape.bake", rule="waits so long after each wave, also the last",
              rollout="{waves: [1, 2], bake: FORM}",
              seen={after("bake asked after 1", "wave 2"): 600, after("bake asked after 2", "end"): 600, EXIT: 0}),
          "10m", "600"),
    Row(of="RolloutShape.bake", rule="none if not given", default=True, rollout="{waves: [1, 2]}",
        seen={never("bake asked after 1"): True, after("1 settled", "wave 2"): 0}),
    Row(of="RolloutShape.gates", rule="asked after each wave, in their order, bake first",
        rollout="{waves: [1, 2], gates: [{name: b, bake: 5s}, {name: a, bake: 1s}], bake: 9s}",
        seen={GATES: passed("bake 1", "b 1", "a 1", "bake 2", "b 2", "a 2"),
              in_turn("1 settled", "bake asked after 1", "bake answered after 1", "b asked after 1",
                      "b answered after 1", "a asked after 1", "a answered after 1", "wave 2"): True}),
    Row(of="RolloutShape.gates", rule="one that fails after the last wave is no success",
        rollout="{rollback: run, gates: [{command: {run: x, on: controller}}]}",
        controller=lambda: FakeController(command=CommandRan(exit_code=1)),
        seen={LISTS: {"rolled_back": "1 2 3"}, EXIT: 4, CAUSE: "command after wave 1 did not pass: exit status 1"}),
    Row(of="RolloutShape.gates", rule="one that fails stops the run, and takes back by its rollback",
        rollout="{waves: [1, 2], rollback: host, gates: [{command: {run: x, on: controller}}]}",
        controller=lambda: FakeController(command=CommandRan(exit_code=1)),
        seen={LISTS: {"ok": "1", "never_started": "2 3"}, EXIT: 3}),
    Row(of="RolloutShape.gates", rule="none is asked once a budget is over", rollout="{gates: [{bake: 5m}]}",
        does={"1 one": BAD},
        seen={never("bake asked after 1"): True, EXIT: 4}),
    Row(of="WaveShape.gates", rule="in place of the rollout's",
        rollout="{waves: [{size: 1, gates: [{bake: 7s}]}, 2], gates: [{name: g, bake: 1s}]}",
        seen={GATES: passed("bake 1", "g 2")}),
    Row(of="WaveShape.gates", rule="an empty list means none",
        rollout="{waves: [{size: 1, gates: []}, 2], gates: [{name: g, bake: 1s}]}",
        seen={GATES: passed("g 2")}),
    *each(Row(of="WaveShape.bake", rule="in place of the rollout's",
              rollout="{waves: [{size: 1, bake: FORM}, 2], bake: 5s}",
              seen={after("bake asked after 1", "wave 2"): 60, after("bake asked after 2", "end"): 5}), "1m", "60"),
    *each(Row(of="WaveShape.bake", rule="none at all", rollout="{waves: [{size: 1, bake: FORM}, 2], bake: 5s}",
              seen={GATES: passed("bake 2")}), "0s", "0"),
    Row(of="GateShape.name", rule="what it is called", rollout="{gates: [{name: calm, bake: 5s}]}",
        seen={GATES: passed("calm 1")}),
    Row(of="GateShape.name", rule="without one its kind, and a number where there are several", default=True,
        rollout="{gates: [{bake: 5s}, {bake: 6s}]}", seen={GATES: passed("bake 1", "bake 2 1")}),
    *each(Row(of="GateShape.bake", rule="passes once the time is over", rollout="{gates: [{bake: FORM}]}",
              seen={after("bake asked after 1", "bake answered after 1"): 300}), "5m", "300"),
]  # fmt: skip


def approval(key: str, rule: str, keys: str, *answers: Said, default: bool = False, **seen: object) -> Row:
    """An approval between the first wave and the others. seen: exit status, status, cause, lists, what is said last.

    The run is started by cy@laptop.
    """
    looks = {"exit": EXIT, "status": STATUS, "cause": CAUSE, "lists": LISTS, "last": SAID}
    rollout = f"{{waves: [{{size: 1, gates: [{{approval: {{{keys}}}}}]}}, 2], rollback: run}}"
    return Row(of=key, rule=rule, default=default, answers=answers, rollout=rollout,
               seen={looks[name]: value for name, value in seen.items()})  # fmt: skip


def yes(by: str = "ana@laptop", *, after: float = 0, then: float = 0) -> Said:
    return Said(act=Act.APPROVE, by=by, after=after, then=then)


NO = Said(act=Act.DENY, by="ana@laptop")
LEFT = {"ok": "1", "never_started": "2 3"}
TAKEN_BACK = {"rolled_back": "1", "never_started": "2 3"}

APPROVALS = [
    approval("GateShape.approval", "the run waits for a person", "by: [ana]", status="waiting",
             last="waiting: approval after wave 1 waits for ana"),
    approval("ApprovalShape.by", "one of them says yes", "by: [ana, ben]", yes("ben@desktop"), exit=0),
    approval("ApprovalShape.by", "nobody else is heeded", "by: [ana, ben]", yes("cy@laptop"), status="waiting"),
    approval("ApprovalShape.by", "a name with a machine is that user there", "by: [ana@laptop]", yes(), exit=0),
    approval("ApprovalShape.by", "and on no other machine", "by: [ana@laptop]", yes("ana@desktop"), status="waiting"),
    *(approval("ApprovalShape.expires", f"nobody says anything in time: {form}", f"by: [ana], expires: {form}",
               yes(after=4 * 3600, then=4 * 3600), exit=7, status="held", lists=LEFT,
               cause="approval after wave 1 did not pass: nobody approved it within 4h") for form in ("4h", "14400")),
    approval("ApprovalShape.expires", "an answer in time counts also where the run is gone on with later",
             "by: [ana], expires: 4h", yes(after=4 * 3600 - 1, then=7 * DAY), exit=0),
    approval("ApprovalShape.expires", "no end if not given", "by: [ana]", yes(after=300 * DAY, then=300 * DAY),
             default=True, exit=0),
    approval("ApprovalShape.four_eyes", "whoever started the run may not answer, on any machine",
             "by: [ana, cy], four_eyes: true", yes("cy@desktop"), status="waiting"),
    approval("ApprovalShape.four_eyes", "another may", "by: [ana, cy], four_eyes: true", yes(), exit=0),
    approval("ApprovalShape.four_eyes", "false if not given", "by: [cy]", yes("cy@laptop"), default=True, exit=0),
    approval("ApprovalShape.on_deny", "leave: held, and what was done stays", "by: [ana], on_deny: leave", NO, exit=7,
             status="held", lists=LEFT, cause="ana@laptop denied approval after wave 1: looked at it"),
    approval("ApprovalShape.on_deny", "leave if not given", "by: [ana]", NO, default=True, exit=7, lists=LEFT),
    approval("ApprovalShape.on_deny", "rollback: what was done is taken back", "by: [ana], on_deny: rollback", NO,
             exit=4, lists=TAKEN_BACK),
    approval("ApprovalShape.on_deny", "rollback: also where the answer comes too late",
             "by: [ana], expires: 1h, on_deny: rollback", yes(after=3601, then=3601), exit=4, lists=TAKEN_BACK),
]  # fmt: skip


def command(key: str, rule: str, keys: str, *, default: bool = False, rest: str = "", answer: str = "passed, says orc",
            exit: int | None = 0) -> Row:  # fmt: skip
    """A command gate after the only wave, really run on this machine."""
    return Row(of=key, rule=rule, default=default, rest=rest, controller=ThisMachine,
               rollout=f"{{gates: [{{command: {{{keys}}}}}]}}",
               seen={GATES: [f"after wave 1, command: {answer}"], EXIT: exit})  # fmt: skip


def replied(rule: str, reply: CommandRan | CommandLost, status: str) -> Row:
    return Row(of="GateShape.command", rule=rule, rollout="{gates: [{command: {run: ./check, on: controller}}]}",
               controller=lambda: FakeController(command=reply), seen={STATUS: status})  # fmt: skip


COMMANDS = [
    replied("exit status 0 passes", CommandRan(exit_code=0), "succeeded"),
    replied("any other fails", CommandRan(exit_code=2), "failed"),
    replied("75 is for a person to say", CommandRan(exit_code=75), "waiting"),
    replied("so is one that could not be started", CommandLost(why="no such file"), "waiting"),
    command("CommandGateShape.run", "shell text, for a shell here", "run: 'test 1 = 2 || exit 0', on: controller"),
    command("CommandGateShape.run", "its last words are told where it fails",
            "run: 'echo too many; exit 3', on: controller",
            answer="failed, says orc, exit status 3: too many", exit=3),
    command("CommandGateShape.run", "values of params and vars are filled in, each as one word",
            "run: 'test {{ said }} = \"a b\" && test {{ word }} = c', on: controller",
            rest="vars: {word: c}\nparams: {said: {default: a b}}"),
    command("CommandGateShape.argv", "a program and its arguments, which no shell reads",
            "argv: [test, $HOME, =, '$HOME'], on: controller"),
    command("CommandGateShape.on", "controller: in the folder and on the machine that drives the run",
            "run: 'test -d /proc/$PPID', on: controller"),
    Row(of="CommandGateShape.on", rule="wave: on every host of the wave, with that host's values, and all must be ok",
        rollout="{waves: [1, 2], gates: [{name: look, command: {run: 'look {{ vmid }}', on: wave}}]}",
        does={"3 look": BAD},
        seen={never("3 look #2"): True, LISTS: {"ok": "1 2 3"}, EXIT: 3,
              in_turn("1 two ended", "1 look", "look answered after 1", "wave 2", "2 look"): True}),
    *(command("CommandGateShape.timeout", f"over it, a person has to say: {form}",
              f"run: sleep 1, on: controller, timeout: {form}", exit=None,
              answer="inconclusive, says orc, it was not done within 0.2 s, and was ended") for form in ("0.2s",
                   "0.2")),
    Row(of="CommandGateShape.timeout", rule="10m if not given", default=True,
        rollout="{gates: [{command: {run: ./check, on: controller}}]}",
        seen={says("on this machine, within 10m: ./check"): True}),
]  # fmt: skip


def url(key: str, rule: str, keys: str, *answers: UrlReply, asked: int = 0, default: bool = False,
        answer: str = "passed, says orc") -> Row:  # fmt: skip
    """A watch after the only wave, of an address that answers so. asked: how often it must have been asked."""
    controller = Asked(answers=answers)
    seen: dict[Look, object] = {GATES: [f"after wave 1, url: {answer}"]}
    if asked:
        seen[Look("how often it was asked", lambda _: controller.asked)] = asked
    return Row(of=key, rule=rule, default=default, controller=lambda: controller,
               rollout=f"{{gates: [{{url: {{get: 'http://127.0.0.1/health'{keys}}}}}]}}", seen=seen)  # fmt: skip


MINUTE = ", every: 10s, for: 1m"
URLS = [
    url("GateShape.url", "a good answer passes", "", GOOD, asked=1),
    url("GateShape.url", "a bad one fails", "", ILL,
        answer="failed, says orc, 1 bad of 1 answers, max_bad is 0: status 500, expected 200"),
    url("GateShape.url", "where nothing ever answers a person has to say", "", NONE,
        answer="inconclusive, says orc, 1 bad of 1 answers, max_bad is 0: no answer: refused"),
    Row(of="UrlGateShape.get", rule="the address that is asked", controller=lambda: Asked(answers=[GOOD]),
        rollout="{gates: [{url: {get: 'http://127.0.0.1/elsewhere'}}]}",
        seen={GATES: ["after wave 1, url: inconclusive, says orc, 1 bad of 1 answers, max_bad is 0: "
                      "nobody is at http://127.0.0.1/elsewhere"]}),
    url("UrlGateShape.expect", "a number is the status", ", expect: 503", Fetched(status=503)),
    url("UrlGateShape.expect", "a text is what it holds", ", expect: is ok", GOOD),
    url("UrlGateShape.expect", "both", ", expect: {status: 201, text: is ok}", Fetched(status=201, text="it is ok")),
    url("UrlGateShape.expect", "200 if not given", "", Fetched(status=204), default=True,
        answer="failed, says orc, 1 bad of 1 answers, max_bad is 0: status 204, expected 200"),
    url("ExpectShape.status", "another status is bad", ", expect: {status: 201}", GOOD,
        answer="failed, says orc, 1 bad of 1 answers, max_bad is 0: status 200, expected 201"),
    url("ExpectShape.text", "an answer without it is bad", ", expect: {text: fine}", GOOD,
        answer="failed, says orc, 1 bad of 1 answers, max_bad is 0: the answer does not hold 'fine'"),
    *(url("UrlGateShape.every", f"so often, both ends included: {form}", f", for: 1m, every: {form}", GOOD, asked=3)
      for form in ("30s", "30")),
    url("UrlGateShape.every", "10s if not given", ", for: 1m", GOOD, asked=7, default=True),
    *(url("UrlGateShape.for", f"for so long: {form}", f", for: {form}, every: 10s", GOOD, asked=4) for form in ("30s",
          "30")),
    url("UrlGateShape.for", "once if not given", ", every: 10s", GOOD, asked=1, default=True),
    url("UrlGateShape.max_bad", "no more bad answers than it says pass", f"{MINUTE}, max_bad: 2", ILL, NONE, GOOD,
        asked=7),
    url("UrlGateShape.max_bad", "more do not, at once", f"{MINUTE}, max_bad: 2", ILL, GOOD, NONE, ILL, asked=4,
        answer="failed, says orc, 3 bad of 4 answers, max_bad is 2: status 500, expected 200"),
    url("UrlGateShape.max_bad", "0 if not given", MINUTE, GOOD, ILL, asked=2, default=True,
        answer="failed, says orc, 1 bad of 2 answers, max_bad is 0: status 500, expected 200"),
]  # fmt: skip

ROWS = [*BETWEEN, *APPROVALS, *COMMANDS, *URLS]


@pytest.mark.parametrize("row", cases(ROWS))
async def test_a_run_keeps_to_its_gates(row: Row, tmp_path: Path) -> None:
    assert await row.found(tmp_path) == row.wanted
