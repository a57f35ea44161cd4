"""Asking the guests of a plan through a provider at which things go wrong; the guests' shell is real."""

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest

from orchestrator.clock import FakeClock
from orchestrator.core.probed import Found, HostFacts, Will, verdict_on
from orchestrator.engine.probing import Prober
from orchestrator.errors import Held
from orchestrator.model.host import Host
from orchestrator.model.ids import HostName, Vmid
from orchestrator.model.plan import Plan
from orchestrator.model.playbook import Guard
from orchestrator.ports import (
    Exited,
    NotReachable,
    NotStarted,
    PidGone,
    PollReply,
    ProbeReply,
    Refusal,
    StartReply,
    StartUnknown,
)
from orchestrator.providers.memory import Fault, MemoryProvider
from tests.small_run import plan_of

pytestmark = pytest.mark.anyio

GUARDED = """
vmids: [1, 2, 3]
rollout: {max_parallel: 2}
steps:
  - {name: clone, run: touch ran, unless: echo x >> ../looked; test -e app}
  - {name: build, run: touch ran}
"""
BARE = GUARDED.replace("unless: echo x >> ../looked; test -e app", "timeout: 5s")


@dataclass
class Fleet:
    """VPSes that are folders. garble: what becomes of the stdout of a program. programs: all that were run, by VPS."""

    folder: Path
    garble: Callable[[str], str] = lambda stdout: stdout
    programs: Counter[tuple[str, bool]] = field(default_factory=Counter)
    at_once: int = 0
    most: int = 0

    async def run(self, host: Host, program: str) -> Exited:
        self.programs[host.vmid, "looked" in program] += 1
        home = self.folder / host.vmid / "home"
        home.mkdir(parents=True, exist_ok=True)
        env = {"PATH": os.environ["PATH"], "HOME": str(home), "ORC_STATE": str(home / "state")}
        done = subprocess.run(["sh", "-c", program], env=env, capture_output=True, text=True, check=False)  # noqa: ASYNC221  # the clock waits
        return Exited(exit_code=0, stdout=self.garble(done.stdout), stderr=done.stderr)

    def looked(self, vmid: str) -> int:
        file = self.folder / vmid / "looked"
        return len(file.read_text().split()) if file.exists() else 0


@dataclass(frozen=True)
class Asked:
    facts: Mapping[str, HostFacts]
    provider: MemoryProvider
    seconds: float

    @property
    def found(self) -> list[Found]:
        return [each.found for each in self.facts.values()]


async def probe(
    plan: Plan,
    fleet: Fleet,
    *,
    fault: Fault | None = None,
    loss: Fault | None = None,
    taken: Mapping[HostName, str] | None = None,
    vmids: str = "123",
) -> Asked:
    nonces = (f"{n:016x}" for n in count(1))
    async with FakeClock() as clock:
        known = [Vmid(vmid) for vmid in vmids]
        async with MemoryProvider(fleet.run, vmids=known, fault=fault, loss=loss) as provider:
            prober = Prober(
                provider=provider, clock=clock, nonce=lambda: next(nonces), taken=taken or {}, patience=10.0
            )
            began = clock.now()
            found = await prober.probe(plan)
            return Asked({each.host: each for each in found.hosts}, provider, clock.now() - began)


def on(vmid: str, kind: str, reply: StartReply | PollReply | ProbeReply, *, times: int = 10**9) -> Fault:
    """The reply that is given instead to the first so many calls of a kind about a VPS."""
    left = iter(range(times))

    def strike(asked: str, host: Host) -> StartReply | PollReply | ProbeReply | None:
        return reply if (asked, host.vmid) == (kind, vmid) and next(left, None) is not None else None

    return strike


