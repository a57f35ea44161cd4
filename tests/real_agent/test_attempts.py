"""One step on a VPS with a real agent: it is run once and its result is recovered, whatever the agent makes of it."""

import os
import signal
import time
from functools import partial

import anyio
import pytest

from orchestrator.core.attempt import Pace
from orchestrator.guest import library
from orchestrator.guest.library import OUTPUT_CAP
from orchestrator.model.playbook import Outcome
from orchestrator.simulator.http_server import Dropped, Response
from orchestrator.simulator.mishaps import Call
from tests.real_agent.bridge import LONGEST, Bridge
from tests.real_agent.drive import Ran, run_step
from tests.real_agent.qemu_ga import Vps
from tests.simulator.fleet_client import eventually, is_alive

pytestmark = pytest.mark.anyio

ONCE = "echo x >> count; echo done"
WAITS = "echo x >> count; while [ ! -e go ]; do sleep 0.02; done; echo done"


def assert_ran_once(vps: Vps, ran: Ran, *, attached: bool) -> None:
    assert vps.read("count") == "x\n"
    assert (ran.only.outcome, ran.only.attached, ran.stdout) == (Outcome.OK, attached, "done\n")


async def refusal(bridge: Bridge, words: bytes) -> None:
    """Wait until something that is asked from now on is refused with these words."""
    before = len(bridge.exchanges)

    def asked() -> bool:
        replies = [each.reply for each in bridge.exchanges[before:]]
        return any(isinstance(reply, Response) and words in reply.body for reply in replies)

    await eventually(asked)


def the_only(vps: Vps, name: str) -> bytes:
    """What is in a file of the only attempt's record in the guest."""
    (file,) = vps.state.glob(f"*/*/{name}")
    return file.read_bytes()


async def test_the_library_is_kept_on_first_contact_and_used_from_then_on(bridge: Bridge, vps: Vps) -> None:
    first, second = await run_step(bridge, vps, "echo 1"), await run_step(bridge, vps, "echo 2")

    program, kept, again, only = bridge.commands(vps.vmid)
    assert (first.stdout, second.stdout) == ("1\n", "2\n")
    assert program == again
    assert (library.text() in kept, library.text() in only) == (True, False)
    assert (vps.state / library.name()).read_text() == library.text() + "\n"


async def test_home_path_and_language_that_the_agent_lacks_are_there(bridge: Bridge, vps: Vps) -> None:
    ran = await run_step(bridge, vps, 'echo "$HOME" ~; pwd; echo "$LANG"; echo "$PATH"', at_home=True)

    home, directory, language, path = ran.stdout.splitlines()
    assert (home, directory) == ("/root /root", "/root")
    assert language
    assert set(path.split(":")) >= {"/usr/local/bin", "/usr/sbin", "/sbin", "/usr/bin"}


@pytest.mark.parametrize(("lost", "attached"), [(1, False), (2, False), (3, True)])
async def test_a_start_whose_answer_is_lost_is_run_once(bridge: Bridge, vps: Vps, lost: int, attached: bool) -> None:
    """On first contact the program is started in vain, then what keeps the library, then the program."""
    bridge.lose.add((Call.EXEC, lost))
    ran = await run_step(bridge, vps, ONCE)

    assert [each.reply for each in bridge.exchanges].count(Dropped()) == 1
    assert_ran_once(vps, ran, attached=attached)


@pytest.mark.parametrize(("lost", "attached"), [(1, False), (2, False), (3, True)])
async def test_a_result_whose_answer_is_lost_is_told_again(bridge: Bridge, vps: Vps, lost: int, attached: bool) -> None:
    """The real agent tells each result once: of the program that ran in vain, of the one that kept the library, ..."""
    bridge.lose.add((Call.POLL, lost))
    ran = await run_step(bridge, vps, ONCE)

    index = [each.reply for each in bridge.exchanges].index(Dropped())
    refused = bridge.exchanges[index + 1]
    assert refused.asked == bridge.exchanges[index].asked
    assert isinstance(refused.reply, Response)
    assert b"Invalid parameter 'pid'" in refused.reply.body
    assert_ran_once(vps, ran, attached=attached)


