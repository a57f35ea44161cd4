"""The embedded fleet of the demo: the simulator as a process, its inventory, and `orc` run against it."""

import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent.parent
VMIDS: Mapping[str, int] = {f"vps-{number:02}": 9999 + number for number in range(1, 13)}
"""The hosts of inventories/demo.yml."""

_PATIENCE = 20.0
_KEY = "ORC_SIMULATOR_KEY"
_NOT_OURS = ("ORC_DATABASE_URL", "ORC_SERVER", "ORC_TOKEN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Where the fleet is: its folder, the port of its API, and the first of its services' ports.

    state: the folder of the journal, from the project's folder.
    """

    folder: Path
    state: Path
    api_port: int
    first_port: int
    key: str

    @property
    def inventory(self) -> Path:
        return self.folder / "demo.yml"

    def home(self, name: str) -> Path:
        """What HOME is on this VPS."""
        return self.folder / "fleet" / str(VMIDS[name]) / "home"

    def port(self, name: str) -> int:
        """The port that its service listens on."""
        return self.first_port + VMIDS[name] - 10000


def plan_fleet(folder: Path, state: Path) -> Fleet:
    """Choose free ports, and write the inventory that names them: a copy of the embedded fleet's."""
    first = _free_ports(len(VMIDS) + 1)
    fleet = Fleet(folder=folder, state=state, first_port=first, api_port=first + len(VMIDS), key=secrets.token_hex(8))
    text = (ROOT / "inventories/demo.yml").read_text()
    for written, ours in ((":8765", f":{fleet.api_port}"), ("first_port: 18000", f"first_port: {first}")):
        if written not in text:
            raise RuntimeError(f"inventories/demo.yml does not hold {written!r}")
        text = text.replace(written, ours)
    fleet.inventory.write_text(text)
    return fleet


def _free_ports(count: int) -> int:
    """The first of `count` free ports in a row: below those that systems give to clients, which come and go."""
    step, steps = 20, 500
    for number in range(steps):
        first = 18000 + (os.getpid() + number) % steps * step
        if all(_is_free(first + more) for more in range(count)):
            return first
    raise RuntimeError(f"no {count} free ports in a row from 18000 on")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def environment(fleet: Fleet) -> dict[str, str]:
    """The environment of every `orc` of the demo."""
    theirs = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
    return theirs | {"ORC_STATE_DIR": str(fleet.state), _KEY: fleet.key}


def orc(fleet: Fleet, *words: str, output: IO[str] | None = None) -> int:
    """Run an `orc` command to its end; its exit status. output: where all it prints goes, None for our own."""
    with _running_orc(fleet, words, output) as process:
        return process.wait()


@contextmanager
def running_fleet(fleet: Fleet) -> Iterator[None]:
    """The simulator, as long as the block lasts; it kills what its commands have started when it ends."""
    log = fleet.folder / "simulator.log"
    words = ("simulator", "--port", str(fleet.api_port), "--hosts", str(len(VMIDS)), "--first-vmid", "10000")
    more = ("--key", fleet.key, "--dir", str(fleet.folder / "fleet"))
    with log.open("w") as output, _running_orc(fleet, words + more, output) as process:
        deadline = time.monotonic() + _PATIENCE
        while not _answers(fleet.api_port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the simulator did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/_simulator/stats")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def _running_orc(fleet: Fleet, words: tuple[str, ...], output: IO[str] | None) -> "Iterator[subprocess.Popen[bytes]]":
    """An `orc` process, stopped at the end of the block if it still runs.

    It has a session of its own: Ctrl-C reaches the demo alone, which then stops things in their order.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *words],
        cwd=ROOT,
        env=environment(fleet),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                process.send_signal(sign)
                try:
                    process.wait(_PATIENCE)
                except subprocess.TimeoutExpired:
                    continue
