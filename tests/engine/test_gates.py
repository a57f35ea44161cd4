"""What stands between waves, in whole runs: gates, bakes, spread, and how long a host must be ok."""

from collections import Counter
from pathlib import Path

import anyio
import pytest

from orchestrator.clock import FakeClock
from orchestrator.core.between import AnswerGate
from orchestrator.core.locks import unneeded
from orchestrator.core.run_state import RunState
from orchestrator.core.taking_back import take_back
from orchestrator.engine import gates as engine_gates
from orchestrator.engine.requests import take_answers
from orchestrator.journal.memory import MemoryJournal
from orchestrator.model.event import (
    Answer,
    ApiPaused,
    ApiResumed,
    AttemptEnded,
    AttemptStarted,
    Event,
    GateAnswered,
    GateAsked,
    HostSettled,
    Recorded,
    RunPaused,
    RunResumed,
    RunStarted,
    UndoStarted,
    WaveOpened,
)
from orchestrator.model.gate import CommandLost, CommandRan, Fetched, NotFetched
from orchestrator.model.host import Host
from orchestrator.model.ids import HostName
from orchestrator.model.plan import Plan
from orchestrator.model.request import Act
from orchestrator.model.state import RunStatus, Standing
from orchestrator.ports import NotStarted, Refusal, StartUnknown
from tests.fake_fleet import Ran
from tests.small_run import RUN, Ended, FakeController, Said, drive, plan_of, taken_up

pytestmark = pytest.mark.anyio


def playbook(rollout: str, *, hosts: str = "[1, 2, 3]") -> str:
    return f"""
vmids: {hosts}
vars: {{zone: a}}
rollout: {rollout}
steps:
  - {{name: one, run: echo 1, rollback: echo back}}
"""


class Times:
    """When what happened."""

    def __init__(self) -> None:
        self.log: list[Recorded] = []

    def __call__(self, recorded: Recorded) -> None:
        self.log.append(recorded)

    def of(self, kind: type, **fields: object) -> float:
        (found,) = [
            each.at
            for each in self.log
            if isinstance(each.event, kind) and all(getattr(each.event, name) == v for name, v in fields.items())
        ]
        return found


def gates(ended: Ended) -> list[tuple[str, Answer, str]]:
    return [(e.gate, e.answer, e.by) for e in ended.events if isinstance(e, GateAnswered)]


async def test_the_next_wave_opens_when_the_bake_of_the_last_is_over(tmp_path: Path) -> None:
    times = Times()
    await drive(plan_of(tmp_path, playbook("{waves: [1, 100%], bake: 10m}")), observers=[times])
    assert times.of(WaveOpened, wave=1) - times.of(HostSettled, host="1") >= 600
    assert times.of(GateAnswered, wave=1) - times.of(GateAsked, wave=1) >= 600, "the last wave bakes, too"


APPROVAL = "{waves: [{size: 1, gates: [{approval: {by: [ana], expires: 4h%s}}]}, 100%%], rollback: run}"


async def test_a_run_that_waits_for_an_approval_ends_its_process_and_goes_on_once_it_is_there(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(APPROVAL % ""))
    waiting = await drive(plan)
    assert waiting.state.status() is RunStatus.WAITING
    assert isinstance(paused := waiting.events[-1], RunPaused)
    assert paused.waiting
    assert [host for host, _, _ in waiting.fleet.order] == ["1"]
    ended = await drive(plan, answers=[Said(act=Act.APPROVE)])
    assert gates(ended) == [("approval", Answer.PASSED, "ana@laptop")]
    assert ended.exit == 0


async def test_who_may_not_answer_is_not_heeded(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(APPROVAL % ""))
    ended = await drive(plan, answers=[Said(act=Act.APPROVE, by="ben@laptop"), Said(act=Act.APPROVE, gate="other")])
    assert ended.state.status() is RunStatus.WAITING
    assert not gates(ended)


async def test_who_started_a_run_is_no_second_pair_of_eyes_on_any_machine(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(APPROVAL % ", four_eyes: true"))
    ended = await drive(plan, answers=[Said(act=Act.APPROVE, by="ana@desktop")], by="ana@laptop")
    assert ended.state.status() is RunStatus.WAITING
    assert (await drive(plan, answers=[Said(act=Act.APPROVE)], by="ben@laptop")).exit == 0