@pytest.mark.parametrize("frozen", [False, True])
async def test_a_step_outlives_its_agent_and_its_result_is_recovered(bridge: Bridge, vps: Vps, frozen: bool) -> None:
    ran: list[Ran] = []

    async def run() -> None:
        ran.append(await run_step(bridge, vps, WAITS))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await eventually((vps.files / "count").exists)
        vps.kill()
        await refusal(bridge, b"guest agent is not running")
        if frozen:
            vps.start(frozen=True)
            await refusal(bridge, b"the agent is in frozen state")
            vps.kill()
        vps.start()
        (vps.files / "go").touch()

    assert_ran_once(vps, ran[0], attached=True)


async def test_a_step_waits_until_the_file_systems_thaw_and_is_run_once(bridge: Bridge, vps: Vps) -> None:
    vps.kill()
    vps.start(frozen=True)
    ran: list[Ran] = []

    async def run() -> None:
        ran.append(await run_step(bridge, vps, ONCE))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await refusal(bridge, b"the agent is in frozen state")
        vps.kill()
        vps.start()

    assert_ran_once(vps, ran[0], attached=False)


async def test_where_exec_is_switched_off_the_host_is_unreachable_and_the_report_says_why(
    bridge: Bridge, vps: Vps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.wiring.driving.Pace", partial(Pace, patience=1.0, slack=1.0))
    vps.kill()
    vps.start("--block-rpcs=guest-exec")
    ran = await run_step(bridge, vps, ONCE, limit="1s")

    assert (ran.only.outcome, ran.finished.exit) == (Outcome.UNREACHABLE, 6)
    assert "guest-exec has been disabled" in ran.only.detail
    assert not (vps.files / "count").exists()


async def test_a_child_in_the_background_does_not_hold_a_step_open(bridge: Bridge, vps: Vps) -> None:
    began = time.monotonic()
    ran = await run_step(bridge, vps, "sleep 1000 & echo $! > child; echo started")

    child = int(vps.read("child"))
    assert time.monotonic() - began < 15
    assert ran.stdout == "started\n"
    assert is_alive(child)
    os.kill(child, signal.SIGKILL)


async def test_over_its_time_out_a_command_is_killed_with_its_children(bridge: Bridge, vps: Vps) -> None:
    ran = await run_step(bridge, vps, "echo $$ > leader; sleep 1000 & echo $! > child; sleep 1000", limit="1s")

    assert (ran.only.outcome, ran.only.may_be_running, ran.finished.exit) == (Outcome.TIMED_OUT, False, 3)
    assert "killed in the guest" in ran.only.detail
    pids = {int(vps.read(name)) for name in ("leader", "child")}
    await eventually(lambda: not any(is_alive(pid) for pid in pids))


async def test_output_that_is_not_utf8_is_marked_where_it_is_not_and_whole_in_the_guest(
    bridge: Bridge, vps: Vps
) -> None:
    ran = await run_step(bridge, vps, r"printf 'gr\303\274n \377\376 caf\351 \342\202'")

    assert ran.only.result
    assert ran.stdout == "grün \ufffd\ufffd caf\ufffd \ufffd"
    assert ran.only.result.stdout_size == 16
    assert the_only(vps, "out").endswith(b"caf\xe9 \xe2\x82")


async def test_a_long_output_is_capped_and_told_with_its_true_size(bridge: Bridge, vps: Vps) -> None:
    ran = await run_step(bridge, vps, "echo first; head -c 3000000 /dev/zero | tr '\\0' x; echo last")

    assert ran.only.result
    assert ran.only.result.stdout_size == 3_000_011
    assert len(ran.stdout) < OUTPUT_CAP + 100
    assert (ran.stdout[:7], ran.stdout[-7:]) == ("first\nx", "xxlast\n")
    assert f"{3_000_011 - OUTPUT_CAP} bytes left out" in ran.stdout
    assert len(the_only(vps, "out")) == 3_000_011


async def test_a_command_that_is_too_long_for_one_request_arrives_whole(bridge: Bridge, vps: Vps) -> None:
    lines = "".join(f"{number:04d} $HOME `id` 'å' \\\n" for number in range(12_000 // 21))
    command = f"echo x >> count\ncat <<'END'\n{lines}END"
    assert len(command) > 11_900
    ran = await run_step(bridge, vps, command)

    sent = bridge.commands(vps.vmid)
    assert sum("o_keep" in each for each in sent) >= 3
    assert max(len(each) for each in sent) <= LONGEST
    assert vps.read("count") == "x\n"
    assert ran.stdout == lines
    assert the_only(vps, "cmd").decode() == command
