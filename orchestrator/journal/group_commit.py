"""Group commit: all who wait for the store are folded into one transaction."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio
import anyio.to_thread

from orchestrator.errors import Bug, OrcError

W = TypeVar("W")
R = TypeVar("R")

LARGEST = 500
"""Pieces of work in one transaction: its cost is shared by enough of them, and nobody waits long for the others."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiting(Generic[W, R]):
    work: W
    answer: "R | OrcError | None" = None
    answered: anyio.Event = field(default_factory=anyio.Event)


class GroupCommit(Generic[W, R]):
    """Hands work to `commit`, many pieces at a time, in the order in which it was submitted.

    commit: called in a worker thread, one call at a time; gives the answer to each piece of work, or its error.
    """

    def __init__(self, commit: Callable[[Sequence[W]], Sequence[R | OrcError]], limiter: anyio.CapacityLimiter) -> None:
        self._commit = commit
        self._limiter = limiter
        self._queue: deque[_Waiting[W, R]] = deque()
        self._wake = anyio.Event()
        self._closed = False
        self._ended = anyio.Event()

    async def submit(self, work: W) -> R:
        """Wait until this work is committed. Cancelled meanwhile, it is committed all the same.

        Raises what `commit` answered, and Bug once closed.
        """
        if self._closed:
            raise Bug("the journal is closed")
        waiting: _Waiting[W, R] = _Waiting(work=work)
        self._queue.append(waiting)
        self._wake.set()
        await waiting.answered.wait()
        match waiting.answer:
            case None:
                raise Bug("the journal's writer gave no answer")
            case OrcError() as error:
                raise error
            case answer:
                return answer

    async def write(self) -> None:
        """Commit what is submitted until closed and nothing is left; cancellation does not end it earlier."""
        try:
            with anyio.CancelScope(shield=True):
                while self._queue or not self._closed:
                    if self._queue:
                        await self._settle([self._queue.popleft() for _ in range(min(LARGEST, len(self._queue)))])
                    else:
                        self._wake = anyio.Event()
                        await self._wake.wait()
        finally:
            self._closed = True
            self._ended.set()

    async def close(self) -> None:
        """Refuse new work and wait until the rest is committed; cancellation does not cut this short."""
        self._closed = True
        self._wake.set()
        with anyio.CancelScope(shield=True):
            await self._ended.wait()

    async def _settle(self, batch: list[_Waiting[W, R]]) -> None:
        answers: Sequence[R | OrcError]
        try:
            answers = await anyio.to_thread.run_sync(
                self._commit, [waiting.work for waiting in batch], limiter=self._limiter
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it and the next be served
            answers = [Bug(f"the journal's writer failed: {error!r}") for _ in batch]
        for waiting, answer in zip(batch, answers, strict=True):
            waiting.answer = answer
            waiting.answered.set()
