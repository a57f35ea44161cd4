"""One simulated VPS: its directory, its agent, and the table of commands which that agent knows."""

import shutil
import subprocess
import uuid
from collections import deque
from pathlib import Path

from anyio.abc import TaskGroup

from orchestrator.simulator import census, programs
from orchestrator.simulator.census import Living
from orchestrator.simulator.command import Exec, Gauge, Result, Room, spawn
from orchestrator.simulator.settings import RestartKills, SimulatorSettings

_PIDS_REMEMBERED = 64
"""How many pids are kept for the fault `recycle_pids`."""


class Vps:
    """A VPS and its agent. token: marks the processes of this simulator; running: how many commands the fleet runs."""

    def __init__(self, vmid: int, *, settings: SimulatorSettings, token: str, room: Room, running: Gauge) -> None:
        self.vmid = vmid
        self.directory = settings.dir / str(vmid)
        self.running = Gauge()
        self._restart_kills = settings.restart_kills
        self._room = room
        self._gauges = (self.running, running)
        self._table: list[Exec] = []
        self._children: list[subprocess.Popen[bytes]] = []
        self._given: deque[int] = deque(maxlen=_PIDS_REMEMBERED)
        self._home = self.directory / "home"
        self._units = self.directory / "units"
        self._sessions = self.directory / "sessions"
        machine = programs.machine_environment(settings.dir, str(vmid), mark=token, path=settings.path)
        self._marks = [f"{name}={machine[name]}".encode() for name in (programs.MARK, "ORC_VMID")]
        # Little more than the real agent gives; HOME, which that leaves unset, keeps commands out of the user's own.
        self._environment = machine | {"HOME": str(self._home), "PWD": str(self._home)}
        for name in ("home", "state", "bin", "tmp"):
            (self.directory / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        programs.install_own(self.directory, hostname=settings.hostnames.get(vmid, f"vps-{vmid}"))
        if not self._boot_id.exists():
            self._boot()

    def start(self, command: str, *, tasks: TaskGroup, pid: int | None = None) -> int:
        """Starts a command, and returns the pid to ask about it with: the system's, unless another is given.

        tasks: where the command is watched. Raises OSError when the system cannot start it.
        """
        self._home.mkdir(mode=0o700, exist_ok=True)
        child = spawn(command, directory=self._home, environment=self._environment)
        self._children = [*self.unreaped(), child]
        if not census.READS_ENVIRONMENTS:
            census.record_session(child.pid, self._sessions)
        started = Exec(child, pid=child.pid if pid is None else pid, room=self._room, gauges=self._gauges)
        self._table.append(started)
        self._given.append(started.pid)
        tasks.start_soon(started.watch, name=f"command {started.pid} of VPS {self.vmid}")
        return started.pid

    def find(self, pid: int) -> Exec | None:
        """The first command in the table with this pid, as the real agent has it."""
        return next((each for each in self._table if each.pid == pid), None)

    def collect(self, finished: Exec) -> Result:
        """The result of a finished command, whose record is gone with that."""
        self._table.remove(finished)
        return finished.result()

    def recyclable_pid(self) -> int | None:
        """A pid given before: of the oldest result not yet collected, else the last whose command is forgotten."""
        for each in self._table:
            if each.is_over:
                return each.pid
        in_use = {each.pid for each in self._table}
        return next((pid for pid in reversed(self._given) if pid not in in_use), None)

    def restart_agent(self) -> None:
        """The agent forgets every pid, and takes its commands with it as the settings say."""
        census.kill(self._in_agents_session if self._restart_kills == RestartKills.SESSION else self._in_agents_group)
        self._forget()

    def reboot(self) -> None:
        """Kills every process of the VPS; the agent knows none, and the machine has a new boot id."""
        census.kill(self.processes)
        self._forget()
        self._boot()

    def stop_commands(self) -> None:
        """Kills the commands still running, each with its session, and forgets them."""
        if self.running.now:
            census.kill(self._in_agents_session)
        self._forget()

    def power_off(self) -> None:
        """Leaves the directory as a machine that is switched off: the next simulator here boots it anew."""
        self._boot_id.unlink(missing_ok=True)

    def unreaped(self) -> list["subprocess.Popen[bytes]"]:
        """The children that have not ended, as far as can be told without waiting."""
        return [child for child in self._children if child.poll() is None]

    def sessions(self, people: tuple[Living, ...]) -> set[int]:
        """The sessions that are known to be of this VPS's making."""
        recorded = set() if census.READS_ENVIRONMENTS else census.recorded_sessions(people, self._sessions)
        return recorded | {child.pid for child in self.unreaped()}

    def processes(self, people: tuple[Living, ...]) -> set[int]:
        """The pids of everything that commands of this VPS have started."""
        seeds = census.marked(people, self._marks) | census.of_sessions(people, self.sessions(people))
        return census.family(people, seeds)

    def _in_agents_session(self, people: tuple[Living, ...]) -> set[int]:
        sessions = {each.child.pid for each in self._table if not each.is_over}
        return self.processes(people) & census.of_sessions(people, sessions)

    def _in_agents_group(self, people: tuple[Living, ...]) -> set[int]:
        units = {each.pid for each in people if any(word.startswith(b"ORC_UNIT=") for word in each.environment)}
        everything = self.processes(people)
        return everything - census.family(people, units & everything)

    def _forget(self) -> None:
        for each in self._table:
            each.forget()
        self._table.clear()

    @property
    def _boot_id(self) -> Path:
        return self.directory / "boot_id"

    def _boot(self) -> None:
        shutil.rmtree(self._units, ignore_errors=True)
        self._sessions.unlink(missing_ok=True)
        self._boot_id.write_text(f"{uuid.uuid4()}\n")
