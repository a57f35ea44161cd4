"""A script beside the playbook, run in a guest: under every POSIX shell that is here, by the interpreter it names."""

import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.guest.program import write, write_library, write_parts, write_stop
from orchestrator.guest.reply import Ending
from orchestrator.model.origin import Origin, Text
from orchestrator.model.playbook import File
from orchestrator.steps.script import SCRIPT
from tests.guest.test_program import NONCE, SHELLS, Guest, assign, guest

__all__ = ["guest"]  # a fixture

HERE = Origin(file="deploy.yml", line=1, column=1)


def word(text: Text) -> str:
    return text.source


def running(script: str, *args: str, name: str = "scripts/do it.sh") -> str:
    """The program of a script."""
    texts = SCRIPT.read({"file": name, "args": [*args]}, lambda _: HERE)
    return SCRIPT.program(SCRIPT.command(texts, word, word), File(name=name, text=script))


def test_a_script_without_an_interpreter_is_run_by_sh_with_its_words(guest: Guest) -> None:
    reply = guest.ask(running('echo "$#: $2"; echo "${0##*/}"; exit 3', "--to", "a b; id"))
    assert (reply.result.exit_code, reply.result.stdout) == (3, "2: a b; id\ndo it.sh\n")


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("#!/bin/echo", ["do it.sh", "a", "b"]),
        ("#! /bin/echo\t-n  x \t", ["-n", "x", "do it.sh", "a", "b"]),
        ("#!/usr/bin/env echo", ["do it.sh", "a", "b"]),
        ("#!", []),
    ],
)
def test_the_interpreter_is_that_of_the_first_line_as_the_kernel_reads_it(
    guest: Guest, first: str, words: list[str]
) -> None:
    reply = guest.ask(running(f"{first}\n", "a", "b"))
    assert reply.result.exit_code == 0, reply
    assert [each.rpartition("/")[2] for each in reply.result.stdout.replace("do it", "do_it").split()] == [
        each.replace(" ", "_") for each in words
    ]


def test_an_interpreter_that_is_not_there_fails_the_step(guest: Guest) -> None:
    reply = guest.ask(running("#!/no/such/thing\n"))
    assert reply.result.exit_code in (126, 127)
    assert "/no/such/thing" in reply.result.stderr


def test_the_script_has_the_folder_the_variables_and_no_input_and_leaves_nothing_behind(guest: Guest) -> None:
    files = guest.root / "tmp"
    files.mkdir()
    env = (("NAME", "a 'b'"), ("TMPDIR", str(files)))
    reply = guest.ask(running('pwd; echo "$NAME"; cat; env | grep -c _orc'), env=env, cwd="/")
    assert reply.result.stdout == "/\na 'b'\n0\n"
    assert not [*files.iterdir()]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_script_runs_as_the_user_of_its_step(guest: Guest) -> None:
    guest.root.chmod(0o755)
    reply = guest.ask(running("id -un"), user="daemon", cwd="/")
    assert (reply.result.exit_code, reply.result.stdout) == (0, "daemon\n"), reply


def test_a_long_script_comes_in_parts_and_is_run_once(guest: Guest) -> None:
    script = "#!/bin/sh\n" + "# åäö 'x' $(no)\n" * 900 + "echo ran >> ran; cat ran"
    assignment = assign(running(script))
    guest.send(write_library(NONCE))
    program = write(assignment, limit=4096)
    for part in write_parts(assignment, limit=4096):
        assert guest.send(program).ending is Ending.NO_PARTS
        guest.send(part)
    first, second = guest.send(program), guest.send(program)
    assert (first.result.stdout, first.attached) == ("ran\n", False)
    assert (second.result.stdout, second.attached) == ("ran\n", True)


def test_a_script_is_ended_by_its_time_out_and_its_folder_goes_with_it(guest: Guest) -> None:
    files = guest.root / "tmp"
    files.mkdir()
    reply = guest.ask(running("sleep 1000"), timeout=1, env=(("TMPDIR", str(files)),))
    assert (reply.ending, reply.result.exit_code) == (Ending.LATE, 143)
    assert not [*files.iterdir()]


def test_a_script_that_is_stopped_may_clear_up_and_its_status_is_told(guest: Guest) -> None:
    guest.send(write_library(NONCE))
    text = running("trap 'echo cleared; exit 9' TERM; echo x > begun; while :; do sleep 0.1; done")
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(guest.ask, text)
        while not (guest.home / "begun").exists():
            time.sleep(0.02)
        stopped = guest.send(write_stop(assign(text)))
        assert (stopped.ending, stopped.result.exit_code, stopped.result.stdout) == (Ending.STOPPED, 9, "cleared\n")
        assert told.result(timeout=20).ending is Ending.STOPPED


def test_a_script_that_a_signal_killed_is_told_so(guest: Guest) -> None:
    assert guest.ask(running(f"kill -{signal.SIGSEGV.value} $$")).result.exit_code == 128 + signal.SIGSEGV


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300)


@given(script=TEXTS, words=st.lists(TEXTS, min_size=1, max_size=3))
@settings(derandomize=True, max_examples=25, deadline=None)
def test_the_interpreter_reads_the_very_bytes_and_words(script: str, words: list[str]) -> None:
    itself = f"#!{shutil.which('cat')}\n{script}"
    for shell in SHELLS:
        for program, said in (
            (running(itself), itself),
            (running("printf '%s\\0' \"$@\"", *words), "".join(f"{each}\0" for each in words)),
        ):
            done = subprocess.run([*shell, "-c", program], capture_output=True, check=True, timeout=60)
            assert done.stdout == said.encode()
