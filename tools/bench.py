"""Benchmarks, as ratios within one run: `make bench`. No test depends on a time measured here."""

import gc
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Self

import anyio

from orchestrator.clock import SystemClock
from orchestrator.controller import ThisMachine
from orchestrator.core.attempt import Pace
from orchestrator.core.expand import expand, inventory_of_vmids
from orchestrator.core.run_state import RunState
from orchestrator.engine.live_run import LiveRun, Outside
from orchestrator.engine.runs import LocalDispatcher, carry_on
from orchestrator.http import Answer, ApiClient
from orchestrator.journal.memory import MemoryJournal
from orchestrator.journal.sql import SqlJournal
from orchestrator.load import load_playbook
from orchestrator.model.host import Host, ProviderSpec
from orchestrator.model.ids import RunId
from orchestrator.model.plan import Plan
from orchestrator.ports import (
    Capabilities,
    Exited,
    Journal,
    PollReply,
    ProbeReply,
    Provider,
    Reachable,
    RunRecord,
    Started,
    StartReply,
)
from orchestrator.providers import PROVIDERS

HOSTS, STEPS, COMMAND_TAKES = 1000, 5, 0.05
_NONCE = re.compile(r"\no_run \S+ ([0-9a-f]{16}) ")


class InstantProvider:
    """Answers in the same tick of the loop: what is left is the engine's own cost."""

    capabilities = Capabilities(poll_floor=0.0)

    def __init__(self) -> None:
        self._pids = count(1)
        self._nonces: dict[int, str] = {}

    async def start(self, host: Host, command: str) -> StartReply:
        pid, nonce = next(self._pids), _NONCE.search(command)
        self._nonces[pid] = nonce[1] if nonce else ""
        return Started(pid=pid)

    async def poll(self, host: Host, pid: int) -> PollReply:
        return Exited(exit_code=0, stdout=f"\n{self._nonces.pop(pid)} 0 exited 0 0 0 1 1 b 7\n", stderr="")

    async def probe(self, host: Host) -> ProbeReply:
        return Reachable()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        return None


def make_plan(folder: Path, url: str) -> Plan:
    """HOSTS x STEPS trivial steps, in one wave, with no bound on what is in flight."""
    steps = "".join(f"  - {{name: s{i}, run: 'true'}}\n" for i in range(STEPS))
    path = folder / "bench.yml"
    vmids = ", ".join(str(10000 + i) for i in range(HOSTS))
    path.write_text(f"name: bench\nvmids: [{vmids}]\nrollout: {{max_parallel: {HOSTS}}}\nsteps:\n{steps}")
    playbook = load_playbook(path)
    spec = ProviderSpec(kind="simulator", url=url, api_key="env:BENCH_KEY")
    inventory = inventory_of_vmids(playbook, spec)
    return expand(playbook, inventory, inventory.hosts, {})


async def run_engine(plan: Plan, provider: Provider, journal: Journal) -> None:
    """The whole run, as `orc run` drives it, without preflight and without a view."""
    clock = SystemClock()
    nonces = (f"{n:016x}" for n in count(1))
    pace = replace(Pace(), poll_floor=provider.capabilities.poll_floor)
    outside = Outside(
        journal=journal,
        provider=provider,
        clock=clock,
        nonce=lambda: next(nonces),
        chance=lambda: 0.5,
        pace=pace,
        controller=ThisMachine(),
    )
    async with journal, provider:
        await journal.create(RunRecord(id=RunId("bench"), plan=plan, created_at=clock.now(), by="bench"))
        live = LiveRun(RunId("bench"), RunState(plan), outside)
        await carry_on(live, LocalDispatcher(), by="bench")
        assert live.state.finished
        assert live.state.finished.exit == 0, live.state.finished


async def bare_loop(url: str) -> None:
    """What the HTTP alone costs: the same requests over the same transport, with no orchestrator around them."""
    async with ApiClient(url, headers={"X-API-Key": "bench-key"}) as client, anyio.create_task_group() as tasks:
        for vmid in range(10000, 10000 + HOSTS):
            tasks.start_soon(_bare_host, client, f"/api/vm/{vmid}/agent/exec")


