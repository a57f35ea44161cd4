"""Fetching an output from a guest through a provider at which things go wrong; the guest's shell is real."""

import os
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from orchestrator.clock import FakeClock
from orchestrator.engine.fetch import GONE, PATIENCE, TRIES, Guest, Missing
from orchestrator.errors import Held
from orchestrator.guest import fetch
from orchestrator.guest.fetch import Kept, Stream
from orchestrator.model.host import Host
from orchestrator.model.ids import HostName, Vmid
from orchestrator.ports import Exited, NotStarted, PidGone, Refusal, StartUnknown
from orchestrator.providers.memory import Fault, MemoryProvider

pytestmark = pytest.mark.anyio

HOST = Host(name=HostName("web-1"), vmid=Vmid("1"))
KEY = "r1/00-step.1"
DATA = bytes(range(256)) * 2


class Vps:
    """A VPS's files, and what is done to the reply of each program: spoil gets how many there were, and the stdout."""

    def __init__(self, state: Path, spoil: Callable[[int, str], str]) -> None:
        self.state, self.spoil, self.programs = state, spoil, list[str]()
        folder = state / KEY
        folder.mkdir(parents=True)
        (folder / "out").write_bytes(DATA)
        (folder / "err").write_bytes(b"")

    async def run(self, host: Host, program: str) -> Exited:
        self.programs.append(program)
        env = {"PATH": os.environ["PATH"], "ORC_STATE": str(self.state)}
        done = subprocess.run(["sh", "-c", program], env=env, capture_output=True, text=True, check=False)  # noqa: ASYNC221  # the clock waits
        return Exited(exit_code=0, stdout=self.spoil(len(self.programs), done.stdout), stderr=done.stderr)


class World:
    """A guest and what it stands on. asked: how often `before` was called."""

    def __init__(self, vps: Vps, provider: MemoryProvider, clock: FakeClock) -> None:
        self.vps, self.provider, self.clock, self.asked, self.busy_after = vps, provider, clock, 0, 10**6
        self.guest = Guest(
            host=HOST, provider=provider, clock=clock, nonce=lambda: "f00dfeedf00dfeed", before=self.before
        )

    async def before(self) -> None:
        self.asked += 1
        if self.asked > self.busy_after:
            raise Held("a run is at work there")

    async def fetch(self) -> tuple[bytes, Missing | None]:
        kept = await self.guest.look(KEY)
        assert not isinstance(kept, Missing), kept
        return await self.fetch_as(kept[Stream.OUT])

    async def fetch_as(self, kept: Kept) -> tuple[bytes, Missing | None]:
        printed: list[bytes] = []
        missing = await self.guest.fetch(KEY, Stream.OUT, kept, printed.append)
        return b"".join(printed), missing


def as_it_is(_: int, stdout: str) -> str:
    return stdout


@asynccontextmanager
async def world(
    folder: Path, *, spoil: Callable[[int, str], str] = as_it_is, fault: Fault | None = None, loss: Fault | None = None
) -> AsyncIterator[World]:
    async with FakeClock() as clock:
        vps = Vps(folder / "state", spoil)
        async with MemoryProvider(vps.run, vmids=[HOST.vmid], fault=fault, loss=loss) as provider:
            yield World(vps, provider, clock)


@pytest.fixture(autouse=True)
def _small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "RANGE", 200)


async def test_an_output_comes_whole_one_request_at_a_time_and_each_is_asked_leave_for(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        assert await there.fetch() == (DATA, None)
        assert there.asked == len(there.vps.programs) == 4
        assert there.provider.max_in_flight[HOST.vmid] == 1


async def test_lost_replies_and_results_are_asked_for_again(tmp_path: Path) -> None:
    calls = count()

    def lose(kind: str, _: Host) -> StartUnknown | PidGone | None:
        if next(calls) % 3 == 0:
            return StartUnknown(message="no answer") if kind == "start" else PidGone(message="collected")
        return None

    async with world(tmp_path, loss=lose) as there:
        assert await there.fetch() == (DATA, None)


async def test_a_range_that_is_garbled_is_asked_for_again_and_not_printed(tmp_path: Path) -> None:
    def once(number: int, stdout: str) -> str:
        return stdout.replace("A", "B") if number in (2, 4) else stdout

    async with world(tmp_path, spoil=once) as there:
        assert await there.fetch() == (DATA, None)
        assert len(there.vps.programs) == 6


async def test_a_range_that_is_garbled_every_time_is_given_up_and_what_was_verified_stays_printed(
    tmp_path: Path,
) -> None:
    async with world(
        tmp_path, spoil=lambda number, stdout: stdout.replace("A", "B") if number > 2 else stdout
    ) as there:
        printed, missing = await there.fetch()
        assert (printed, missing) == (DATA[:200], Missing(why="what came is not what the VPS has"))
        assert len(there.vps.programs) == 2 + TRIES


async def test_an_output_that_was_changed_meanwhile_is_not_called_whole(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        kept = await there.guest.look(KEY)
        assert not isinstance(kept, Missing)
        (there.vps.state / KEY / "out").write_bytes(DATA[::-1])
        printed, missing = await there.fetch_as(kept[Stream.OUT])
        assert printed == DATA[::-1]
        assert missing is not None
        assert "changed in the VPS meanwhile" in missing.why


async def test_a_record_that_is_swept_meanwhile_is_gone(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        kept = await there.guest.look(KEY)
        assert not isinstance(kept, Missing)
        (there.vps.state / KEY).rename(there.vps.state / "elsewhere")
        assert await there.fetch_as(kept[Stream.OUT]) == (b"", Missing(why=GONE))
        assert await there.guest.look(KEY) == Missing(why=GONE)


async def test_where_a_run_begins_to_work_nothing_more_is_asked(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        there.busy_after = 2
        with pytest.raises(Held):
            await there.fetch()
        assert len(there.vps.programs) == 2


@pytest.mark.parametrize("refusal", [Refusal.API_DOWN, Refusal.HOST_DOWN, Refusal.RATE_LIMITED])
async def test_a_vps_that_cannot_be_asked_is_given_up_in_half_a_minute(tmp_path: Path, refusal: Refusal) -> None:
    down = NotStarted(refusal=refusal, message="no route")
    async with world(tmp_path, fault=lambda kind, _: down if kind == "start" else None) as there:
        began = there.clock.now()
        assert await there.guest.look(KEY) == Missing(why="the VPS could not be asked (no route)", refusal=refusal)
        assert PATIENCE <= there.clock.now() - began < PATIENCE + 5
        assert there.vps.programs == []


async def test_a_program_that_the_provider_refuses_is_not_sent_again(tmp_path: Path) -> None:
    no = NotStarted(refusal=Refusal.BLOCKED, message="blocked for safety")
    async with world(tmp_path, fault=lambda kind, _: no if kind == "start" else None) as there:
        assert await there.guest.look(KEY) == Missing(
            why="the VPS could not be asked (blocked for safety)", refusal=Refusal.BLOCKED
        )
        assert there.asked == 1


async def test_a_guest_that_says_anything_else_ends_too(tmp_path: Path) -> None:
    async with world(tmp_path, spoil=lambda _, stdout: stdout.replace("exited", "kept")) as there:
        assert isinstance(await there.guest.look(KEY), Missing)
    async with world(tmp_path / "other", spoil=lambda _, stdout: stdout.replace("512 ", "512x ")) as there:
        assert await there.guest.look(KEY) == Missing(why="the VPS does not say what it has")