@pytest.mark.parametrize(
    ("on_deny", "exit", "lists"),
    [
        ("", 7, {"ok": ("1",), "never_started": ("2", "3")}),
        (", on_deny: rollback", 4, {"rolled_back": ("1",), "never_started": ("2", "3")}),
    ],
)
async def test_a_denied_run_goes_no_further(
    tmp_path: Path, on_deny: str, exit: int, lists: dict[str, tuple[str, ...]]
) -> None:
    ended = await drive(plan_of(tmp_path, playbook(APPROVAL % on_deny)), answers=[Said(act=Act.DENY)])
    assert (ended.exit, ended.lists) == (exit, lists)
    assert ended.state.finished
    assert ended.state.finished.cause == "ana@laptop denied approval after wave 1: looked at it"


async def test_an_approval_that_comes_too_late_does_not_count(tmp_path: Path) -> None:
    late = Said(act=Act.APPROVE, after=4 * 3600, then=4 * 3600)
    ended = await drive(plan_of(tmp_path, playbook(APPROVAL % "")), answers=[late])
    assert gates(ended) == [("approval", Answer.FAILED, "orc")]
    assert ended.exit == 7


async def test_an_approval_in_time_counts_also_where_the_run_is_gone_on_with_days_later(tmp_path: Path) -> None:
    ended = await drive(plan_of(tmp_path, playbook(APPROVAL % "")), answers=[Said(act=Act.APPROVE, then=7 * 86400)])
    assert ended.exit == 0


URL = "{waves: [1, 100%%], rollback: run, gates: [{url: {get: 'http://127.0.0.1/', every: 10s, for: 1m, max_bad: %d}}]}"
GOOD, BAD, NONE = Fetched(status=200), Fetched(status=500), NotFetched(why="no answer: refused")


async def test_too_many_bad_answers_take_the_run_back(tmp_path: Path) -> None:
    controller = FakeController(answers=[GOOD, BAD, BAD])
    ended = await drive(plan_of(tmp_path, playbook(URL % 1)), controller=controller)
    assert ended.lists == {"rolled_back": ("1",), "never_started": ("2", "3")}
    assert ended.exit == 4
    assert controller.asked == 3


async def test_as_many_bad_answers_as_may_be_pass(tmp_path: Path) -> None:
    controller = FakeController(answers=[BAD, NONE, GOOD])
    ended = await drive(plan_of(tmp_path, playbook(URL % 2)), controller=controller)
    assert ended.exit == 0
    assert controller.asked == 14, "every ten seconds for a minute, both ends included, after each of two waves"


async def test_where_nothing_ever_answers_a_person_has_to_say(tmp_path: Path) -> None:
    plan, controller = plan_of(tmp_path, playbook(URL % 1)), FakeController(answers=[NONE])
    ended = await drive(plan, controller=controller)
    assert ended.state.status() is RunStatus.WAITING
    said = [Said(act=Act.APPROVE, by="anybody@x"), Said(act=Act.DENY, by="anybody@x")]
    ended = await drive(plan, controller=controller, answers=said)
    assert [answer for _, answer, _ in gates(ended)] == [
        Answer.INCONCLUSIVE, Answer.PASSED, Answer.INCONCLUSIVE, Answer.FAILED,
    ]  # fmt: skip
    assert ended.exit == 4


COMMAND = "{waves: [1, 100%], gates: [{command: {run: ./check, on: controller}}]}"


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (CommandRan(exit_code=0), Answer.PASSED),
        (CommandRan(exit_code=1, output="error rate 7%\n"), Answer.FAILED),
        (CommandRan(exit_code=75), Answer.INCONCLUSIVE),
        (CommandLost(why="it could not be started"), Answer.INCONCLUSIVE),
    ],
)
async def test_a_commands_end_answers(tmp_path: Path, reply: CommandRan | CommandLost, answer: Answer) -> None:
    ended = await drive(plan_of(tmp_path, playbook(COMMAND)), controller=FakeController(command=reply))
    assert gates(ended)[0] == ("command", answer, "orc")
    assert ended.state.status() is {
        Answer.PASSED: RunStatus.SUCCEEDED, Answer.FAILED: RunStatus.FAILED, Answer.INCONCLUSIVE: RunStatus.WAITING,
    }[answer]  # fmt: skip
    if answer is Answer.FAILED:
        assert ended.exit == 3
        assert ended.lists == {"ok": ("1",), "never_started": ("2", "3")}


async def test_no_more_hosts_of_one_value_are_under_way_at_once_than_the_spread_allows(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("{spread: {by: zone, max: 2}}", hosts="[1, 2, 3, 4, 5, 6, 7]"))
    ended = await drive(plan, lambda *_: Ran(duration=5))
    assert ended.fleet.most_at_once == 2
    assert ended.exit == 0


