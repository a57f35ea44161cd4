"""The text of a plain command, as a real shell takes it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from orchestrator.guest import plain
from orchestrator.model.plan import Command

NASTY = 'printf "%s|" "a b" \'$HOME\' "`echo c`" \\\'; exit 3'


def sh(text: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    env = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(["sh", "-c", text], env=env, capture_output=True, text=True, check=False, timeout=20)


def test_a_command_that_asks_for_nothing_is_sent_as_its_author_wrote_it() -> None:
    assert plain.write(Command(text=NASTY)) == NASTY


def test_variables_and_folder_come_before_the_command_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "my app").mkdir()
    command = Command(text='echo "$A" "$PWD"', cwd="my app", env=(("A", "it's"), ("B", "2")))

    assert sh(plain.write(command), HOME=str(tmp_path)).stdout == f"it's {tmp_path}/my app\n"
    assert plain.write(command).endswith('\necho "$A" "$PWD"')


@pytest.mark.parametrize(("cwd", "below"), [("~", ""), ("~/x", "/x"), ("x", "/x"), ("-x", "/-x")])
def test_a_folder_is_relative_to_home(tmp_path: Path, cwd: str, below: str) -> None:
    for name in ("x", "-x"):
        (tmp_path / name).mkdir()

    assert sh(plain.write(Command(text="pwd", cwd=cwd)), HOME=str(tmp_path)).stdout == f"{tmp_path}{below}\n"


def test_a_folder_that_is_not_there_ends_it(tmp_path: Path) -> None:
    ended = sh(plain.write(Command(text="echo ran", cwd=f"{tmp_path}/nowhere")))

    assert (ended.returncode != 0, ended.stdout) == (True, "")


def test_on_a_machine_of_another_name_nothing_is_run() -> None:
    ended = sh(plain.write(Command(text="echo ran"), hostname="it's.example"))
    assert (ended.returncode, ended.stdout) == (plain.WRONG_HOST, "")
    assert "nothing was run: this machine calls itself" in ended.stderr

    own = sh("hostname").stdout.strip()
    assert sh(plain.write(Command(text="echo ran"), hostname=own)).stdout == "ran\n"


def test_the_own_user_runs_it_without_any_program_in_between() -> None:
    me = pwd.getpwuid(os.geteuid()).pw_name
    ended = sh(plain.write(Command(text=f"{NASTY}", user=me, env=(("A", "1"),))))

    assert (ended.returncode, ended.stdout) == (3, "a b|$HOME|c|'|")


# The check of a fresh clone (.ci/run) is run as root: there this is never skipped.
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("program", ["runuser", "su"])
def test_another_user_has_a_home_and_a_name_of_its_own(program: str) -> None:
    found = {tool: shutil.which(tool) for tool in ("sh", "id", program)}
    if found[program] is None:
        pytest.skip(f"{program} is not installed")
    text = f'id -un; echo "$HOME $USER $LOGNAME $A"; {NASTY}'
    written = plain.write(Command(text=text, user="nobody", env=(("A", "it's"),)))

    with tempfile.TemporaryDirectory() as folder:  # not below pytest's own, which only its owner may enter
        Path(folder).chmod(0o755)
        for tool, path in found.items():
            (Path(folder) / tool).symlink_to(path or "")
        ended = sh(written, PATH=folder)

    assert ended.returncode == 3, ended.stderr
    assert ended.stdout == f"nobody\n{pwd.getpwnam('nobody').pw_dir} nobody nobody it's\na b|$HOME|c|'|"


def test_a_nul_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        plain.write(Command(text="a\0b"))
