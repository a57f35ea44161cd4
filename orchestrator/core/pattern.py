"""Host patterns: which hosts of an inventory a text such as `web:&prod:!frozen` means, and names folded into one.

The language is Ansible's (https://docs.ansible.com/ansible/latest/inventory_guide/intro_patterns.html), plus vmids
and the folded lists that our reports print. An unknown or empty part is an error: it never widens to all hosts.
"""

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from itertools import groupby, product

from orchestrator.errors import InputError
from orchestrator.model.host import Inventory, InventoryHost
from orchestrator.model.ids import HostName
from orchestrator.model.near import did_you_mean
from orchestrator.model.origin import Problem, Text
from orchestrator.model.plan import Plan

MAX_FOLDED = 100_000
"""The most names that a folded list in a pattern may stand for."""

MAX_REGEX = 200
"""The longest regular expression, in characters."""

MAX_PROBLEMS = 20
"""The most parts of one pattern that are reported."""

# Digits are bounded because int() refuses more than 4,300 of them.
_SLICE = re.compile(r"([^\[]+)\[(?:(-?[0-9]{1,9})|([0-9]{0,9}):([0-9]{0,9}))\]")
_FOLDED = re.compile(r"\[([0-9]{1,250}(?:-[0-9]{1,250})?(?:,[0-9]{1,250}(?:-[0-9]{1,250})?)*)\]")
_DIGITS = re.compile(r"[0-9]{1,250}")
_REGEX_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{[0-9]*,[0-9]*\}|.", re.DOTALL)
_OPEN, _CLOSE = "([{", ")]}"
_MAX_STEMS = 4
_ITSELF = "write a \\ before a character that means itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One part of a pattern; sign: '' adds, '&' keeps only, '!' takes away."""

    sign: str
    text: str


class _Unmatched(ValueError):
    """Why a part means no host, and what to write instead."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.fix = fix


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fleet:
    """The hosts of an inventory by name, vmid and group, as indices in inventory order."""

    names: Mapping[str, int]
    vmids: Mapping[str, int]
    groups: Mapping[str, frozenset[int]]
    lists: Mapping[str, Sequence[HostName]]

    @classmethod
    def of(cls, inventory: Inventory, lists: Mapping[str, Sequence[HostName]]) -> "_Fleet":
        names = {str(host.host.name): index for index, host in enumerate(inventory.hosts)}
        return cls(
            names=names,
            vmids={str(host.host.vmid): index for index, host in enumerate(inventory.hosts)},
            groups={
                group: frozenset(names[m] for m in members if m in names) for group, members in inventory.groups.items()
            },
            lists=lists,
        )


def select(
    pattern: Text, inventory: Inventory, *, lists: Mapping[str, Sequence[HostName]] | None = None
) -> tuple[InventoryHost, ...]:
    """The hosts that a pattern means, in inventory order; never none.

    `a:b` or `a,b` adds, `:&b` keeps only, `:!b` takes away, whatever their order; with nothing that adds, it starts
    from all. A part is a host, a vmid, a group, `all`, a glob or `~regex` (from the start of a host's or a group's
    name), a slice (`web[0]`, `web[0:3]`, both ends included), a folded list (`web-[003-016,020]`), or a key of `lists`
    (`@RUN.failed`), whose hosts must all be in the inventory.
    Raises InputError with every part that is unknown or matches nothing (a known group that is empty may be taken
    away), or when nothing is left of all.
    """
    fleet = _Fleet.of(inventory, lists or {})
    problems: list[Problem] = []
    found: dict[str, list[frozenset[int]]] = {"": [], "&": [], "!": []}
    for part in _split(pattern):
        try:
            found[part.sign].append(_hosts_of(part, fleet))
        except _Unmatched as error:
            problems.append(Problem(origin=pattern.origin, problem=str(error), fix=error.fix))
            if len(problems) == MAX_PROBLEMS:
                break
    if problems:
        raise InputError(problems)
    chosen = frozenset[int]().union(*found[""]) if found[""] else frozenset(range(len(inventory.hosts)))
    chosen = chosen.intersection(*found["&"]).difference(*found["!"])
    if not chosen:
        raise InputError.of(
            f"no host matches {pattern.source!r}", origin=pattern.origin, fix="widen it: an empty choice is never run"
        )
    return tuple(inventory.hosts[index] for index in sorted(chosen))


def select_planned(pattern: Text, plan: Plan) -> tuple[HostName, ...]:
    """The hosts of a plan that a pattern means, in the plan's order; a plan knows no groups. Raises InputError."""
    hosts = tuple(
        InventoryHost(host=each.host, groups=frozenset(), variables={}, origin=pattern.origin) for each in plan.hosts
    )
    chosen = select(pattern, Inventory(file=plan.inventory, provider=plan.provider, hosts=hosts))
    return tuple(each.host.name for each in chosen)