async def test_a_host_keeps_its_place_until_it_has_been_ok_for_long_enough(tmp_path: Path) -> None:
    times = Times()
    plan = plan_of(tmp_path, playbook("{max_parallel: 1, min_healthy: 30s, waves: [2, 1]}"))
    await drive(plan, observers=[times])
    assert times.of(AttemptStarted, host="2") - times.of(HostSettled, host="1") >= 30
    assert times.of(WaveOpened, wave=1) - times.of(HostSettled, host="2") >= 30


async def test_a_run_whose_hosts_no_longer_become_ok_stops(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("{max_parallel: 1, progress_deadline: 5m, rollback: run}"))
    ended = await drive(
        plan, lambda host, slot, attempt: Ran(duration=400 if host == "2" and "undo" not in slot else 10)
    )
    assert ended.lists == {"rolled_back": ("1", "2"), "never_started": ("3",)}
    assert ended.state.finished
    assert ended.state.finished.cause == "no host of wave 1 became ok for 5m"


async def test_the_progress_deadline_moves_with_progress(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("{max_parallel: 1, progress_deadline: 5m}"))
    assert (await drive(plan, lambda *_: Ran(duration=200))).exit == 0


async def test_once_the_run_stops_steps_under_way_are_ended_and_taken_back(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("{in_flight: cancel}"))

    def script(host: str, slot: str, attempt: int) -> Ran:
        if "undo" in slot:
            return Ran(duration=50)
        return Ran(exit_code=1, duration=5) if host == "1" else Ran(duration=300)

    times = Times()
    ended = await drive(plan, script, observers=[times])
    assert ended.lists == {"rolled_back": ("1", "2", "3")}
    assert times.log[-1].at - times.log[0].at < 200
    assert ended.state.finished
    assert ended.state.finished.cause == "1 host failed, max_failures is 0", "who was cancelled did not fail"


async def test_a_first_wave_of_one_host_stops_the_run_whatever_the_budget(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("{waves: [1, 100%], max_failures: 2}"))
    ended = await drive(plan, lambda host, slot, attempt: Ran(exit_code=int(host == "1" and "undo" not in slot)))
    assert ended.lists == {"rolled_back": ("1",), "never_started": ("2", "3")}


async def test_a_host_that_kept_its_place_for_an_earlier_process_gives_it_up_as_the_next_wave_opens(
    tmp_path: Path,
) -> None:
    plan = plan_of(tmp_path, playbook("{max_parallel: 1, min_healthy: 30s, waves: [1, 1]}", hosts="[1, 2]"))
    whole = (await drive(plan)).events
    first = next(at for at, event in enumerate(whole) if isinstance(event, HostSettled))
    with anyio.fail_after(10):
        assert (await drive(plan, before=whole[: first + 1])).lists == {"ok": ("1", "2")}


async def test_an_answer_that_the_run_found_out_is_not_recorded_once_a_person_has_given_one(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook(COMMAND))
    waiting = await drive(plan, controller=FakeController(command=CommandLost(why="lost")))
    async with FakeClock() as clock, MemoryJournal(clock=clock) as journal:
        live = await taken_up(plan, waiting.events, journal, clock)
        await journal.ask(Said(act=Act.APPROVE).request(clock.now()))
        await take_answers(live, until=1)
        found = AnswerGate(wave=0, gate="command", kind="command", answer=Answer.FAILED, why="looked before that")
        await engine_gates.answer(live, found)
        said = [e.event.by for e in await journal.events(RUN) if isinstance(e.event, GateAnswered)]
        assert said == ["orc", "ana@laptop"]


async def test_time_in_which_the_api_was_ill_does_not_count_as_time_without_progress(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, playbook("{max_parallel: 1, progress_deadline: 5m}"))
    ill = ApiPaused(host=HostName("1"), answer="api_down", detail="502", since=0.0, next_try=1.0)

    def due(*events: tuple[float, Event]) -> float | None:
        begun = RunStarted(playbook="p", digest="", hosts=3, by="me"), WaveOpened(wave=0, hosts=3)
        state = RunState(plan)
        for seq, (at, event) in enumerate([*((0.0, each) for each in begun), *events], start=1):
            state.apply(Recorded(run=RUN, seq=seq, at=at, event=event))
        return state.progress_due()

    well = ApiResumed(since=0.0, probes=1)
    assert due() == 300
    assert due((10, ill)) is None
    assert due((10, ill), (40, ill), (70, well)) == 360
    paused, resumed = RunPaused(by="ana", cause="x"), RunResumed(by="ana")
    assert due((10, ill), (40, paused), (70, well), (100, resumed)) == 390, "it was paused from one of them on"
    assert due((10, paused), (40, ill), (70, resumed)) == 360, "who takes the run up finds out for itself"