async def test_every_guest_is_asked_once_and_every_program_is_seen_to_its_end(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    (tmp_path / "2" / "home" / "app").mkdir(parents=True)
    plan = plan_of(tmp_path, GUARDED)
    asked = await probe(plan, fleet)

    assert asked.found == [Found.READY] * 3
    wills = [verdict_on(plan, host, 0, asked.facts[host.host.name]).will for host in plan.hosts]
    assert wills == [Will.RUN, Will.SKIP, Will.RUN]
    assert [fleet.looked(vmid) for vmid in "123"] == [1, 1, 1]
    assert Counter(call.kind for call in asked.provider.calls)["start"] == 3
    assert set(asked.provider.max_in_flight.values()) == {1}
    assert not asked.provider._results  # what is not collected fills the agent's table
    assert [*tmp_path.glob("*/home/*")] == [tmp_path / "2" / "home" / "app"]  # noqa: ASYNC240  # a test's


async def test_a_guard_whose_answer_is_lost_is_not_looked_at_again_and_all_else_is(tmp_path: Path) -> None:
    lost = {StartUnknown(message="no answer"): "the VPS could not be asked (no answer)"}
    for reply, why in (lost | {PidGone(message="pid 7 is not known"): "the answer was lost"}).items():
        folder = tmp_path / type(reply).__name__
        folder.mkdir()
        fleet = Fleet(folder)
        kind = "start" if isinstance(reply, StartUnknown) else "poll"
        asked = await probe(plan_of(folder, GUARDED), fleet, loss=on("2", kind, reply, times=1))

        assert asked.found == [Found.READY] * 3
        assert asked.facts["2"].unasked == why
        assert asked.facts["2"].answers is not None
        assert asked.facts["2"].answers.guards == {}
        assert fleet.programs == {("1", True): 1, ("2", True): 1, ("2", False): 1, ("3", True): 1}


async def test_where_there_are_no_guards_what_is_lost_is_asked_for_again(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    asked = await probe(plan_of(tmp_path, BARE), fleet, loss=on("2", "poll", PidGone(message="collected"), times=2))

    assert asked.found == [Found.READY] * 3
    assert fleet.programs == {("1", False): 1, ("2", False): 3, ("3", False): 1}


async def test_a_provider_that_runs_no_command_there_is_told_as_such(tmp_path: Path) -> None:
    blocked = NotStarted(refusal=Refusal.BLOCKED, message="blocked for safety reasons")
    fleet = Fleet(tmp_path)
    asked = await probe(plan_of(tmp_path, GUARDED), fleet, fault=on("2", "start", blocked))

    assert asked.found == [Found.READY, Found.REFUSED, Found.READY]
    assert "blocked for safety reasons" in asked.facts["2"].why
    assert fleet.looked("2") == 0


async def test_a_guard_that_the_provider_will_not_run_leaves_the_host_well(tmp_path: Path) -> None:
    blocked = NotStarted(refusal=Refusal.BLOCKED, message="blocked for safety reasons")
    asked = await probe(plan_of(tmp_path, GUARDED), Fleet(tmp_path), fault=on("2", "start", blocked, times=1))

    assert asked.found == [Found.READY] * 3
    assert "blocked for safety reasons" in asked.facts["2"].unasked


@pytest.mark.parametrize(
    ("refusal", "found"),
    [
        (Refusal.HOST_DOWN, Found.UNREACHABLE),
        (Refusal.NO_SUCH_HOST, Found.NO_SUCH_HOST),
        (Refusal.API_DOWN, Found.NO_ANSWER),
    ],
)
async def test_a_host_that_a_probe_does_not_reach_is_a_value_and_gets_no_program(
    tmp_path: Path, refusal: Refusal, found: Found
) -> None:
    down = NotReachable(refusal=refusal, message="no")
    fleet = Fleet(tmp_path)
    asked = await probe(plan_of(tmp_path, GUARDED), fleet, fault=on("2", "probe", down))

    assert asked.found == [Found.READY, found, Found.READY]
    assert not (tmp_path / "2").exists()


@pytest.mark.parametrize("refusal", [Refusal.UNAUTHORISED, Refusal.API_DOWN])
async def test_a_refused_key_and_an_api_that_is_not_there_hold_it_all(tmp_path: Path, refusal: Refusal) -> None:
    fleet = Fleet(tmp_path)
    with pytest.raises(ExceptionGroup) as caught:  # the fleet's own tasks make a group of it
        await probe(
            plan_of(tmp_path, GUARDED), fleet, fault=on("1", "probe", NotReachable(refusal=refusal, message="no"))
        )
    assert caught.group_contains(Held)
    assert not fleet.programs


async def test_a_guest_that_goes_down_meanwhile_is_given_up(tmp_path: Path) -> None:
    down = NotStarted(refusal=Refusal.HOST_DOWN, message="not running")
    asked = await probe(plan_of(tmp_path, GUARDED), Fleet(tmp_path), fault=on("2", "start", down))

    assert asked.found == [Found.READY, Found.UNREACHABLE, Found.READY]
    assert asked.seconds < 120


@pytest.mark.parametrize(
    "garble", [lambda stdout: "", lambda stdout: stdout.replace("0", "1"), lambda stdout: "<html>" * 10**5]
)
async def test_a_guest_whose_word_is_not_proved_gave_no_answer(tmp_path: Path, garble: Callable[[str], str]) -> None:
    asked = await probe(plan_of(tmp_path, GUARDED), Fleet(tmp_path, garble))

    assert asked.found == [Found.NO_ANSWER] * 3
    assert asked.facts["1"].why == "the answer was lost: what came is another's"
    assert set(Counter(call.vmid for call in asked.provider.calls if call.kind == "start").values()) == {4}


async def test_a_host_that_another_run_has_is_not_asked_at_all(tmp_path: Path) -> None:
    taken = {HostName("1"): "it belongs to run r9", HostName("3"): "fenced"}
    asked = await probe(plan_of(tmp_path, GUARDED), Fleet(tmp_path), taken=taken)

    assert asked.found == [Found.TAKEN, Found.READY, Found.TAKEN]
    assert {call.vmid for call in asked.provider.calls} == {"2"}
    everyone = {HostName(vmid): "fenced" for vmid in "123"}
    assert (await probe(plan_of(tmp_path, GUARDED), Fleet(tmp_path), taken=everyone)).provider.calls == []


async def test_on_a_machine_with_another_name_no_guard_is_looked_at(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, GUARDED)
    hosts = tuple(replace(each, host=replace(each.host, hostname="elsewhere")) for each in plan.hosts)
    fleet = Fleet(tmp_path)
    asked = await probe(replace(plan, hosts=hosts), fleet)

    assert asked.found == [Found.OTHER_HOST] * 3
    assert asked.facts["1"].why == f"it calls itself {os.uname().nodename!r}, declared is 'elsewhere'"
    assert fleet.looked("1") == 0


async def test_no_more_hosts_are_asked_at_once_than_may_be_under_way(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, GUARDED.replace("[1, 2, 3]", "[1, 2, 3, 4, 5, 6]"))
    under_way: set[str] = set()
    most = []

    def watch(kind: str, host: Host) -> None:
        if kind == "start":
            under_way.add(host.vmid)
            most.append(len(under_way))

    def end(kind: str, host: Host) -> None:
        if kind == "poll":
            under_way.discard(host.vmid)

    await probe(plan, Fleet(tmp_path), fault=watch, loss=end, vmids="123456")
    assert max(most) == plan.policy.max_parallel == 2


async def test_a_part_that_is_lost_leaves_what_the_others_said(tmp_path: Path) -> None:
    steps = "".join(f"  - {{name: s{n}, run: x, unless: 'false # {'x' * 900}'}}\n" for n in range(9))
    plan = plan_of(tmp_path, f"vmids: [1]\nsteps:\n{steps}")
    replies = iter(range(10**6))

    def lose(kind: str, host: Host) -> PidGone | None:
        return PidGone(message="collected") if kind == "poll" and next(replies) == 1 else None

    asked = await probe(plan, Fleet(tmp_path), loss=lose)
    answers = asked.facts["1"].answers

    assert asked.found == [Found.READY]
    assert asked.facts["1"].unasked == "the answer was lost"
    assert answers is not None
    assert answers.setsid
    assert 0 < len(answers.guards) < 9
    assert set(answers.guards.values()) == {1}
    assert {guard for _, guard in answers.guards} == {Guard.UNLESS}
