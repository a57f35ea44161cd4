"""Gates: the questions that are asked after a wave, and what was seen while one was answered."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from orchestrator.model.origin import Text


class OnDeny(Enum):
    """What follows when a person says no, or says nothing in time."""

    LEAVE = "leave"
    """The run goes no further; what was done stays done."""
    ROLLBACK = "rollback"
    """The run goes no further, and is taken back as though a budget were over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bake:
    """Wait so many seconds."""

    kind: Literal["bake"] = "bake"
    name: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person says yes. by: who may, as `ana` or `ana@laptop`. expires: seconds for the answer; None: no end.

    four_eyes: not the one who started the run.
    """

    kind: Literal["approval"] = "approval"
    name: str
    by: tuple[str, ...]
    expires: float | None = None
    four_eyes: bool = False
    on_deny: OnDeny = OnDeny.LEAVE


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerCommand:
    """A command on the machine that drives the run; its exit status answers.

    argv: the program and its arguments; run: shell text instead, in the plan with its values filled in.
    timeout: seconds.
    """

    kind: Literal["command"] = "command"
    name: str
    argv: tuple[str, ...] = ()
    run: Text | None = None
    timeout: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveCommand:
    """A command on every host of the wave that is ok, read-only by intent; how it ends on them answers.

    It is a slot of the plan, called like the gate. run, argv: as written, shell text or a program and its arguments;
    the plan of each host has it filled in. timeout: seconds.
    """

    kind: Literal["wave_command"] = "wave_command"
    name: str
    argv: tuple[Text, ...] = ()
    run: Text | None = None
    timeout: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlWatch:
    """An address that is asked every so often, for so long (seconds); more than `max_bad` bad answers are too many.

    status: the status of a good answer; text: what it must hold, '' for nothing.
    """

    kind: Literal["url"] = "url"
    name: str
    get: str
    status: int = 200
    text: str = ""
    every: float = 10.0
    for_: float = 0.0
    max_bad: int = 0


Gate = Bake | Approval | ControllerCommand | WaveCommand | UrlWatch


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRan:
    """A command of ours has exited. exit_code: negative for the signal that ended it. output: its last words."""

    exit_code: int
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLost:
    """A command of ours did not come to an exit status: it could not be started, or was killed at its time limit."""

    why: str


CommandReply = CommandRan | CommandLost


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An answer to a GET. text: of its body, capped."""

    status: int
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFetched:
    """A GET got no answer: why."""

    why: str


UrlReply = Fetched | NotFetched