CHECKED = """
vmids: [1, 2, 3]
vars: {{port: 80}}
rollout: {rollout}
steps:
  - {{name: one, run: echo 1, rollback: echo back, register: out}}
finally:
  - {{name: last, run: last}}
"""
ON_WAVE = "{waves: [2, 1], %sgates: [{name: health, command: {run: './check {{ vmid }} {{ out.stdout }}', on: wave}}]}"


def checked(folder: Path, more: str = "") -> Plan:
    return plan_of(folder, CHECKED.format(rollout=ON_WAVE % more))


def checks(ended: Ended) -> list[str]:
    return [host for host, slot, _ in ended.fleet.order if slot.endswith("health")]


async def test_a_gate_on_the_wave_is_asked_once_on_every_host_of_it_once_it_is_done(tmp_path: Path) -> None:
    plan = checked(tmp_path)
    ended = await drive(plan, lambda *_: Ran(stdout="v2\n", duration=3))
    assert gates(ended) == [("health", Answer.PASSED, "orc")] * 2
    assert (sorted(checks(ended)), ended.exit) == (["1", "2", "3"], 0)
    assert ended.fleet.commands["2", "03-health", 1] == "./check 2 v2"
    at = [i for i, e in enumerate(ended.events) if isinstance(e, AttemptStarted) and e.step == "health"]
    opened = [i for i, e in enumerate(ended.events) if isinstance(e, WaveOpened)]
    done = [i for i, e in enumerate(ended.events) if isinstance(e, AttemptEnded) and e.step == "last"]
    assert done[1] < at[0] < at[1] < opened[1] < done[2] < at[2]
    assert [slot[3:] for slot in ended.slots_of("1")] == ["one", "last", "health"], "what ends a host is not repeated"
    ends = [e for e in ended.events if isinstance(e, AttemptEnded) and e.step == "health"]
    assert not any(e.changed for e in ends), "it only looks"


async def test_a_gate_on_the_wave_that_could_not_be_started_is_for_a_person_to_say(tmp_path: Path) -> None:
    text = CHECKED.format(rollout=ON_WAVE % "rollback: run, ").replace(
        "register: out", "register: out, when: vmid == '1'"
    )
    ended = await drive(plan_of(tmp_path, text), lambda *_: Ran(stdout="v2"))
    assert [(e.answer, e.by) for e in ended.events if isinstance(e, GateAnswered)] == [(Answer.INCONCLUSIVE, "orc")]
    assert checks(ended) == ["1"]
    hold = next(e for e in ended.events if isinstance(e, RunPaused))
    assert "nobody knows of 1 of 2 hosts, first 2: nothing was run" in hold.cause
    assert not any(isinstance(e, UndoStarted) for e in ended.events)


@pytest.mark.parametrize(
    ("end", "answer"),
    [
        (Ran(exit_code=1, stderr="503"), Answer.FAILED),
        (Ran(exit_code=75), Answer.INCONCLUSIVE),
        (Ran(exit_code=143, ending="late"), Answer.INCONCLUSIVE),
        (Ran(ending="lost"), Answer.INCONCLUSIVE),
        ("unreachable", Answer.INCONCLUSIVE),
        ("unknown", Answer.INCONCLUSIVE),
    ],
)
async def test_how_it_ends_on_one_host_answers_for_the_wave(tmp_path: Path, end: Ran | str, answer: Answer) -> None:
    def script(host: str, slot: str, attempt: int) -> Ran:
        return end if isinstance(end, Ran) and (host, slot) == ("2", "03-health") else Ran()

    def fault(kind: str, host: Host) -> NotStarted | StartUnknown | None:
        if isinstance(end, Ran) or kind != "start" or host.name != "2" or not asked:
            return None
        return StartUnknown(message="?") if end == "unknown" else NotStarted(refusal=Refusal.HOST_DOWN, message="off")

    asked: list[Recorded] = []

    def observe(recorded: Recorded) -> None:
        asked.extend([recorded] if isinstance(recorded.event, GateAsked) else [])

    ended = await drive(checked(tmp_path, "rollback: run, "), script, fault=fault, observers=[observe])
    assert gates(ended)[0] == ("health", answer, "orc")
    first = next(e for e in ended.events if isinstance(e, GateAnswered))
    assert "1 of 2 hosts, first 2" in first.why
    if answer is Answer.FAILED:
        assert ended.lists == {"rolled_back": ("1", "2"), "never_started": ("3",)}
        assert ended.exit == 4
        assert [slot[3:] for slot in ended.slots_of("1")] == ["one", "last", "health", "one-undo", "last"]
    else:
        assert ended.state.status() is RunStatus.WAITING


