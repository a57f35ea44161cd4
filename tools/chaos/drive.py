"""Drives a storm: a simulated fleet in this process, orc in processes of its own, which may be killed."""

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import anyio
from anyio.abc import ByteReceiveStream
from anyio.streams.buffered import BufferedByteReceiveStream

from orchestrator.model.event import RunFinished
from orchestrator.simulator import Faults, Simulator, SimulatorSettings, running_simulator
from tools.chaos.evidence import Evidence, attempts_of, read_journal, read_status, read_vps
from tools.chaos.storm import FIRST_VMID, Storm, write_project
from tools.chaos.verdict import violations

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST_LINE = 1 << 20
SETTLING = 10.0
"""Seconds for what still runs in the guests once the run has finished."""
ENDS = (0, 3, 4, 5, 6)
"""The exit statuses of a run that was seen to its end."""
NOTHING_TO_DO = 2
"""The exit status of taking up a run that is finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """When to kill a process: `after` seconds from when it has printed that many lines, or from its start."""

    lines: int
    after: float


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of a storm. printed: orc's events, of all its processes. faults: how often each struck."""

    storm: Storm
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0
    kills: int = 0
    attempts: int = 0
    attached: int = 0
    interrupted: int = 0
    blocked: int = 0
    lists: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)


class Orc:
    """`orc` commands in a project's folder. printed: the events that they have printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed: list[dict[str, Any]] = []
        self.errors = folder / "stderr.txt"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ORC_")},
            "ORC_SIMULATOR_KEY": "demo-key",
            "ORC_STATE_DIR": str(folder / "state"),
            "PYTHONPATH": str(ROOT),
        }

    async def drive(self, words: Sequence[str], *, kill: Kill | None = None, began: anyio.Event | None = None) -> int:
        """Run a command that prints events to its end, or kill it; its exit status, negative where it was killed.

        began: set once the run has begun, and nothing was started yet or only just.
        """
        with self.errors.open("ab") as errors:
            process = await anyio.open_process(
                [sys.executable, "-m", "orchestrator", *words, "--output", "json"],
                cwd=self.folder, env=self._environment, stderr=errors, stdin=None,
            )  # fmt: skip
        async with process, anyio.create_task_group() as tasks:
            due = anyio.Event()
            if kill is not None:
                tasks.start_soon(_kill_when, process.kill, due, kill)
                if kill.lines == 0:
                    due.set()
            if process.stdout is not None:
                await self._read(process.stdout, due, kill, began)
            await process.wait()
            tasks.cancel_scope.cancel()
        return process.returncode if process.returncode is not None else 1

    async def _read(
        self, stdout: ByteReceiveStream, due: anyio.Event, kill: Kill | None, began: anyio.Event | None
    ) -> None:
        stream, lines = BufferedByteReceiveStream(stdout), 0
        while True:
            try:
                line = await stream.receive_until(b"\n", LONGEST_LINE)
            except (anyio.IncompleteRead, anyio.EndOfStream):
                return
            event = json.loads(line)
            self.printed.append(event)
            lines += 1
            if began is not None and event["type"] == "run_started":
                began.set()
            if kill is not None and lines == kill.lines:
                due.set()

    async def status(self) -> dict[str, Any]:
        """What `orc status last --output json` says."""
        words = [sys.executable, "-m", "orchestrator", "status", "last", "--output", "json"]
        done = await anyio.run_process(words, cwd=self.folder, env=self._environment)
        return read_status(done.stdout)

    def complaint(self) -> str:
        """The end of what orc has said on stderr."""
        return self.errors.read_text(errors="replace")[-2000:]


async def _kill_when(kill: Any, due: anyio.Event, when: Kill) -> None:
    await due.wait()
    await anyio.sleep(when.after)
    kill()


def draw_kill(random: Random, storm: Storm, *, first: bool) -> Kill:
    """A moment: after so many events, or (of a process that takes a run up) so soon that it may not have begun."""
    if not first and random.random() < 0.3:
        return Kill(lines=0, after=random.uniform(0.2, 1.5))
    most = max(4, storm.hosts * 20 // (storm.kills + 1))
    return Kill(
        lines=random.randint(1, most), after=random.choice((0.0, random.uniform(0, 0.05), random.uniform(0, 0.4)))
    )


async def weather(storm: Storm, folder: Path) -> Outcome:
    """See a storm through, and judge what it has left in `folder`: `fleet` (the VPSes), `state` (the journal)."""
    began_at = time.monotonic()
    outcome = Outcome(storm=storm)
    settings = SimulatorSettings(
        hosts=storm.hosts, dir=folder / "fleet", first_vmid=FIRST_VMID, slow=0.3, restart_kills=storm.restart_kills
    )
    async with running_simulator(settings) as simulator:
        write_project(storm, folder, simulator.url)
        orc = Orc(folder)
        status: int | None = await _drive_to_the_end(storm, orc, simulator, outcome)
        if status == NOTHING_TO_DO and outcome.kills:
            status = None  # it was killed after the run's end, before it could report it
        if status is not None and status not in ENDS:
            outcome.violations.append(f"orc ended with status {status}: {orc.complaint()}")
        else:
            await _settle(simulator)
            await judge(storm, orc, status, outcome)
    outcome.seconds = time.monotonic() - began_at
    return outcome


async def _drive_to_the_end(storm: Storm, orc: Orc, simulator: Simulator, outcome: Outcome) -> int:
    """Run the storm's playbook, and take the run up again each time that orc was killed; the last exit status."""
    random = Random(f"kills {storm.seed}")
    words = ["run", "chaos.yml", "-i", "fleet.yml", "--yes"]
    began = anyio.Event()
    async with anyio.create_task_group() as tasks:

        async def rage() -> None:
            # The probes before a run are not what is tested here.
            await began.wait()
            simulator.set_faults(storm.rules())
            try:
                await anyio.sleep(storm.lasts)
            finally:
                outcome.faults = dict(simulator.stats().faults)
                simulator.set_faults(Faults())

        tasks.start_soon(rage)
        while True:
            left = outcome.kills < storm.kills
            kill = draw_kill(random, storm, first=outcome.kills == 0) if left else None
            status = await orc.drive(words, kill=kill, began=began)
            if status != -signal.SIGKILL:
                break
            outcome.kills += 1
            words = ["resume", "last"]
        tasks.cancel_scope.cancel()
    return status


