"""Everything that is wrong with a playbook for its hosts, collected to be told at once."""

from dataclasses import dataclass, field, replace

from orchestrator.errors import InputError
from orchestrator.model.ids import HostName
from orchestrator.model.origin import Origin, Problem

MAX_PROBLEMS = 50
"""The most that are told; nobody reads more."""


@dataclass(slots=True)
class Problems:
    """Problems found so far; those of the same place and message are one, with the hosts that it concerns."""

    _found: dict[tuple[Origin, str, str], tuple[Problem, dict[HostName, None]]] = field(default_factory=dict)

    def note(self, problem: Problem, *, path: str = "", host: HostName | None = None) -> None:
        """Add one; path: where it is, unless the problem says so itself; host: whom it concerns, None for all."""
        key = (problem.origin, problem.problem, problem.fix)
        _, hosts = self._found.setdefault(key, (replace(problem, path=problem.path or path), {}))
        if host is not None:
            hosts[host] = None

    def raise_any(self) -> None:
        """Raises InputError when there are any, in the order of their places."""
        if not self._found:
            return
        found = sorted(self._found.values(), key=lambda each: (each[0].origin.file, *_order(each[0].origin)))
        told = [_with_hosts(problem, list(hosts)) for problem, hosts in found[:MAX_PROBLEMS]]
        if more := len(found) - len(told):
            told.append(Problem(origin=Origin(file=told[0].origin.file), problem=f"{more} more problems are not shown"))
        raise InputError(told)


def _order(origin: Origin) -> tuple[int, int]:
    return origin.line, origin.column


def _with_hosts(problem: Problem, hosts: list[HostName]) -> Problem:
    if not hosts:
        return problem
    others = f" and {len(hosts) - 1} more" if len(hosts) > 1 else ""
    return replace(problem, problem=f"{problem.problem} (for {hosts[0]}{others})")