async def test_hosts_that_failed_within_the_budget_are_not_asked(tmp_path: Path) -> None:
    ended = await drive(
        checked(tmp_path, "max_failures: 1, "),
        lambda host, slot, attempt: Ran(exit_code=int(host == "1" and slot == "00-one")),
    )
    assert sorted(checks(ended)) == ["2", "3"]
    assert ended.lists == {"ok": ("2", "3"), "rolled_back": ("1",)}


async def test_where_no_host_of_the_wave_is_ok_a_person_has_to_say(tmp_path: Path) -> None:
    ended = await drive(
        checked(tmp_path, "max_failures: 2, "),
        lambda host, slot, attempt: Ran(exit_code=int(host in "12" and slot == "00-one")),
        answers=[Said(act=Act.APPROVE)],
    )
    assert gates(ended)[:2] == [("health", Answer.INCONCLUSIVE, "orc"), ("health", Answer.PASSED, "ana@laptop")]
    assert checks(ended) == ["3"]


async def test_no_more_hosts_are_asked_at_once_than_max_parallel_and_the_progress_deadline_is_no_matter(
    tmp_path: Path,
) -> None:
    plan = checked(tmp_path, "max_parallel: 1, progress_deadline: 2m, bake: 10m, min_healthy: 30s, ")
    times = Times()
    ended = await drive(
        plan, lambda host, slot, attempt: Ran(duration=200 if "health" in slot else 1), observers=[times]
    )
    assert (ended.exit, ended.fleet.most_at_once) == (0, 1)
    asked, answered = times.of(GateAsked, wave=0, gate="health"), times.of(GateAnswered, wave=0, gate="health")
    assert answered - asked < 430, "a host does not have to become healthy anew for having been asked"


async def test_a_gate_on_the_wave_goes_on_from_any_event_at_which_its_process_dies(tmp_path: Path) -> None:
    """An attempt that is under way is attended: the guest runs it if it was never sent, and attaches else."""
    plan = checked(tmp_path, "max_parallel: 1, ")
    whole = (await drive(plan)).events
    for cut in range(1, len(whole)):
        ended = await drive(plan, before=whole[:cut])
        assert ended.exit == 0, cut
        starts = Counter((e.host, e.step) for e in ended.events if isinstance(e, AttemptStarted))
        assert set(starts.values()) == {1}, cut
        assert gates(ended) == [("health", Answer.PASSED, "orc")] * 2


async def test_an_abort_while_hosts_are_asked_lets_them_end_and_they_stay_ok(tmp_path: Path) -> None:
    plan = checked(tmp_path)
    whole = (await drive(plan)).events
    asked = next(at for at, e in enumerate(whole) if isinstance(e, AttemptStarted) and e.step == "health")
    aborted = RunPaused(by="ana", cause="enough", aborting=True)
    ended = await drive(plan, before=[*whole[: asked + 1], aborted])
    assert ended.state.status() is RunStatus.ABORTED
    assert ended.lists == {"ok": ("1", "2"), "never_started": ("3",)}
    assert checks(ended) == ["1"]


async def test_a_run_keeps_the_hosts_that_a_gate_may_still_ask(tmp_path: Path) -> None:
    for plan, kept in ((checked(tmp_path), True), (plan_of(tmp_path, playbook("{bake: 1s}")), False)):
        done = HostSettled(host=HostName("1"), standing=Standing.OK)
        hosts = {each.host.name: each for each in plan.hosts}
        assert (unneeded(plan, hosts, done) == ()) is kept


CANARY = """
vmids: [1, 2, 3, 4]
rollout:
  waves: [{size: 1, bake: 10m, gates: [{approval: {by: [ana]}}, {name: only, command: {run: c, on: wave}}]}, 2, 1]
  gates: [{name: health, command: {run: 'check {{ out.stdout }}', on: wave}}]
steps:
  - {name: one, run: echo 1, rollback: echo back, register: out}
"""


