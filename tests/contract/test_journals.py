"""What every journal promises, whether in a file or in memory."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import Bug, InputError
from orchestrator.journal.memory import MemoryJournal
from orchestrator.journal.sql import SqlJournal
from orchestrator.model.event import (
    AttemptEnded,
    Event,
    HostSettled,
    Recorded,
    RetryPlanned,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    StepResult,
    UndoEnded,
    UndoStarted,
    WaveOpened,
)
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import RunStatus, Standing
from orchestrator.ports import Journal
from tests.journal.examples import PLAN, RUN, CountingClock, events, intent, key, new_run

AnyJournal = SqlJournal | MemoryJournal

JOURNALS: dict[str, Callable[[Path], AnyJournal]] = {
    "sqlite": lambda folder: SqlJournal(f"sqlite:///{folder}/state/journal.db", clock=CountingClock()),
    "memory": lambda _folder: MemoryJournal(clock=CountingClock()),
}

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=JOURNALS)
def closed(request: pytest.FixtureRequest, tmp_path: Path) -> AnyJournal:
    return JOURNALS[request.param](tmp_path)


@pytest.fixture
async def journal(closed: AnyJournal) -> AsyncIterator[AnyJournal]:
    async with closed:
        yield closed


def ended(attempt: int, *, host: str = "web-001", step: str = "restart", stdout: str = "out") -> AttemptEnded:
    return AttemptEnded(
        host=HostName(host),
        step=StepName(step),
        attempt=attempt,
        outcome=Outcome.OK,
        duration=0.25,
        result=StepResult(exit_code=0, stdout=stdout, stderr="err", stdout_size=len(stdout), stderr_size=3),
    )


def started() -> RunStarted:
    return RunStarted(playbook="deploy-web", digest="b1946ac9", hosts=2, by="ada")


async def test_a_run_is_read_back_as_it_was_created(journal: AnyJournal) -> None:
    await journal.create(new_run())

    assert await journal.record(RUN) == new_run()


async def test_a_run_is_not_created_twice(journal: AnyJournal) -> None:
    await journal.create(new_run())

    with pytest.raises(Bug, match="created before"):
        await journal.create(new_run())


async def test_a_command_line_that_is_not_unicode_is_stored_readable(journal: AnyJournal) -> None:
    odd = RUN + "-2"
    record = new_run(odd)
    await journal.create(type(record)(id=record.id, plan=PLAN, created_at=1.0, by="a\udcffb", argv=("orc", "x\udce9")))

    stored = await journal.record(RunId(odd))

    assert (stored.by, stored.argv) == ("a\ufffdb", ("orc", "x\ufffd"))


async def test_seq_counts_from_one_without_gaps_in_the_order_of_the_calls(journal: AnyJournal) -> None:
    await journal.create(new_run())

    first = await journal.append(RUN, [intent(1), ended(1)])
    second = await journal.append(RUN, [intent(2)])

    assert [r.seq for r in first + second] == [1, 2, 3]
    assert await journal.events(RUN) == first + second


async def test_each_run_counts_for_itself(journal: AnyJournal) -> None:
    await journal.create(new_run("run-a"))
    await journal.create(new_run("run-b"))
    await journal.append(RunId("run-a"), [intent(1)])

    (recorded,) = await journal.append(RunId("run-b"), [intent(1)])

    assert (recorded.run, recorded.seq) == ("run-b", 1)


async def test_numbering_goes_on_where_it_was_when_the_journal_is_opened_again(closed: AnyJournal) -> None:
    async with closed:
        await closed.create(new_run())
        await closed.append(RUN, [intent(1), ended(1)])
    async with closed:
        (recorded,) = await closed.append(RUN, [intent(2)])

        assert recorded.seq == 3
        assert len(await closed.events(RUN)) == 3


async def test_the_time_of_an_event_is_the_clocks(journal: AnyJournal) -> None:
    await journal.create(new_run())

    times = [(await journal.append(RUN, [WaveOpened(wave=wave, hosts=1)]))[0].at for wave in range(3)]

    assert times == [1001.0, 1002.0, 1003.0]
    assert [r.at for r in await journal.events(RUN)] == times


async def test_an_event_for_a_run_that_was_never_created_is_refused(journal: AnyJournal) -> None:
    with pytest.raises(Bug, match="never created"):
        await journal.append(RunId("nobody"), [intent(1)])


async def test_appending_nothing_stores_nothing(journal: AnyJournal) -> None:
    await journal.create(new_run())

    assert await journal.append(RUN, []) == ()
    assert await journal.events(RUN) == ()


@pytest.mark.parametrize(
    "again",
    [[intent(1)], [intent(2), intent(1)], [intent(3), intent(3)]],
    ids=["stored before", "with a new one", "twice in one call"],
)
async def test_an_intent_is_accepted_once_and_nothing_is_stored_of_a_call_that_repeats_it(
    journal: AnyJournal, again: list[Event]
) -> None:
    await journal.create(new_run())
    await journal.append(RUN, [intent(1)])

    with pytest.raises(Bug, match=r"web-001: restart, attempt"):
        await journal.append(RUN, again)

    assert [r.event for r in await journal.events(RUN)] == [intent(1)]


async def test_an_undo_is_another_intent_than_the_step_it_takes_back(journal: AnyJournal) -> None:
    await journal.create(new_run())
    undo = UndoStarted(host=HostName("web-001"), step=StepName("restart"), attempt=1, nonce="77")
    await journal.append(RUN, [intent(1)])

    await journal.append(RUN, [undo])

    with pytest.raises(Bug, match="already begun"):
        await journal.append(RUN, [undo])


async def test_only_intents_are_unique(journal: AnyJournal) -> None:
    await journal.create(new_run())
    retry = RetryPlanned(host=HostName("web-001"), step=StepName("restart"), attempt=1, not_before=2.0)

    await journal.append(RUN, [retry, retry, ended(1), ended(1)])

    assert len(await journal.events(RUN)) == 4


async def test_a_repeated_intent_fails_alone_among_those_appended_with_it(journal: AnyJournal) -> None:
    await journal.create(new_run())
    await journal.append(RUN, [intent(3)])
    refused: list[int] = []

    async def append(attempt: int) -> None:
        try:
            await journal.append(RUN, [intent(attempt)])
        except Bug:
            refused.append(attempt)

    async with anyio.create_task_group() as tasks:
        for attempt in range(10):
            tasks.start_soon(append, attempt)

    stored = await journal.events(RUN)
    assert refused == [3]
    assert sorted(r.event.attempt for r in stored if hasattr(r.event, "attempt")) == list(range(10))
    assert [r.seq for r in stored] == list(range(1, 11))


async def test_events_after_a_seq_are_those_above_it(journal: AnyJournal) -> None:
    await journal.create(new_run())
    appended = await journal.append(RUN, [WaveOpened(wave=wave, hosts=1) for wave in range(5)])

    assert await journal.events(RUN, after=3) == appended[3:]
    assert await journal.events(RUN, after=5) == ()
    assert await journal.events(RunId("nobody")) == ()


async def test_without_outputs_a_result_keeps_its_exit_status_and_sizes(journal: AnyJournal) -> None:
    await journal.create(new_run())
    await journal.append(RUN, [ended(1, stdout="x" * 70_000)])

    (recorded,) = await journal.events(RUN, outputs=False)

    assert isinstance(recorded.event, AttemptEnded)
    assert recorded.event.result == StepResult(exit_code=0, stdout_size=70_000, stderr_size=3)


async def test_outputs_are_those_of_attempts_that_left_some_in_the_order_of_their_end(journal: AnyJournal) -> None:
    await journal.create(new_run())
    undone = UndoEnded(
        host=HostName("web-002"),
        step=StepName("restart"),
        attempt=1,
        outcome=Outcome.FAILED,
        duration=1.0,
        result=StepResult(exit_code=None, stdout="", stderr="", stdout_size=0, stderr_size=0),
    )
    nothing = AttemptEnded(
        host=HostName("web-001"), step=StepName("x"), attempt=1, outcome=Outcome.UNREACHABLE, duration=0.0
    )
    await journal.append(RUN, [intent(1), ended(1, stdout="b"), nothing, undone, ended(1, step="pull", stdout="a")])

    every = await journal.outputs(RUN)

    assert [(o.host, o.step, o.undo, o.stdout) for o in every] == [
        ("web-001", "restart", False, "b"),
        ("web-002", "restart", True, ""),
        ("web-001", "pull", False, "a"),
    ]
    assert (every[0].at, every[0].attempt, every[0].stderr, every[0].stderr_size) == (1001.0, 1, "err", 3)
    assert await journal.outputs(RUN, host=HostName("web-002")) == every[1:2]
    assert await journal.outputs(RUN, host=HostName("web-001"), step=StepName("pull")) == every[2:]
    assert await journal.outputs(RUN, step=StepName("n\udcff")) == ()


async def test_runs_are_listed_newest_first_with_the_latest_event_of_the_run_as_a_whole(journal: AnyJournal) -> None:
    for name, created_at in [("run-b", 20.0), ("run-a", 30.0), ("run-c", 10.0)]:
        await journal.create(new_run(name, created_at=created_at))
    paused = RunPaused(by="ada", cause="lunch")
    await journal.append(RunId("run-c"), [started(), paused, RunResumed(by="ada"), paused, ended(1)])
    await journal.append(RunId("run-b"), [started(), HostSettled(host=HostName("web-001"), standing=Standing.OK)])

    newest, middle, oldest = await journal.runs()

    assert [run.id for run in (newest, middle, oldest)] == ["run-a", "run-b", "run-c"]
    assert newest.last is None
    assert middle.last == Recorded(run=RunId("run-b"), seq=1, at=1002.0, event=started())
    assert oldest.last == Recorded(run=RunId("run-c"), seq=4, at=1001.0, event=paused)
    assert (oldest.playbook, oldest.digest, oldest.by, oldest.hosts) == ("deploy-web", "b1946ac9", "ada", 2)
    assert await journal.runs(limit=2) == (newest, middle)


async def test_a_finished_run_says_so_in_the_list(journal: AnyJournal) -> None:
    await journal.create(new_run())
    end = RunFinished(status=RunStatus.SUCCEEDED, cause="", exit=0, lists={"ok": (HostName("web-001"),)})
    await journal.append(RUN, [started(), end])

    (run,) = await journal.runs()

    assert run.last is not None
    assert run.last.event == end


async def test_an_unknown_run_is_an_input_error_that_names_the_nearest(journal: AnyJournal) -> None:
    await journal.create(new_run())

    with pytest.raises(InputError) as caught:
        await journal.record(RunId(RUN[:-1] + "w"))

    assert RUN in caught.value.problems[0].fix
    assert caught.value.next == ("orc runs",)


@pytest.mark.parametrize(("typed", "meant"), [("run-a", "run-a"), ("run-a1", "run-a1"), ("run-b", "run-b77")])
async def test_a_run_is_found_by_its_id_or_by_a_beginning_that_no_other_has(
    journal: AnyJournal, typed: str, meant: str
) -> None:
    for name in ("run-a", "run-a1", "run-b77"):
        await journal.create(new_run(name))

    assert await journal.find(typed) == meant


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("run", "too short"),
        ("", "too short"),
        ("run-", "more than one"),
        ("RUN-A", "no run"),
        ("run_", "no run"),
        ("run%", "no run"),
        ("run-\udcff", "no run"),
    ],
)
async def test_what_is_no_beginning_of_one_run_is_an_input_error(journal: AnyJournal, typed: str, said: str) -> None:
    for name in ("run-a", "run-b77"):
        await journal.create(new_run(name))

    with pytest.raises(InputError, match=said):
        await journal.find(typed)


async def test_a_journal_that_is_not_open_says_so(closed: AnyJournal) -> None:
    with pytest.raises(Bug, match="not open"):
        await closed.runs()
    async with closed:
        await closed.create(new_run())
    with pytest.raises(Bug, match="not open"):
        await closed.append(RUN, [intent(1)])


async def test_the_callers_error_comes_out_as_itself(closed: AnyJournal) -> None:
    with pytest.raises(ZeroDivisionError):
        async with closed:
            raise ZeroDivisionError


def in_every_journal(check: Callable[[Journal], Any]) -> None:
    async def run(opened: AbstractAsyncContextManager[AnyJournal]) -> None:
        async with opened as journal:
            await journal.create(new_run())
            await check(journal)

    for make in JOURNALS.values():
        with tempfile.TemporaryDirectory() as folder:
            anyio.run(run, make(Path(folder)))


@settings(max_examples=60)
@given(appended=st.lists(events(st.text(max_size=40)), unique_by=key, max_size=20))
def test_what_is_appended_is_read_back_equal_whatever_its_type(appended: list[Event]) -> None:
    async def check(journal: Journal) -> None:
        recorded = await journal.append(RUN, appended)

        assert [r.event for r in recorded] == appended
        assert await journal.events(RUN) == recorded

    in_every_journal(check)


@settings(max_examples=60)
@given(event=events(st.text(st.characters(), max_size=8)))
def test_what_append_returns_is_what_is_stored_whatever_the_text(event: Event) -> None:
    async def check(journal: Journal) -> None:
        recorded = await journal.append(RUN, [event])

        assert await journal.events(RUN) == recorded

    in_every_journal(check)


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        ("a\0b", "a\0b"),
        ("\0", "\0"),
        ("\udcff", "\ufffd"),
        ("x\ud83d\ude00\udce9y", "x\ufffd\ufffd\ufffdy"),
        ("\U0001f600\r\n\x1b[0m", "\U0001f600\r\n\x1b[0m"),
    ],
)
async def test_output_is_kept_as_it_was_but_for_lone_surrogates(journal: AnyJournal, printed: str, kept: str) -> None:
    await journal.create(new_run())

    await journal.append(RUN, [ended(1, stdout=printed)])

    (output,) = await journal.outputs(RUN)
    assert output.stdout == kept
    assert output.stdout_size == len(printed)