async def _bare_host(client: ApiClient, path: str) -> None:
    command = {"command": "x" * 350}
    for _ in range(STEPS):
        started = await client.request("POST", path, json=command)
        assert isinstance(started, Answer)
        pid = re.search(rb'"pid":(\d+)', started.body)
        assert pid
        while True:
            await anyio.sleep(COMMAND_TAKES)
            polled = await client.request("GET", path, params={"pid": pid[1].decode()})
            assert isinstance(polled, Answer)
            if b'"exited":true' in polled.body:
                break


def measure(work: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Wall and CPU seconds of one piece of work in a fresh event loop."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    anyio.run(work)
    return time.perf_counter() - wall, time.process_time() - cpu


def bench_engine(folder: Path) -> None:
    plan = make_plan(folder, "http://127.0.0.1:1")
    attempts = HOSTS * STEPS
    print(f"\nThe engine's own cost: {HOSTS} hosts x {STEPS} trivial steps, a provider that answers at once")

    async def in_memory() -> None:
        await run_engine(plan, InstantProvider(), MemoryJournal(clock=SystemClock()))

    async def in_sqlite() -> None:
        await run_engine(plan, InstantProvider(), SqlJournal(f"sqlite:///{folder}/engine.db", clock=SystemClock()))

    for name, work in (("journal in memory", in_memory), ("journal in SQLite, every commit synced", in_sqlite)):
        wall, cpu = measure(work)
        print(f"  {name:<40} {wall:6.2f} s   {1e6 * cpu / attempts:6.0f} us of CPU a step")


def cpu_of(words: Sequence[str], folder: Path) -> float:
    """CPU seconds of a whole process, started in a folder: the least of five, since what disturbs it only adds."""
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent)


def bench_start(folder: Path) -> None:
    print("\nThe start of a command, in CPU, beside a bare `python -c pass`")
    (folder / "small.yml").write_text("vmids: [10000]\nsteps: [{run: 'true'}]\n")
    bare = cpu_of([sys.executable, "-c", "pass"], folder)
    for command in ("--version", "plan small.yml", "runs"):
        spent = cpu_of([sys.executable, "-m", "orchestrator", *command.split()], folder)
        print(f"  {f'orc {command}':<40} {spent:6.2f} s   {spent / bare:6.1f} times as much")


def bench_http(folder: Path) -> None:
    os.environ["BENCH_KEY"] = "bench-key"
    print(f"\nThe makespan over HTTP: the same hosts and steps of {COMMAND_TAKES * 1000:.0f} ms, beside a bare loop")
    command = [sys.executable, "-m", "tools.bench_server", str(COMMAND_TAKES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        plan = make_plan(folder, url)

        async def bare() -> None:
            await bare_loop(url)

        async def whole() -> None:
            provider = PROVIDERS["simulator"](plan.provider, "bench-key")
            journal = SqlJournal(f"sqlite:///{folder}/http-{time.monotonic_ns()}.db", clock=SystemClock())
            await run_engine(plan, provider, journal)

        try:
            bare_times = sorted(measure(bare)[0] for _ in range(3))
            whole_times = sorted(measure(whole)[0] for _ in range(3))
        finally:
            server.terminate()
    print(f"  {'bare loop, same transport':<40} {bare_times[1]:6.2f} s   (median of 3)")
    print(f"  {'orchestrator, journal in SQLite':<40} {whole_times[1]:6.2f} s   (median of 3)")
    print(f"  ratio {whole_times[1] / bare_times[1]:.2f}")


def main() -> None:
    """Run every benchmark and print what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        bench_start(Path(folder))
        bench_engine(Path(folder))
        bench_http(Path(folder))
    subprocess.run([sys.executable, Path(__file__).with_name("bench_plan.py")], check=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"\nPeak memory of this process: {peak / (1 << 10 if sys.platform != 'darwin' else 1 << 20):.0f} MB")


if __name__ == "__main__":
    main()
