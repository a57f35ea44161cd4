"""The programs that a simulated VPS has first on its PATH: its own hostname, and stand-ins for what would act on the
machine that the simulator runs on."""

import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

MARK = "ORC_SIMULATOR"
"""The variable that marks the processes of a simulator, by its token."""

SHARED = ".bin"
"""The directory, in the fleet's, of the programs that are the same for all its VPSes."""

_HOSTNAME = """\
#!/bin/sh
n={name}
case $* in
''|-f|--fqdn|--long) echo "$n";;
-s|--short) echo "${{n%%.*}}";;
*) echo "hostname: $* is not known to a simulated VPS" >&2; exit 1;;
esac
"""

# Where the machine has no setsid(1), which macOS has not. Like util-linux's it forks only where it must.
_SETSID = """\
#!/bin/sh
exec {python} -ISc {program} "$@"
"""
_SETSID_PROGRAM = """\
import os, signal, sys, time
if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
    sys.exit("setsid: this one takes a program and its arguments, no options")
if os.getpgrp() == os.getpid() and os.fork():
    os._exit(0)
os.setsid()
with open("%s/%s/sessions" % (FLEET, os.environ["ORC_VMID"]), "a") as record:
    record.write("%d %.1f\\n" % (os.getpid(), time.time()))
signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # which Python ignores, and programs inherit that
try:
    os.execvp(sys.argv[1], sys.argv[1:])
except OSError as error:
    sys.exit("setsid: %s: %s" % (sys.argv[1], error.strerror))
"""

# Without it, a command would start units on the machine that the simulator runs on. As with the real one, the unit has
# the machine's environment, not the caller's; a unit's name is taken until it is unloaded; an option that is not
# acted upon is refused.
_SYSTEMD_RUN = """\
#!/bin/sh
[ "$ORC_VMID" ] || exit 1
unit=run-$$ quiet= wait=1 collect= remain= dir=/ out=/dev/null err= type=simple
refuse() {{ echo "systemd-run: $1 is not known to a simulated VPS" >&2; exit 1; }}
property() {{
  case $1 in
  Type=oneshot|Type=simple|Type=exec) type=${{1#*=}};;
  RemainAfterExit=yes) remain=1;;
  RemainAfterExit=no) remain=;;
  StandardInput=null) ;;
  StandardOutput=file:*) out=${{1#*:}};;
  StandardError=file:*) err=${{1#*:}};;
  WorkingDirectory=*) dir=${{1#*=}};;
  *) refuse "$1";;
  esac
}}
while [ $# -gt 0 ]; do
  case $1 in
  --unit=*) unit=${{1#*=}};;
  -u|--unit) unit=$2; shift;;
  -q|--quiet) quiet=1;;
  -G|--collect) collect=1;;
  --no-block) wait=;;
  --description=*|--expand-environment=no) ;;
  --service-type=*) property "Type=${{1#*=}}";;
  --working-directory=*) dir=${{1#*=}};;
  --property=*) property "${{1#*=}}";;
  -p|--property) property "$2"; shift;;
  --) shift; break;;
  -*) refuse "$1";;
  *) break;;
  esac
  shift
done
[ $# -gt 0 ] || refuse "a unit without a program"
unit=${{unit%.service}}
case $unit in */*|.*|'') refuse "the unit's name $unit";; esac
loaded="{fleet}/$ORC_VMID/units/$unit"
mkdir -p "${{loaded%/*}}"
cd "$dir" || exit 1
mkdir "$loaded" 2>/dev/null || {{
  echo "Failed to start transient service unit: Unit $unit.service was already loaded or has a fragment file." >&2
  exit 1
}}
[ "$quiet" ] || echo "Running as unit: $unit.service" >&2
export loaded remain collect
ORC_UNIT=$unit
export ORC_UNIT
(exec >"$out" </dev/null; if [ "$err" ]; then exec 2>"$err"; else exec 2>&1; fi
exec setsid sh -c '
  "$@"
  s=$?
  if [ $s = 0 ]; then [ "$remain" ] || rmdir "$loaded"; else [ ! "$collect" ] || rmdir "$loaded"; fi
' sh env -i {environment} ORC_UNIT="$unit" "$@") &
if [ $type = oneshot ] && [ "$wait" ]; then wait $!; fi
"""

_REFUSED = """\
#!/bin/sh
echo "${0##*/}: not on a simulated VPS, whose commands run on the machine of the simulator" >&2
exit 1
"""
_NEVER = ("systemctl", "service", "reboot", "shutdown", "poweroff", "halt")
"""What would reach the machine that the simulator runs on, where its user may do so."""


def install_shared(fleet: Path, *, path: str, more: Mapping[str, str]) -> None:
    """Writes the programs that are the same for all VPSes below `fleet`.

    path: what follows them on every PATH. more: text of further programs, by name.
    """
    directory = fleet / SHARED
    directory.mkdir(mode=0o700, exist_ok=True)
    programs = dict.fromkeys(_NEVER, _REFUSED)
    variables = machine_environment(fleet, "$ORC_VMID", mark="$ORC_SIMULATOR", path=path)
    assignments = " ".join(f'{name}="{_in_quotes(value)}"' for name, value in variables.items())
    programs["systemd-run"] = _SYSTEMD_RUN.format(fleet=_in_quotes(str(fleet)), environment=assignments)
    if shutil.which("setsid", path=path) is None:
        programs["setsid"] = setsid(fleet)
    for name, text in (programs | dict(more)).items():
        write(directory / name, text)


def install_own(vps: Path, *, hostname: str) -> None:
    """Writes the programs of one VPS into the directory that is first on its PATH."""
    write(vps / "bin" / "hostname", _HOSTNAME.format(name=shlex.quote(hostname)))


def machine_environment(fleet: Path, vmid: str, *, mark: str, path: str) -> dict[str, str]:
    """What every process on a VPS is started with. mark: the simulator's token."""
    vps = fleet / vmid
    return {
        MARK: mark,
        "ORC_VMID": vmid,
        "PATH": f"{vps / 'bin'}:{fleet / SHARED}:{path}",
        "LANG": "C.UTF-8",
        "ORC_STATE": str(vps / "state"),
        "ORC_BOOT_ID_FILE": str(vps / "boot_id"),
        "TMPDIR": str(vps / "tmp"),
    }


def setsid(fleet: Path) -> str:
    """The stand-in for setsid(1)."""
    program = f"FLEET = {str(fleet)!r}\n{_SETSID_PROGRAM}"
    return _SETSID.format(python=shlex.quote(sys.executable), program=shlex.quote(program))


def write(file: Path, text: str) -> None:
    """Writes an executable, replacing what a command may have made of it."""
    file.unlink(missing_ok=True)
    file.write_text(text)
    file.chmod(0o755)


def _in_quotes(text: str) -> str:
    """The text for a shell's double quotes, in which the VPS's own variables, and only those, are expanded."""
    return re.sub(r'(["\\`]|\$(?!ORC_(?:VMID|SIMULATOR)\b))', r"\\\1", text)
