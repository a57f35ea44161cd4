"""What a gate kind is: how a plan tells of it, and what is to be done about its question."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from orchestrator.model.event import Answer

G = TypeVar("G")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The gate has its answer. why: one sentence, for people."""

    answer: Answer
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitUntil:
    """Nothing before `at` (seconds since the epoch)."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LookHere:
    """The machine that drives the run has to find the answer out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookOnHosts:
    """The hosts of the wave have to find the answer out, each by a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskPerson:
    """A person has to answer. who: who may, in words."""

    who: str


Due = Settled | WaitUntil | LookHere | LookOnHosts | AskPerson


@dataclass(frozen=True, slots=True, kw_only=True)
class GateKind(Generic[G]):
    """One kind of gate: what it is called in plans and events, and what it means.

    key: what a playbook writes, where that is not its name. help: one sentence for people who write playbooks.
    example: its value, as YAML.
    told: the gate in a plan, in words. lasts: seconds after which its answer comes too late; None: it never does.
    due: what is to be done about the question that was asked at `asked_at`, at `now` (seconds since the epoch).
    """

    name: str
    help: str
    example: str
    told: Callable[[G], str]
    due: Callable[[G, float, float], Due]
    lasts: Callable[[G], float | None] = lambda _: None
    key: str = ""

    @property
    def written(self) -> str:
        """The key that a playbook writes."""
        return self.key or self.name
