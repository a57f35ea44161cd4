"""What the fleet itself shows, asked directly and not through orc: its services, databases and working copies."""

import fcntl
import http.client
import os
import signal
import socket
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from tools.demo.fleet import VMIDS, Fleet
from tools.demo.release import checked_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one VPS shows: its service's answer to GET /health, the schema in its database, the tag of its files."""

    answer: str
    schema: str
    files: str


def as_released(tag: str) -> Sight:
    """What a VPS shows that has this release, whole."""
    return Sight(answer=f"ok {tag}", schema=tag.removeprefix("v"), files=tag)


def look(fleet: Fleet) -> dict[str, Sight]:
    """What every VPS shows now."""
    return {
        name: Sight(
            answer=_answer(fleet.port(name)),
            schema=_schema(fleet.home(name) / "guestbook.db"),
            files=checked_out(fleet.home(name) / "guestbook"),
        )
        for name in VMIDS
    }


def _answer(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().read(200).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return f"no answer ({error})"
    finally:
        connection.close()


def _schema(database: Path) -> str:
    try:
        connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
        try:
            ((version,),) = connection.execute("SELECT max(version) FROM schema_version")
        finally:
            connection.close()
    except sqlite3.Error as error:
        return f"none ({error})"
    return str(version)


def differences(seen: Mapping[str, Sight], expected: Mapping[str, Sight]) -> list[str]:
    """One sentence for each thing that is not as expected."""
    return [
        f"{name}: {field.name} is {getattr(seen[name], field.name)!r}, expected {getattr(wanted, field.name)!r}"
        for name, wanted in expected.items()
        for field in fields(Sight)
        if getattr(seen[name], field.name) != getattr(wanted, field.name)
    ]


def table(seen: Mapping[str, Sight], remarks: Mapping[str, str]) -> str:
    """All of it as text, one line a VPS."""
    head = ("VPS", "answers", "schema", "files", "")
    rows = [(name, each.answer, each.schema, each.files, remarks.get(name, "")) for name, each in seen.items()]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    )


def remains(fleet: Fleet) -> list[str]:
    """One sentence for each process and port of the fleet that is still there."""
    found = [f"the service of {name} still runs" for name in VMIDS if _is_held(_pid_file(fleet, name))]
    ports = {name: fleet.port(name) for name in VMIDS} | {"the simulator": fleet.api_port}
    return found + [f"port {port} of {name} is still open" for name, port in ports.items() if _is_open(port)]


def end_services(fleet: Fleet) -> None:
    """Kill the services that are still there: the simulator should have, but it may have been killed itself."""
    for name in VMIDS:
        file = _pid_file(fleet, name)
        if _is_held(file):
            os.kill(int(file.read_text()), signal.SIGKILL)


def _pid_file(fleet: Fleet, name: str) -> Path:
    return fleet.home(name) / "guestbook.pid"


def _is_held(pid_file: Path) -> bool:
    """Whether a living service holds the lock on its pid file."""
    if not pid_file.exists():
        return False
    with pid_file.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
