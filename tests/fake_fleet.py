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
    _claims: dict[tuple[str, str, int], tuple[anyio.Event, Ran]] = field(default_factory=dict)

    async def run(self, host: Host, program: str) -> Exited:
        """Run a program of the guest protocol: the first to claim an attempt runs it, another waits for it."""
        head = _HEAD.search(program)
        if head is None:
            return await self._run_plain(str(host.name), program)
        key = (str(host.name), head["slot"], int(head["attempt"]))
        attached = key in self._claims
        if not attached:
            ended, ran = anyio.Event(), self.script(*key)
            self._claims[key] = (ended, ran)
            self.ran[key] += 1
            self.order.append(key)
            self.commands[key] = _text(program)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await self.clock.sleep_until(self.clock.now() + ran.duration)
            self.at_once -= 1
            ended.set()
        ended, ran = self._claims[key]
        await ended.wait()
        status = ran.exit_code if ran.ending.startswith(("exited", "late", "stopped", "skipped", "guard")) else "-"
        sizes = f"{len(ran.stdout.encode())} {len(ran.stderr.encode())}"
        trailer = f"\n{head['nonce']} {int(attached)} {ran.ending} {status} {sizes} 1 2 boot 7\n"
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