async def _settle(simulator: Simulator) -> None:
    """Wait for what still runs in the guests: an attempt that was given up must not begin after all."""
    with anyio.move_on_after(SETTLING):
        while simulator.stats().running:  # noqa: ASYNC110 - what is waited for happens in other processes
            await anyio.sleep(0.05)
    await anyio.sleep(0.5)


async def judge(storm: Storm, orc: Orc, status: int | None, outcome: Outcome) -> None:
    """Add to the outcome what the journal, `orc status` and the VPSes' disks say. status: orc's, None if not known."""
    run, plan, events = await read_journal(orc.folder / "state")
    finished = next((each.event for each in events if isinstance(each.event, RunFinished)), None)
    evidence = Evidence(
        run=run,
        plan=plan,
        attempts=attempts_of(plan, events),
        finished=finished,
        status=await orc.status(),
        fleet={
            name: read_vps(orc.folder / "fleet" / str(vmid), run) for vmid, name in enumerate(storm.names, FIRST_VMID)
        },
        printed=orc.printed,
    )
    outcome.violations += violations(storm, evidence)
    if finished is not None and status is not None and finished.exit != status:
        outcome.violations.append(f"orc ended with status {status}, the report says {finished.exit}")
    ends = [attempt.end for attempt in evidence.attempts.values() if attempt.end]
    outcome.attempts = len(evidence.attempts)
    outcome.attached = sum(end.attached for end in ends)
    outcome.interrupted = sum(end.detail.startswith("interrupted") for end in ends)
    outcome.blocked = sum("blocked for safety" in end.detail.lower() for end in ends)
    outcome.lists = {name: len(hosts) for name, hosts in finished.lists.items() if hosts} if finished else {}