def _split(pattern: Text) -> list[_Part]:
    """The parts between colons and commas that stand outside brackets."""
    pieces, depth, start, source = [], 0, 0, pattern.source
    for at, char in enumerate(source):
        depth = max(0, depth + (char in _OPEN) - (char in _CLOSE))
        if depth == 0 and char in ":,":
            pieces.append(source[start:at])
            start = at + 1
    pieces.append(source[start:])
    texts = [piece.strip() for piece in pieces]
    if not all(text.strip("!&") for text in texts):
        problem = f"the pattern {source!r} has an empty part" if source.strip() else "the pattern is empty"
        raise InputError.of(problem, origin=pattern.origin, fix="write `all` for every host")
    return [_Part(sign=t[0], text=t[1:].strip()) if t[0] in "!&" else _Part(sign="", text=t) for t in texts]


def _hosts_of(part: _Part, fleet: _Fleet) -> frozenset[int]:
    if part.sign == "!" and part.text in fleet.groups:
        return fleet.groups[part.text]
    hosts = _match(part.text, fleet)
    if not hosts:
        raise _Unmatched(f"{part.text!r} matches no host", "write one that does, or take it out")
    return hosts


def _match(text: str, fleet: _Fleet) -> frozenset[int]:
    if text in ("all", "*"):
        return frozenset(range(len(fleet.names)))
    if text.startswith("@"):
        return _listed(text, fleet)
    if text.startswith("~"):
        return _matching(_regex(text[1:]), fleet)
    if slice_ := _SLICE.fullmatch(text):
        return _sliced(slice_, fleet)
    folded = _FOLDED.search(text)
    if any(char in text for char in "*?") or ("[" in text and not folded):
        return _matching(_glob(text), fleet)
    if folded:
        return frozenset(_one(name, fleet) for name in _unfold(text))
    return fleet.groups[text] if text in fleet.groups else frozenset({_one(text, fleet)})


def _listed(text: str, fleet: _Fleet) -> frozenset[int]:
    if text not in fleet.lists:
        raise _Unmatched(f"{text} is known to --limit only, which asks the journal", "name the hosts")
    if gone := [host for host in fleet.lists[text] if host not in fleet.names]:
        raise _Unmatched(f"{text} has {fold_names(gone)}, which the inventory has not", "name the others with -l")
    return frozenset(fleet.names[host] for host in fleet.lists[text])


def _one(name: str, fleet: _Fleet) -> int:
    index = fleet.names.get(name, fleet.vmids.get(name))
    if index is None:
        near = did_you_mean(name, (*fleet.groups, *fleet.names), within=2)
        raise _Unmatched(f"no host, group or vmid is called {name!r}", near or "look into the inventory")
    return index


def _matching(regex: re.Pattern[str], fleet: _Fleet) -> frozenset[int]:
    members = [hosts for group, hosts in fleet.groups.items() if regex.match(group)]
    return frozenset(index for name, index in fleet.names.items() if regex.match(name)).union(*members)


def _glob(text: str) -> re.Pattern[str]:
    for listed in _FOLDED.finditer(text):
        if not listed[1].isdigit() and any(len(digits) > 1 for digits in _DIGITS.findall(listed[1])):
            fix = "write two parts, as in `web-[01-20]:db-*`"
            raise _Unmatched(f"{text!r} mixes a list of numbers with * or ?", fix)
    return re.compile(translate(text))


def _regex(text: str) -> re.Pattern[str]:
    if len(text) > MAX_REGEX:
        raise _Unmatched(f"the regular expression is longer than {MAX_REGEX} characters", "shorten it")
    if _repeats_nest(text):
        problem = f"~{text} repeats a group that repeats or chooses, which can take for ever"
        raise _Unmatched(problem, "drop one of them")
    try:
        with warnings.catch_warnings(action="ignore"):
            return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise _Unmatched(f"~{text} is not a regular expression: {error}", _ITSELF) from error