def back_of(before: Ended, *, with_gates: bool = True) -> Plan:
    found = take_back(before.state, RUN, tuple(before.state.hosts), with_gates=with_gates).plan
    assert found
    return found


async def went(tmp_path: Path) -> Ended:
    ended = await drive(plan_of(tmp_path, CANARY), lambda *_: Ran(stdout="v1"), answers=[Said(act=Act.APPROVE)])
    assert ended.exit == 0
    return ended


async def test_on_the_way_back_with_gates_the_waves_go_in_reverse_with_the_gates_between_them(tmp_path: Path) -> None:
    back = back_of(await went(tmp_path))
    asked = [("4", ["health"]), ("2 3", ["bake", "approval"]), ("1", [])]
    assert [(" ".join(wave.hosts), [gate.name for gate in wave.gates]) for wave in back.waves] == asked
    assert "bake" in [gate.name for gate in back.waves[1].gates]
    times = Times()
    ended = await drive(back, observers=[times], answers=[Said(act=Act.APPROVE)])
    assert (ended.exit, ended.lists) == (0, {"rolled_back": ("1", "2", "3", "4")})
    assert [(host, slot[3:]) for host, slot, _ in ended.fleet.order] == [
        ("4", "one-undo"), ("4", "health"), ("2", "one-undo"), ("3", "one-undo"), ("1", "one-undo"),
    ]  # fmt: skip
    assert ended.fleet.commands["4", "02-health", 1] == "check v1", "with the values of the old run"
    assert times.of(WaveOpened, wave=2) - times.of(GateAsked, wave=1, gate="bake") >= 600
    assert [gate for gate, _, _ in gates(ended)] == ["health", "bake", "approval"]


async def test_without_gates_nothing_is_waited_for_on_the_way_back(tmp_path: Path) -> None:
    back = back_of(await went(tmp_path), with_gates=False)
    assert [(wave.hosts, wave.gates) for wave in back.waves] == [(("1", "2", "3", "4"), ())]
    assert checks(await drive(back)) == []


@pytest.mark.parametrize(("denied", "status", "exit"), [(True, RunStatus.HELD, 7), (False, RunStatus.FAILED, 3)])
async def test_a_gate_that_does_not_pass_on_the_way_back_leaves_the_older_waves_as_they_are(
    tmp_path: Path, denied: bool, status: RunStatus, exit: int
) -> None:
    before = await went(tmp_path)
    ended = await drive(
        back_of(before),
        lambda host, slot, attempt: Ran(exit_code=int(not denied and "health" in slot)),
        answers=[Said(act=Act.DENY)] if denied else [],
    )
    assert (ended.state.status(), ended.exit) == (status, exit)
    assert ended.lists["never_started"] == (("1",) if denied else ("1", "2", "3"))
    left = take_back(before.state, RUN, tuple(before.state.hosts), [ended.state]).plan
    assert left
    assert [each.host.name for each in left.hosts] == [*ended.lists["never_started"]]


async def test_the_way_back_with_gates_goes_on_from_any_event_at_which_its_process_dies(tmp_path: Path) -> None:
    text = CANARY.replace("{approval: {by: [ana]}}, ", "")
    before = await drive(plan_of(tmp_path, text))
    back = back_of(before)
    whole = (await drive(back)).events
    for cut in range(1, len(whole)):
        ended = await drive(back, before=whole[:cut])
        assert ended.exit == 0, cut
        began = [e for e in ended.events if isinstance(e, AttemptStarted | UndoStarted)]
        assert set(Counter((e.host, e.step, e.type) for e in began).values()) == {1}, cut
        assert [gate for gate, _, _ in gates(ended)] == ["health", "bake"]


async def test_hosts_of_steps_that_run_once_go_last_with_gates_too(tmp_path: Path) -> None:
    text = """
vmids: [1, 2, 3]
rollout: {waves: [2, 1], gates: [{bake: 1m}]}
steps: [{name: migrate, run: m, run_once: run, rollback: u}, {name: one, run: o, rollback: b}]
"""
    back = back_of(await drive(plan_of(tmp_path, text)))
    assert [(" ".join(wave.hosts), len(wave.gates)) for wave in back.waves] == [("3", 1), ("2", 0), ("1", 0)]
    ended = await drive(back)
    assert [(host, slot[3:]) for host, slot, _ in ended.fleet.order] == [
        ("3", "one-undo"), ("2", "one-undo"), ("1", "one-undo"), ("1", "migrate-undo"),
    ]  # fmt: skip
