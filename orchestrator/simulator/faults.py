"""What can be made to go wrong with a simulated fleet, and the reading of a file that says so."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from typing_extensions import TypeIs

from orchestrator.errors import InputError
from orchestrator.model.origin import Origin, Problem


class Fault(StrEnum):
    """One thing that goes wrong with a request; each was reported of the real API or measured on the real agent."""

    DROP_REPLY_BEFORE = "drop_reply_before"
    """The connection is closed before the request has had any effect."""
    DROP_REPLY_AFTER = "drop_reply_after"
    """The request has its effect, then the connection is closed without an answer."""
    CONSUME_RESULT = "consume_result"
    """The answer to a poll that collects a result is lost, and the result with it."""
    FORGET_PIDS = "forget_pids"
    """The agent restarts just before the request: it knows no pid any more, and its commands are killed."""
    REBOOT = "reboot"
    """The VPS reboots just before the request: all its processes are killed, the boot id is new."""
    NO_PID_500 = "no_pid_500"
    """A start is answered 500 "no PID returned"; half of the time the command was started nevertheless."""
    RATE_LIMIT = "rate_limit"
    """The request is answered 429 and has no effect."""
    BLOCKED = "blocked"
    """A start is refused as dangerous."""
    AGENT_DOWN = "agent_down"
    """The VPS's agent does not run: a probe says so, anything else is answered 500 or 503."""
    SLOW = "slow"
    """The request has its effect at once; the answer comes seconds later."""
    HTML_BODY = "html_body"
    """A gateway answers 502 with a page of HTML; half of the time the request had its effect."""
    RECYCLE_PIDS = "recycle_pids"
    """A start is given a pid that this VPS has given before, if possible one whose result was never collected."""
    LATIN1_OUTPUT = "latin1_output"
    """A result's UTF-8 bytes are decoded as latin-1."""
    HANG = "hang"
    """The request is never answered and the connection stays open; half of the time it had its effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """A fault strikes each request with this probability, 0 to 1."""

    of: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A fault strikes the next so many requests of a VPS that it can strike."""

    requests: int


Rule = Chance | Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Which faults strike. `vmids` are VPSes with rules of their own; what those do not name is as in `all`.

    seed: makes chances repeatable; None: the simulator's own.
    """

    seed: int | None = None
    all: Mapping[Fault, Rule] = field(default_factory=dict)
    vmids: Mapping[int, Mapping[Fault, Rule]] = field(default_factory=dict)

    def rule(self, vmid: int, fault: Fault) -> Rule | None:
        """What is to happen with this fault on this VPS; None: nothing."""
        own = self.vmids.get(vmid, {})
        return own[fault] if fault in own else self.all.get(fault)


def read_faults(data: object, *, file: str = "faults") -> Faults:
    """The faults of a file's content as plain data: `{seed: 7, all: {slow: 0.05}, vmids: {10004: {hang: {count: 3}}}}`.

    file: its name, for messages. Raises InputError with everything that is wrong.
    """
    return _Reader(file).faults(data)


class _Reader:
    def __init__(self, file: str) -> None:
        self._origin = Origin(file=file)
        self._problems: list[Problem] = []

    def faults(self, data: object) -> Faults:
        top = self._mapping(data if data is not None else {}, "")
        for key in top:
            if key not in ("seed", "all", "vmids"):
                self._wrong(str(key), "unknown key", _nearest(key, ["seed", "all", "vmids"]))
        seed = top.get("seed")
        if seed is not None and not _is_whole(seed):
            self._wrong("seed", "not an integer", "write a number such as 7")
            seed = None
        everywhere = self._rules(top.get("all", {}), "all")
        vmids = {}
        for key, rules in self._mapping(top.get("vmids", {}), "vmids").items():
            vmid = self._vmid(key)
            vmids[vmid] = self._rules(rules, f"vmids.{key}")
        if self._problems:
            raise InputError(self._problems)
        return Faults(seed=seed if _is_whole(seed) else None, all=everywhere, vmids=vmids)

    def _vmid(self, key: object) -> int:
        # In JSON every key is a string, in YAML a vmid is a number.
        text = str(key)
        if isinstance(key, bool) or not (text.isascii() and text.isdigit() and 1 <= len(text) <= 18):
            self._wrong(f"vmids.{text[:40]}", "not a vmid", "write a number such as 10004")
            return 0
        return int(text)

    def _rules(self, data: object, path: str) -> dict[Fault, Rule]:
        rules: dict[Fault, Rule] = {}
        for key, value in self._mapping(data, path).items():
            try:
                fault = Fault(str(key))
            except ValueError:
                self._wrong(f"{path}.{key}", "unknown fault", _nearest(key, list(Fault)))
                continue
            rule = self._rule(value, f"{path}.{key}")
            if rule is not None:
                rules[fault] = rule
        return rules

    def _rule(self, value: object, path: str) -> Rule | None:
        if isinstance(value, Mapping) and list(value) == ["count"]:
            requests = value["count"]
            if _is_whole(requests) and requests >= 0:
                return Count(requests=requests)
        elif isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
            return Chance(of=float(value))
        self._wrong(path, "neither a probability nor a count", "write a number from 0 to 1, or {count: 3}")
        return None

    def _mapping(self, data: object, path: str) -> Mapping[object, object]:
        if isinstance(data, Mapping):
            return data
        self._wrong(path, "not a mapping", "write KEY: VALUE")
        return {}

    def _wrong(self, path: str, problem: str, fix: str) -> None:
        self._problems.append(Problem(origin=self._origin, path=path, problem=problem, fix=fix))


def _is_whole(value: object) -> TypeIs[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _nearest(word: object, known: list[str]) -> str:
    near = difflib.get_close_matches(str(word), known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
