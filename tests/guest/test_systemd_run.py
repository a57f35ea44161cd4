"""The stand-in for systemd-run against the real one: whatever is asked of both, both answer alike."""

import re
import signal
import time
from pathlib import Path

from tests.guest.machines import Machine

WORDS = [
    "plain", "", " two  words ", "a\nb", "it's", '"quoted"', "back\\slash \\n \\x41", "ä🚀", "*", "~", "`id`", "$(id)",
    "$$", "$$$$", "a$$b", "$$HOME", "$HOME", "$PATH", "x$PATH", "$PATH/x", "${PATH}", "a${PATH}b", "${HOME}", "${X",
    "$", "a$", "${", "${X $$", "${LANG:-no}", "$(echo $PATH)", "${X$$:}$$", "%n", "%%", "%H/%i", "$LANG", "x$LANG$$",
    ";", "-x", "--",
]  # fmt: skip

TELL = """
out=$1; shift
{ printf '<%s>' "$@"
  echo; pwd; umask; env | sed 's/=.*//' | sort | grep -v -e PWD -e SYSTEMD_EXEC_PID -e JOURNAL_STREAM -e '^_$'
  grep SigIgn /proc/self/status; wc -c </proc/$$/fd/0
  [ "$(cut -d' ' -f6 /proc/$$/stat)" = $$ ] && echo leads a session
} >"$out.t" 2>&1; mv "$out.t" "$out"
"""


def told(machine: Machine, *options: str, words: list[str]) -> str:
    script, out = machine.files / "tell", machine.files / "out"
    script.write_text(TELL)
    done = machine.systemd_run(*options, "--unit=test-1", "sh", str(script), str(out), *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    wait_for(out)
    return re.sub(r"SigIgn:\t([0-9a-f]{16})", _only_pipe, out.read_text())


def _only_pipe(ignored: re.Match[str]) -> str:
    """Of the ignored signals SIGPIPE alone: others may be inherited from whatever runs these tests."""
    return f"SigIgn:\t{int(ignored[1], 16) & 1 << signal.SIGPIPE - 1:016x}"


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} did not come"
        time.sleep(0.01)


def test_a_command_line_and_what_is_around_it(machine: Machine) -> None:
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert told(machine, "-q", "--collect", words=WORDS).splitlines() == [
        "<plain><>< two  words ><a", "b><it's><\"quoted\"><back\\slash \\n \\x41><ä🚀><*><~><`id`>"
        f"<$><$$><a$b><$HOME><{path}><x$PATH><{path}><a{path}b><><${{X><a$><${{><${{X $$><${{LANG:-no}}><${{X$$:}}$>"
        "<%n><%%><%H/%i><C.UTF-8><x$LANG$><;><-x><-->",
        "/", "0022", "INVOCATION_ID", "LANG", "PATH", "SigIgn:\t0000000000001000", "0", "leads a session",
    ]  # fmt: skip


def test_a_broken_pipe_is_ignored_unless_it_says_no(machine: Machine) -> None:
    assert "SigIgn:\t0000000000000000\n" in told(machine, "-q", "-p", "IgnoreSIGPIPE=no", words=[])


def test_it_returns_at_once_and_a_name_is_taken_until_nothing_is_left_of_the_unit(machine: Machine) -> None:
    options = ("-q", "--collect", "-p", "KillMode=process", "--unit=test-2")
    pid = machine.files / "pid"
    tell = f'sleep 1000 & echo $$! >"{pid}.t"; mv "{pid}.t" "{pid}"'
    assert machine.systemd_run(*options, "sh", "-c", tell).returncode == 0
    wait_for(pid)
    again = machine.systemd_run(*options, "true")
    assert again.returncode == 1
    assert again.stderr.startswith("Failed to start transient service unit: Unit test-2.service was already loaded")
    assert machine.is_alive(int(pid.read_text())), "what is left is killed with the unit"


def test_what_is_left_of_a_unit_is_killed_unless_it_says_otherwise(machine: Machine) -> None:
    pid = machine.files / "pid"
    tell = f'setsid sleep 1000 & echo $$! >"{pid}.t"; mv "{pid}.t" "{pid}"'
    assert machine.systemd_run("-q", "--collect", "--unit=test-3", "sh", "-c", tell).returncode == 0
    wait_for(pid)
    deadline = time.monotonic() + 20
    while machine.is_alive(int(pid.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_program_that_is_not_there_is_refused(machine: Machine) -> None:
    done = machine.systemd_run("-q", "--unit=test-4", "no-such-program")
    assert (done.returncode, done.stderr.strip()) == (
        1,
        "Failed to find executable no-such-program: No such file or directory",
    )
