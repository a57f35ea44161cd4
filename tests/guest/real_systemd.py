"""A real systemd: the first process of namespaces of its own, with its own units, that can change no file but ours."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

BEGINNING = 20.0
"""Seconds for systemd to be up."""

_PROGRAMS = ("setpriv", "unshare", "nsenter", "mount", "systemctl", "systemd-run")
_SYSTEMD = next((path for path in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd") if Path(path).exists()), None)
_AGENT = "/sys/fs/cgroup/system.slice/agent.service/cgroup.procs"
_UNITS = {
    "sysinit.target": "[Unit]\nDefaultDependencies=no\n",
    "basic.target": "[Unit]\nDefaultDependencies=no\nWants=agent.service\n",
    "shutdown.target": "[Unit]\nDefaultDependencies=no\n",
    # Stands for the guest's agent: what is put into its control group dies when it is restarted.
    "agent.service": "[Unit]\nStartLimitIntervalSec=0\n"
    "[Service]\nExecStart=/bin/sleep infinity\nKillSignal=SIGKILL\nSuccessExitStatus=KILL\n",
}
# Its own control groups and /run; all else is read-only, but for the tests' folder. Neither the console nor the
# kernel's log hears of it, and no generator of the machine's makes units.
_BEGIN = """
set -e
folder=$1 systemd=$2
mount --make-rprivate /
mount -t proc proc /proc
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/nothing /run/units
touch /run/console
cp "$folder"/units/* /run/units
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount --bind "$folder" "$folder"
for node in /dev/kmsg /dev/console; do [ ! -e $node ] || mount --bind /run/console $node; done
for made in system-generators system-environment-generators; do
  [ ! -d "${systemd%/*}/$made" ] || mount --bind /run/nothing "${systemd%/*}/$made"
done
mount -o remount,bind,ro /
exec env -i container=unshare SYSTEMD_UNIT_PATH=/run/units PATH="$PATH" \\
  "$systemd" --system --unit=basic.target --log-target=null --show-status=no
"""
_ENTER = 'echo 0 >"$1" && shift && cd / && exec "$@"'


class Unavailable(Exception):
    """Why there can be no real systemd here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Systemd:
    """A running one. pid: of its first process, as this machine has it."""

    pid: int

    @property
    def root(self) -> Path:
        """The root of its files, as it sees them."""
        return Path(f"/proc/{self.pid}/root")

    def inside(self, *words: str, agent: bool = False) -> list[str]:
        """The command line that runs these words there; agent: in the control group of its guest agent."""
        enter = ["nsenter", "-t", str(self.pid), "-m", "-p", "-u", "-i", "-C", "--"]
        return [*enter, "sh", "-c", _ENTER, "sh", _AGENT, *words] if agent else [*enter, *words]

    def ask(self, *words: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.inside(*words), capture_output=True, text=True, check=False, timeout=60, env=env, cwd="/"
        )


@contextmanager
def running(folder: Path) -> Iterator[Systemd]:
    """A systemd that can write below the folder alone. Raises Unavailable."""
    if missing := [name for name in _PROGRAMS if shutil.which(name) is None] + ([] if _SYSTEMD else ["systemd"]):
        raise Unavailable(f"{', '.join(missing)} is not installed")
    (folder / "units").mkdir()
    for name, text in _UNITS.items():
        (folder / "units" / name).write_text(text)
    with _control_group(folder.name) as group:
        words = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "unshare",
            "-m",
            "-p",
            "-u",
            "-i",
            "-C",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            _BEGIN,
            "sh",
        ]
        with subprocess.Popen(
            ["sh", "-c", _ENTER, "sh", f"{group}/cgroup.procs", *words, str(folder), str(_SYSTEMD)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
        ) as outside:
            try:
                yield _once_up(outside)
            finally:
                outside.kill()  # and with it, by --kill-child, everything inside


def _once_up(outside: "subprocess.Popen[bytes]") -> Systemd:
    deadline = time.monotonic() + BEGINNING
    while time.monotonic() < deadline and outside.poll() is None:
        children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children")
        for pid in children.read_text().split() if children.exists() else ():
            systemd = Systemd(pid=int(pid))
            if systemd.ask("systemctl", "is-active", "agent.service").stdout == "active\n":
                return systemd
        time.sleep(0.05)
    outside.kill()
    said = outside.stdout.read().decode(errors="replace").strip() if outside.stdout else ""
    raise Unavailable(f"systemd did not begin in namespaces of its own: {said or 'it said nothing'}")


@contextmanager
def _control_group(name: str) -> Iterator[Path]:
    """A control group (version 2) for it, that is gone afterwards with all below it."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    above = next((Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"), None)
    if above is None:
        raise Unavailable("there is no cgroup2 here")
    group = above / f"orc-test-{name}"
    try:
        group.mkdir()
    except OSError as error:
        raise Unavailable(f"no control group can be made here: {error}") from None
    try:
        yield group
    finally:
        _remove(group)


def _remove(group: Path) -> None:
    """Remove it once its processes, which have been killed, are gone."""
    deadline = time.monotonic() + 10
    while group.exists():
        for folder, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()
        assert time.monotonic() < deadline, f"{group} is still in use"
        time.sleep(0.02)
