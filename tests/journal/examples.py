"""Nouns for the journal's tests: a plan of two hosts, runs of it, events of every type, and a clock that counts."""

import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from hypothesis import strategies as st

from orchestrator import codec
from orchestrator.journal.sql import SqlJournal
from orchestrator.model.event import AttemptStarted, Event, Intent
from orchestrator.model.host import Host, ProviderSpec
from orchestrator.model.ids import HostName, RunId, StepName, Vmid
from orchestrator.model.plan import Command, HostPlan, Plan, Policy, Wave
from orchestrator.model.rollout import RollbackScope
from orchestrator.ports import RunRecord

RUN = RunId("20260301T120000-kqzv")

HOSTS = (HostName("web-001"), HostName("web-002"))

PLAN = Plan(
    playbook="deploy-web",
    file="playbooks/deploy.yml",
    inventory="inventories/prod.yml",
    provider=ProviderSpec(kind="simulator", url="http://localhost:8080", api_key="env:KEY"),
    tool="0.1",
    slots=(),
    hosts=tuple(
        HostPlan(
            host=Host(name=name, vmid=Vmid(str(10_001 + index))),
            wave=0,
            commands=(Command(text=f"echo 'grüß dich, {name}'"),),
            whens=(None,),
            values={"release": "v2", "port": 8000, "tags": ["a", {"b": None}]},
        )
        for index, name in enumerate(HOSTS)
    ),
    waves=(Wave(index=0, name="all", hosts=HOSTS),),
    policy=Policy(max_parallel=2, max_failures=0, max_unreachable=0, rollback=RollbackScope.HOST),
    digest="b1946ac9",
)


def child_environment() -> dict[str, str]:
    """The environment for a Python process that imports what the tests do."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


class CountingClock:
    """A clock that moves on by one second whenever it is read."""

    def __init__(self) -> None:
        self.read = 1_000.0

    def now(self) -> float:
        self.read += 1.0
        return self.read

    async def sleep_until(self, at: float) -> None:
        self.read = max(self.read, at)


def journal_in(file: Path) -> SqlJournal:
    """The journal in this file, that does not wait long for a lock."""
    return SqlJournal(f"sqlite:///{file}", clock=CountingClock(), patience=0.05)


def new_run(id: str = RUN, *, created_at: float = 1.5) -> RunRecord:
    return RunRecord(id=RunId(id), plan=PLAN, created_at=created_at, by="ada", argv=("orc", "run", "deploy.yml"))


def intent(attempt: int, *, host: str = "web-001", step: str = "restart") -> AttemptStarted:
    return AttemptStarted(host=HostName(host), step=StepName(step), attempt=attempt, nonce="5f0c")


COUNTS = st.integers(0, 2**31 - 1)
SECONDS = st.floats(allow_nan=False, allow_infinity=False)


def _values(hint: Any, text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    if is_dataclass(hint):
        return _built(hint, text)
    plain: Mapping[Any, st.SearchStrategy[Any]] = {
        str: text,
        HostName: text,
        StepName: text,
        int: COUNTS,
        float: SECONDS,
        Mapping[str, tuple[HostName, ...]]: st.dictionaries(text, st.lists(text, max_size=3).map(tuple), max_size=3),
    }
    if hint in plain:
        return plain[hint]
    if type(None) in getattr(hint, "__args__", ()):
        return st.none() | st.one_of([_values(arm, text) for arm in hint.__args__ if arm is not type(None)])
    return st.from_type(hint)


def _built(noun: Any, text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(noun)
    return st.builds(noun, **{field.name: _values(hints[field.name], text) for field in fields(noun)})


def events(text: st.SearchStrategy[str]) -> st.SearchStrategy[Event]:
    """Events of every type that there is; text: what stands in their strings."""
    return st.one_of([_built(event, text) for event in codec.EVENT_TYPES.values()])


def key(event: Event) -> object:
    """What no two events of one run may have in common."""
    return (event.type, event.host, event.step, event.attempt) if isinstance(event, Intent) else id(event)