def _repeats_nest(regex: str) -> bool:
    """Whether a repeated group holds a repeat or a choice: what makes Python's matcher take exponential time."""
    inside, closed = [False], False
    for piece in _REGEX_PIECE.findall(regex):
        repeats = piece in "*+" or (piece.startswith("{") and len(piece) > 1)
        if repeats and closed:
            return True
        closed = False
        if piece == "(":
            inside.append(False)
        elif piece == ")" and len(inside) > 1:
            closed = inside.pop()
            inside[-1] |= closed
        elif repeats or piece == "|":
            inside[-1] = True
    return False


def _sliced(slice_: re.Match[str], fleet: _Fleet) -> frozenset[int]:
    base, single, first, last = slice_.groups()
    hosts = sorted(_match(base, fleet))
    if single is not None:
        at = int(single)
        return frozenset(hosts[at : at + 1 or None])
    return frozenset(hosts[int(first or 0) : int(last) + 1 if last else None])


def _unfold(text: str) -> Iterator[str]:
    """The names that a folded list stands for, as `fold_names` made it."""
    pieces = _FOLDED.split(text)
    choices = [[piece] if at % 2 == 0 else _numbers(piece) for at, piece in enumerate(pieces)]
    total = 1
    for choice in choices:
        total *= len(choice)
        if total > MAX_FOLDED:
            raise _Unmatched(f"{text!r} stands for more than {MAX_FOLDED} names", "write fewer")
    return ("".join(parts) for parts in product(*choices))


def _numbers(listed: str) -> list[str]:
    found: list[str] = []
    for item in listed.split(","):
        first, _, last = item.partition("-")
        low, high, padded = int(first), int(last or first), len(first) > 1 and first.startswith("0")
        if high < low or (padded and last and len(first) != len(last)):
            raise _Unmatched(f"[{item}] is not a range", "write the lower number first, both with as many digits")
        if high - low >= MAX_FOLDED - len(found):
            raise _Unmatched(f"[{item}] stands for more than {MAX_FOLDED} names", "write fewer")
        found.extend(str(number).zfill(len(first) if padded else 0) for number in range(low, high + 1))
    return found


def fold_names(names: Sequence[str]) -> str:
    """Host names as one pattern, `web-[003-016,020],db`, which `select` takes back; in the order of appearance.

    Names are folded over the run of digits that the most of them differ in. n log n.
    """
    distinct = list(dict.fromkeys(names))
    stems: dict[tuple[str, str], int] = {}
    for name in distinct:
        for stem, _ in _stems(name):
            stems[stem] = stems.get(stem, 0) + 1
    families: dict[tuple[str, str], list[str]] = {}
    for name in distinct:
        # The last run of digits wins where two are as common: numbers count from the right in most names.
        stem, digits = max(_stems(name), key=lambda found: stems[found[0]], default=((name, ""), ""))
        families.setdefault(stem, []).append(digits)
    return ",".join(
        f"{prefix}{folded}{suffix}"
        for (prefix, suffix), numbers in families.items()
        for folded in _fold_numbers(numbers)
    )


def _stems(name: str) -> Iterator[tuple[tuple[str, str], str]]:
    """The ways to take a run of digits out of a name: what is left of it, right of it, and the digits; last first."""
    runs = list(_DIGITS.finditer(name))
    return (((name[: run.start()], name[run.end() :]), run[0]) for run in reversed(runs[-_MAX_STEMS:]))


def _fold_numbers(numbers: Sequence[str]) -> Iterator[str]:
    """`[003-016,020]` for each width of zero-padded numbers and for those without padding; one alone stands bare."""
    padded = {len(digits) for digits in numbers if digits.startswith("0") and len(digits) > 1}
    by_width: dict[int, list[str]] = {}
    for digits in numbers:
        # Width 1 stands for all that are not padded, 0 for a name that has no digits.
        by_width.setdefault(len(digits) if len(digits) in padded else min(len(digits), 1), []).append(digits)
    for alike in by_width.values():
        yield alike[0] if len(alike) == 1 else f"[{','.join(_ranges(alike))}]"


def _ranges(numbers: Iterable[str]) -> Iterator[str]:
    ordered = sorted(numbers, key=int)
    for _, run in groupby(enumerate(ordered), key=lambda pair: int(pair[1]) - pair[0]):
        together = [digits for _, digits in run]
        yield together[0] if len(together) == 1 else f"{together[0]}-{together[-1]}"
