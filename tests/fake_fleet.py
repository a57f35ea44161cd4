"""A fleet of guests in memory: it reads the guest's program and does by script what a shell would do."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from orchestrator.model.host import Host
from orchestrator.ports import Clock, Exited

_HEAD = re.compile(r"^o_run (?P<run>[^/\s]+)/(?P<slot>\S+)\.(?P<attempt>\d+) (?P<nonce>[0-9a-f]+) ", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command does: how it exits, what it prints, how long it takes (seconds). ending: the guest's word."""

    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""
    duration: float = 0.0
    ending: str = "exited"


_STOP = re.compile(r"^o_stop [^/\s]+/(?P<slot>\S+)\.(?P<attempt>\d+) (?P<nonce>[0-9a-f]+) ", re.MULTILINE)


@dataclass(kw_only=True)
class _Claim:
    """An attempt that runs, or has: how it ends, when it has, and what ends it before its time."""

    ran: Ran
    ended: anyio.Event = field(default_factory=anyio.Event)
    sleep: anyio.CancelScope = field(default_factory=anyio.CancelScope)


def _text(program: str) -> str:
    """The command's text in the program: the first of the here-documents that its line announces."""
    line, rest = program[program.index("\no_run ") + 1 :].split("\n", 1)
    delimiter = line.split("<<'", 1)[1].split("'", 1)[0]
    return rest.split(f"\n{delimiter}\n", 1)[0]


Script = Callable[[str, str, int], Ran]
"""What the command of a slot (`00-pull`, `01-migrate-undo`) does on a host at an attempt.

Of a plain command: its text, and how often that was sent there.
"""


@dataclass(kw_only=True)
class FakeFleet:
    """ran: how often each (host, slot, attempt) was really run; order: in which order; at_once: attempts at once."""

    script: Script
    clock: Clock
    ran: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    order: list[tuple[str, str, int]] = field(default_factory=list)
    commands: dict[tuple[str, str, int], str] = field(default_factory=dict)
    at_once: int = 0
    most_at_once: int = 0
    _claims: dict[tuple[str, str, int], _Claim] = field(default_factory=dict)

    async def run(self, host: Host, program: str) -> Exited:
        """Run a program of the guest protocol: the first to claim an attempt runs it, another waits for it."""
        head = _HEAD.search(program)
        if stop := _STOP.search(program):
            return await self._stop(str(host.name), stop)
        if head is None:
            return await self._run_plain(str(host.name), program)
        key = (str(host.name), head["slot"], int(head["attempt"]))
        attached = key in self._claims
        if not attached:
            claim = self._claims[key] = _Claim(ran=self.script(*key))
            self.ran[key] += 1
            self.order.append(key)
            self.commands[key] = _text(program)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            with claim.sleep:
                await self.clock.sleep_until(self.clock.now() + claim.ran.duration)
            self.at_once -= 1
            claim.ended.set()
        return await self._told(self._claims[key], head["nonce"], attached=attached)

    async def _stop(self, host: str, stop: re.Match[str]) -> Exited:
        """End an attempt, or claim it so that it will never begin, and tell what came of it."""
        key = (host, stop["slot"], int(stop["attempt"]))
        stopped = Ran(ending="stopped", exit_code=143)
        claim = self._claims.setdefault(key, _Claim(ran=stopped))
        if not claim.ended.is_set():
            claim.ran = stopped
            claim.sleep.cancel()
            claim.ended.set()
        return await self._told(claim, stop["nonce"], attached=True)

    async def _told(self, claim: _Claim, nonce: str, *, attached: bool) -> Exited:
        await claim.ended.wait()
        ran = claim.ran
        status = ran.exit_code if ran.ending.startswith(("exited", "late", "stopped", "skipped", "guard")) else "-"
        sizes = f"{len(ran.stdout.encode())} {len(ran.stderr.encode())}"
        trailer = f"\n{nonce} {int(attached)} {ran.ending} {status} {sizes} 1 2 boot 7\n"
        return Exited(exit_code=0, stdout=ran.stdout + trailer, stderr=ran.stderr)

    async def _run_plain(self, host: str, text: str) -> Exited:
        """Run a command that nothing is around: again, however often it is sent."""
        times = sum((host, text) == (name, slot) for name, slot, _ in self.order)
        key = (host, text, times + 1)
        ran = self.script(*key)
        self.ran[key] += 1
        self.order.append(key)
        await self.clock.sleep_until(self.clock.now() + ran.duration)
        return Exited(exit_code=ran.exit_code, stdout=ran.stdout, stderr=ran.stderr)
