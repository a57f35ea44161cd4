"""The VPSes of a simulator as one thing: made, counted, and at the end killed."""

import fcntl
import resource
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import anyio

from orchestrator.errors import InputError
from orchestrator.simulator import census
from orchestrator.simulator.census import Living
from orchestrator.simulator.command import Gauge, Room
from orchestrator.simulator.programs import MARK, install_shared
from orchestrator.simulator.settings import SimulatorSettings
from orchestrator.simulator.vps import Vps

OUTPUT_ROOM = 512 * 1024 * 1024
"""Bytes of output not yet collected that are kept for the whole fleet; what comes beyond is dropped."""
_DESCRIPTORS_WANTED = 16_384
_DESCRIPTORS_A_COMMAND = 3
_DEATH_TIME = 5.0
"""Seconds for killed processes to be gone. One that waits for a disk may take longer, and is left to the system."""


class Fleet:
    """Every VPS by its vmid. Raises InputError when the directory cannot be used."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self._keep_services = settings.keep_services
        self._lock = _lock(settings.dir)
        self._token = _token(self._lock)
        self.running = Gauge()
        descriptors = _descriptors()
        self.max_connections = descriptors // 4
        self.max_running = descriptors // 2 // _DESCRIPTORS_A_COMMAND
        self.vpses: dict[int, Vps] = {}
        settings = replace(settings, dir=settings.dir.resolve())
        room = Room(OUTPUT_ROOM)
        try:
            install_shared(settings.dir, path=settings.path, more=settings.programs)
            for vmid in settings.vmids:
                self.vpses[vmid] = Vps(vmid, settings=settings, token=self._token, room=room, running=self.running)
        except OSError as error:
            self._lock.close()
            raise _unusable(settings.dir, error) from error

    async def close(self) -> None:
        """Kills what the commands have started, unless services are to be kept, and waits until it is gone."""
        if self._keep_services:
            for vps in self.vpses.values():
                vps.stop_commands()
        else:
            census.kill(self._processes)
        with anyio.move_on_after(_DEATH_TIME):
            while self._is_dying():  # noqa: ASYNC110 - the end of a process that is not our child raises no event
                await anyio.sleep(0.01)
        if not self._keep_services:
            for vps in self.vpses.values():
                vps.power_off()
        self._lock.close()

    def _is_dying(self) -> bool:
        if any(vps.unreaped() for vps in self.vpses.values()):
            return True
        return not self._keep_services and bool(self._processes(census.living()))

    def _processes(self, people: tuple[Living, ...]) -> set[int]:
        sessions = set[int]().union(*(vps.sessions(people) for vps in self.vpses.values()))
        seeds = census.marked(people, [f"{MARK}={self._token}".encode()]) | census.of_sessions(people, sessions)
        return census.family(people, seeds)


def _lock(directory: Path) -> TextIO:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (directory / ".simulator").open("a+")
    except OSError as error:
        raise _unusable(directory, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise InputError.of(
            f"--dir {directory} is in use by another simulator", fix="end that one, or name another directory"
        ) from error
    return lock


def _unusable(directory: Path, error: OSError) -> InputError:
    return InputError.of(f"--dir {directory} cannot be used: {error.strerror}", fix="name a directory of your own")


def _token(lock: TextIO) -> str:
    """What marks the processes of this directory's fleet: also those that a simulator which was killed left behind."""
    lock.seek(0)
    token = lock.read().strip()
    if not token:
        token = uuid.uuid4().hex
        lock.write(token)
        lock.flush()
    return token


def _descriptors() -> int:
    """How many files this process may have open, after asking for enough: macOS starts with 256."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS_WANTED if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS_WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):  # macOS allows less than it says
            wanted = soft
    return wanted
