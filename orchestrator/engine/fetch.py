"""Fetching what an attempt has left in its guest: looked at, then range by range, each of them verified.

Reading changes nothing, so whatever is lost on the way is asked for again. It follows the rules of an attempt of which
it is known that it may be sent as often as one likes (`core.attempt`), and starts nothing of the step's.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from orchestrator.core import attempt as core
from orchestrator.core import plain_attempt
from orchestrator.core.attempt import Pace, Poll, Send, WaitUntil
from orchestrator.core.attempt_rules import Rules
from orchestrator.core.ending import End
from orchestrator.guest import fetch
from orchestrator.guest import reply as guest_reply
from orchestrator.guest.fetch import Kept, Stream
from orchestrator.guest.library import KEPT_DAYS
from orchestrator.model.event import StepResult
from orchestrator.model.host import Host
from orchestrator.model.ids import RunId
from orchestrator.model.plan import Plan, Section
from orchestrator.model.playbook import Outcome
from orchestrator.ports import Clock, NotStarted, PollUnanswered, Provider, Refusal, StartUnknown

LOOK_TIMEOUT = 600.0
"""Seconds: the guest reads both outputs whole, for their checksums."""
RANGE_TIMEOUT = 60.0
PATIENCE = 30.0
"""Seconds without an answer of use after which the VPS is given up: somebody waits for this at a terminal."""
TRIES = 3
"""How often a range is asked for whose bytes are not those that the guest has."""

GONE = f"its record is not in the VPS any more: it is swept after {KEPT_DAYS} days, or the VPS was set up anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What cannot be had, and why, in a sentence. refusal: the provider's, where that is why."""

    why: str
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A VPS that is asked. nonce: makes an unguessable word for one question.

    before: called before every request; it raises where the VPS may not be asked now.
    patience: seconds without an answer of use after which it is given up.
    """

    host: Host
    provider: Provider
    clock: Clock
    nonce: Callable[[], str]
    before: Callable[[], Awaitable[None]]
    patience: float = PATIENCE

    async def ask(self, write: Callable[[str], str], within: float, *, once: bool = False) -> StepResult | Missing:
        """What a program prints that may be run any number of times.

        write: makes it, from the nonce. within: seconds that it may take in the guest. once: it is not sent again where
        it may have been started, and what is lost then is missing.
        """
        pace = Pace(poll_floor=self.provider.capabilities.poll_floor)
        rules: Rules = plain_attempt if once else core
        nonce, refusal = self.nonce(), None
        useful_at = self.clock.now()
        attempt = core.begin(nonce, within, useful_at, pace)
        while True:
            if not attempt.troubles:
                useful_at = self.clock.now()
            elif self.clock.now() > useful_at + self.patience:
                return _unanswered(attempt.trouble, refusal)
            if attempt.kept or attempt.preparations:  # the word of a guest that was asked for something else
                return _unanswered("it answered another question")
            decision = core.decide(attempt, self.clock.now(), pace)
            match decision:
                case WaitUntil():
                    await self.clock.sleep_until(decision.at)
                case Send():
                    await self.before()
                    started = await self.provider.start(self.host, write(nonce))
                    refusal = started.refusal if isinstance(started, NotStarted) else None
                    if once and isinstance(started, StartUnknown):
                        return _unanswered(started.message)
                    attempt = rules.observe_start(attempt, started, self.clock.now(), pace)
                case Poll():
                    polled = await self.provider.poll(self.host, decision.pid)
                    refusal = polled.refusal if isinstance(polled, PollUnanswered) else None
                    attempt = rules.observe_poll(attempt, polled, self.clock.now(), pace)
                case End(outcome=None, result=StepResult() as result):
                    return _proved(result, nonce) if once else result
                case End(outcome=Outcome.UNKNOWN) if once:  # the words of the agent's answer name a pid
                    return Missing(why="the answer was lost")
                case End():
                    return _unanswered(attempt.trouble or decision.detail, refusal)

    async def look(self, key: str) -> dict[Stream, Kept] | Missing:
        """What is kept of both outputs of the record with this key (`record_of`)."""
        result = await self.ask(lambda nonce: fetch.write_look(key, nonce), LOOK_TIMEOUT)
        if isinstance(result, Missing):
            return result
        if result.exit_code != 0:
            return Missing(why=GONE)
        return fetch.read_look(result) or Missing(why=f"the VPS does not say what it has{_said(result)}")

    async def fetch(self, key: str, stream: Stream, kept: Kept, write: Callable[[bytes], None]) -> Missing | None:
        """Give `write` an output, range by range; None where it was whole, and as the guest has it."""
        whole = hashlib.sha256()
        for index in range(kept.ranges):
            data = await self._range(key, stream, kept, index)
            if isinstance(data, Missing):
                return data
            whole.update(data)
            write(data)
        if kept.size and whole.hexdigest() != kept.sha256:
            return Missing(why="it was changed in the VPS meanwhile: its sha256 is not that of what came")
        return None

    async def _range(self, key: str, stream: Stream, kept: Kept, index: int) -> bytes | Missing:
        missing = Missing(why="")
        for _ in range(TRIES):
            result = await self.ask(lambda nonce: fetch.write_range(key, nonce, stream, kept, index), RANGE_TIMEOUT)
            if isinstance(result, Missing):
                return result
            if result.exit_code != 0:
                return Missing(why=GONE)
            data = fetch.read_range(result, kept, index)
            if data is not None:
                return data
            missing = Missing(why=f"what came is not what the VPS has{_said(result)}")
        return missing


def record_of(run: RunId, plan: Plan, index: int, attempt: int) -> str:
    """The key of the record that an attempt of the plan's slot with this index has in its guest."""
    slot = plan.slots[index]
    return fetch.record_key(run, index, slot.name, attempt, undo=slot.section is Section.UNDO)


def _proved(result: StepResult, nonce: str) -> StepResult | Missing:
    """The result of a program that was sent once, where its trailer proves it: a pid may be given to another, too."""
    told = guest_reply.read(result.stdout, result.stderr, nonce)
    return told.result if told else Missing(why="the answer was lost: what came is another's")


def _unanswered(trouble: str, refusal: Refusal | None = None) -> Missing:
    return Missing(why=f"the VPS could not be asked ({trouble})", refusal=refusal)


def _said(result: StepResult) -> str:
    """What a program of the guest's complained of, such as that it is not there."""
    said = result.stderr.strip().rpartition("\n")[2][:200]
    return f" ({said!r})" if said else ""
