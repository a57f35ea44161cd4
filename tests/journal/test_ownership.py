"""Who drives a run: told by the kernel, so that it is true after kill -9 as well."""

import fcntl
import os
import platform
import stat
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestrator.errors import Bug, Held, JournalError
from orchestrator.journal.ownership import Owner, RunOwnership
from orchestrator.model.ids import RunId
from tests.journal.examples import RUN, CountingClock, child_environment


@pytest.fixture
def ownership(tmp_path: Path) -> RunOwnership:
    return RunOwnership(tmp_path / "state", clock=CountingClock())


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "state" / "runs" / f"{RUN}.lock"


OWNS = """
import sys
from pathlib import Path
from orchestrator.journal.ownership import RunOwnership
from tests.journal.examples import RUN, CountingClock

with RunOwnership(Path(sys.argv[1]), clock=CountingClock()).acquire(RUN):
    print("mine", flush=True)
    sys.stdin.readline()
"""


def other_process(state: Path) -> "subprocess.Popen[str]":
    """A process that owns the run until its stdin is closed."""
    child = subprocess.Popen(
        [sys.executable, "-c", OWNS, str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=child_environment(),
    )
    assert child.stdout
    assert child.stdout.readline() == "mine\n"
    return child


def test_a_run_that_nobody_drives_has_no_owner(ownership: RunOwnership) -> None:
    assert ownership.owner(RUN) is None


def test_the_owner_is_this_process_while_it_drives_the_run(ownership: RunOwnership) -> None:
    with ownership.acquire(RUN):
        assert ownership.owner(RUN) == Owner(pid=os.getpid(), host=platform.node(), since=1001.0)
        assert ownership.owner(RunId("another")) is None

    assert ownership.owner(RUN) is None


def test_a_run_driven_by_another_process_is_held_with_its_name_and_the_command_to_look(
    ownership: RunOwnership, tmp_path: Path
) -> None:
    with other_process(tmp_path / "state") as child:
        with pytest.raises(Held) as caught, ownership.acquire(RUN):
            pass
        assert ownership.owner(RUN) == Owner(pid=child.pid, host=platform.node(), since=1001.0)
        child.communicate("")

    assert f"run {RUN} is driven by process {child.pid} on {platform.node()} since 1970-01-01 " in str(caught.value)
    assert caught.value.next == (f"orc status {RUN}",)
    assert ownership.owner(RUN) is None


def test_a_run_can_be_taken_up_after_its_owner_was_killed(ownership: RunOwnership, lock: Path, tmp_path: Path) -> None:
    with other_process(tmp_path / "state") as child:
        child.kill()
    assert lock.exists()

    assert ownership.owner(RUN) is None
    with ownership.acquire(RUN):
        owner = ownership.owner(RUN)
    assert owner is not None
    assert owner.pid == os.getpid()


def test_the_owner_lets_go_when_its_work_fails(ownership: RunOwnership, lock: Path) -> None:
    with pytest.raises(ZeroDivisionError), ownership.acquire(RUN):
        raise ZeroDivisionError

    assert not lock.exists()
    with ownership.acquire(RUN):
        pass


def test_one_process_drives_a_run_once(ownership: RunOwnership) -> None:
    with ownership.acquire(RUN):
        with pytest.raises(Held), ownership.acquire(RUN):
            pass
        assert ownership.owner(RUN) is not None


def test_nobody_else_may_read_the_lock(ownership: RunOwnership, lock: Path) -> None:
    with ownership.acquire(RUN):
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600
        assert stat.S_IMODE(lock.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("written", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1}'])
def test_an_owner_that_has_not_yet_written_who_it_is_is_one_all_the_same(
    ownership: RunOwnership, lock: Path, written: str
) -> None:
    with ownership.acquire(RUN):
        lock.write_text(written)

        assert ownership.owner(RUN) == Owner()
        with pytest.raises(Held, match="a process that has just begun"), ownership.acquire(RUN):
            pass


def test_looking_never_keeps_a_run_from_being_driven(ownership: RunOwnership) -> None:
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            ownership.owner(RUN)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(500):
            with ownership.acquire(RUN):
                pass
    finally:
        done.set()
        looking.join()


def test_of_many_that_want_a_run_at_once_one_has_it(ownership: RunOwnership) -> None:
    inside: list[None] = []
    most: list[int] = []

    def drive() -> None:
        for _ in range(300):
            try:
                with ownership.acquire(RUN):
                    inside.append(None)
                    most.append(len(inside))
                    inside.pop()
            except Held:
                pass

    threads = [threading.Thread(target=drive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(most) == {1}


def test_a_lock_that_was_removed_before_it_was_taken_is_not_the_runs(
    ownership: RunOwnership, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, calls = fcntl.flock, []

    def after_the_last_owner_has_ended(file: int, mode: int) -> None:
        calls.append(mode)
        if len(calls) == 1:
            lock.unlink()
        flock(file, mode)

    monkeypatch.setattr(fcntl, "flock", after_the_last_owner_has_ended)

    with ownership.acquire(RUN):
        assert ownership.owner(RUN) is not None


def test_an_owner_does_not_remove_the_lock_of_another(ownership: RunOwnership, lock: Path) -> None:
    with ExitStack() as second:
        with ownership.acquire(RUN):
            lock.unlink()  # by hand
            second.enter_context(ownership.acquire(RUN))

        assert ownership.owner(RUN) is not None


@pytest.mark.parametrize("name", ["", ".", "../journal", "a/b", "a\0b"])
def test_an_id_that_would_name_another_file_is_a_bug(ownership: RunOwnership, name: str) -> None:
    with pytest.raises(Bug, match="cannot be the name of a file"):
        ownership.owner(RunId(name))


def test_a_state_directory_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")

    with (
        pytest.raises(JournalError, match="the folder cannot be created"),
        RunOwnership(tmp_path / "state", clock=CountingClock()).acquire(RUN),
    ):
        pass


def test_a_lock_that_cannot_be_opened_is_named(ownership: RunOwnership, lock: Path) -> None:
    lock.mkdir(parents=True)

    with pytest.raises(JournalError, match="the lock of the run cannot be used"), ownership.acquire(RUN):
        pass
