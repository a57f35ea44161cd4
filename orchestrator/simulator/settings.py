"""What a simulated fleet is like."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.model.origin import COMMAND_LINE, Problem
from orchestrator.simulator.faults import Faults

MAX_HOSTS = 20_000


class RestartKills(StrEnum):
    """What dies with a VPS's agent when it restarts."""

    SESSION = "session"
    """The commands still running, each with its session; what they put into another session lives on."""
    ALL = "all"
    """Everything that any command has started, as systemd does with a service's control group; only what
    `systemd-run` started lives on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """A fleet of `hosts` VPSes with vmids from `first_vmid` on; each has its directory in `dir`.

    key: what a client must send. port: 0 takes any free one. seed: of the faults, where these name none.
    rate, burst: API calls a second, and at once, before 429; None for no limit.
    blocked: regular expressions of further commands that the safety filter refuses.
    max_command: characters. keep_alive: seconds after which an idle connection is closed.
    slow: seconds of the fault of that name. hostnames: of the VPSes that are not called `vps-VMID`.
    programs: text of further executables on the PATH of every VPS, by name. path: what follows these on PATH.
    keep_services: at the end, what commands left running in sessions of their own is not killed.
    """

    hosts: int
    dir: Path
    first_vmid: int = 10000
    key: str = field(default="demo-key", repr=False)
    port: int = 0
    seed: int = 0
    faults: Faults | None = None
    rate: float | None = None
    burst: int = 10
    blocked: tuple[str, ...] = ()
    # HostUp v2 documents 4,096 characters; for v1, which documents nothing, the same is assumed.
    max_command: int = 4096
    # Proxmox VE's own: clients must expect it of anything that stands before one.
    keep_alive: float = 5.0
    slow: float = 3.0
    restart_kills: RestartKills = RestartKills.SESSION
    keep_services: bool = False
    hostnames: Mapping[int, str] = field(default_factory=dict)
    programs: Mapping[str, str] = field(default_factory=dict)
    path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    @property
    def vmids(self) -> range:
        return range(self.first_vmid, self.first_vmid + self.hosts)

    def check(self) -> None:
        """Raises InputError with everything that is wrong with these settings."""
        wrong = [
            (not 1 <= self.hosts <= MAX_HOSTS, f"--hosts must be from 1 to {MAX_HOSTS}"),
            (not 1 <= self.first_vmid <= 10**9, "--first-vmid must be from 1 to 1000000000"),
            (not re.fullmatch(r"[!-~]{1,512}", self.key), "--key must be printable ASCII without spaces"),
            # The directory stands in PATH, which has no way to quote.
            (re.search(r"[:\n]", str(self.dir)) is not None, "--dir must have neither a colon nor a line break"),
            (not 0 <= self.port <= 65535, "--port must be from 0 to 65535"),
            (self.rate is not None and self.rate <= 0, "the rate must be above 0"),
            (self.burst < 1, "the burst must be at least 1"),
            (self.max_command < 1, "the largest command must be at least 1"),
            (self.keep_alive <= 0 or self.slow < 0, "a time must be above 0"),
            *((not _is_pattern(text), f"not a regular expression: {text}") for text in self.blocked),
            *((not re.fullmatch(r"[\w.+-]+", name), f"not a program's name: {name}") for name in self.programs),
            *((not _is_hostname(name), f"not a hostname: {name}") for name in self.hostnames.values()),
        ]
        problems = [Problem(origin=COMMAND_LINE, problem=problem) for is_wrong, problem in wrong if is_wrong]
        if problems:
            raise InputError(problems)


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _is_hostname(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", text) is not None
