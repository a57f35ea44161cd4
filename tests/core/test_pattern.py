"""Host patterns: what they select, what they refuse, and that folded names are taken back."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.pattern import MAX_PROBLEMS, fold_names, select
from orchestrator.errors import InputError
from orchestrator.model.host import Host, Inventory, InventoryHost, ProviderSpec
from orchestrator.model.ids import HostName, Vmid
from orchestrator.model.origin import Origin, Text

HERE = Origin(file="deploy.yml", line=2, column=8)
PROVIDER = ProviderSpec(kind="simulator", url="http://127.0.0.1:1", api_key="env:KEY")


def fleet(names: list[str], groups: dict[str, list[str]] | None = None, first_vmid: int = 10001) -> Inventory:
    hosts = [
        InventoryHost(
            host=Host(name=HostName(name), vmid=Vmid(str(first_vmid + at))),
            groups=frozenset(),
            variables={},
            origin=Origin(file="prod.yml", line=at + 1, column=1),
        )
        for at, name in enumerate(names)
    ]
    members = {group: tuple(HostName(m) for m in listed) for group, listed in (groups or {}).items()}
    return Inventory(file="prod.yml", provider=PROVIDER, hosts=tuple(hosts), groups=members)


FLEET = fleet(
    ["web-001", "web-002", "web-003", "web-004", "web-005", "db-1", "db-2", "cache"],
    {
        "web": [f"web-00{n}" for n in range(1, 6)],
        "db": ["db-1", "db-2"],
        "prod": ["web-001", "web-002", "db-1"],
        "frozen": ["web-002"],
        "empty": [],
    },
)


def chosen(pattern: str, inventory: Inventory = FLEET) -> list[str]:
    return [str(host.host.name) for host in select(Text(source=pattern, origin=HERE), inventory)]


def refusals(pattern: str, inventory: Inventory = FLEET) -> list[tuple[str, str]]:
    with pytest.raises(InputError) as caught:
        chosen(pattern, inventory)
    assert all(problem.origin == HERE for problem in caught.value.problems)
    return [(problem.problem, problem.fix) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("web-003", ["web-003"]),
        ("10002", ["web-002"]),
        ("all", ["web-001", "web-002", "web-003", "web-004", "web-005", "db-1", "db-2", "cache"]),
        ("*", ["web-001", "web-002", "web-003", "web-004", "web-005", "db-1", "db-2", "cache"]),
        ("db", ["db-1", "db-2"]),
        ("d?", ["db-1", "db-2"]),
        ("*-00[1-2]", ["web-001", "web-002"]),
        ("web-00[!1-4]", ["web-005"]),
        ("web-0[012]1*", ["web-001"]),
        ("~web-00[1-2]", ["web-001", "web-002"]),
        ("~.*-1$", ["db-1"]),
        ("~(cac|db-)", ["db-1", "db-2", "cache"]),
        ("~web-\\d{1,3}:cache", ["web-001", "web-002", "web-003", "web-004", "web-005", "cache"]),
        ("db:cache", ["db-1", "db-2", "cache"]),
        ("cache, db-2", ["db-2", "cache"]),
        ("web:&prod", ["web-001", "web-002"]),
        ("web:&prod:!frozen", ["web-001"]),
        ("!frozen:&prod:web", ["web-001"]),
        ("!web", ["db-1", "db-2", "cache"]),
        ("&prod:!db", ["web-001", "web-002"]),
        ("cache:!empty", ["cache"]),
        ("web[0]", ["web-001"]),
        ("web[-1]", ["web-005"]),
        ("web[1:2]", ["web-002", "web-003"]),
        ("web[3:]", ["web-004", "web-005"]),
        ("web[:1]", ["web-001", "web-002"]),
        ("web[3:99]", ["web-004", "web-005"]),
        ("web-*[0]:db", ["web-001", "db-1", "db-2"]),
        ("web-[001-003,005]", ["web-001", "web-002", "web-003", "web-005"]),
        ("db-[1-2]", ["db-1", "db-2"]),
        ("[10003-10005]", ["web-003", "web-004", "web-005"]),
        ("web-[001-002]:!web-001", ["web-002"]),
    ],
)
def test_a_pattern_selects_in_inventory_order(pattern: str, expected: list[str]) -> None:
    assert chosen(pattern) == expected


BACKSLASH = "write a \\ before a character that means itself"


@pytest.mark.parametrize(
    ("pattern", "problem", "fix"),
    [
        ("", "the pattern is empty", "write `all` for every host"),
        (" ", "the pattern is empty", "write `all` for every host"),
        ("web::db", "the pattern 'web::db' has an empty part", "write `all` for every host"),
        ("web:", "the pattern 'web:' has an empty part", "write `all` for every host"),
        ("web:!", "the pattern 'web:!' has an empty part", "write `all` for every host"),
        ("wbe", "no host, group or vmid is called 'wbe'", "did you mean web?"),
        ("web-01", "no host, group or vmid is called 'web-01'", "did you mean web-001?"),
        ("web:!frosen", "no host, group or vmid is called 'frosen'", "did you mean frozen?"),
        ("empty", "'empty' matches no host", "write one that does, or take it out"),
        ("web:empty", "'empty' matches no host", "write one that does, or take it out"),
        ("web:!app-*", "'app-*' matches no host", "write one that does, or take it out"),
        ("web[9]", "'web[9]' matches no host", "write one that does, or take it out"),
        ("~^x", "'~^x' matches no host", "write one that does, or take it out"),
        ("web:!web", "no host matches 'web:!web'", "widen it: an empty choice is never run"),
        ("web:&db", "no host matches 'web:&db'", "widen it: an empty choice is never run"),
        ("@last.failed", "@last.failed is known to --limit only, which asks the journal", "name the hosts"),
        ("web-[001-009]", "no host, group or vmid is called 'web-006'", "did you mean web-005?"),
        ("db-[2-1]", "[2-1] is not a range", "write the lower number first, both with as many digits"),
        ("web-[001-10]", "[001-10] is not a range", "write the lower number first, both with as many digits"),
        ("db-[1-999999999]", "[1-999999999] stands for more than 100000 names", "write fewer"),
        ("[1-999][1-999]", "'[1-999][1-999]' stands for more than 100000 names", "write fewer"),
        (
            "web-[01-20]*",
            "'web-[01-20]*' mixes a list of numbers with * or ?",
            "write two parts, as in `web-[01-20]:db-*`",
        ),
        ("~(", "~( is not a regular expression: missing ), unterminated subpattern at position 0", BACKSLASH),
        ("~" + "a" * 201, "the regular expression is longer than 200 characters", "shorten it"),
    ],
)
def test_what_is_unknown_or_matches_nothing_is_refused(pattern: str, problem: str, fix: str) -> None:
    assert refusals(pattern) == [(problem, fix)]


@pytest.mark.parametrize("regex", ["(a+)+$", "((a+)b?)*", "(a|aa)+$", "(?:x(?:a*)){2,}", r"([\])]+)+"])
def test_a_regular_expression_that_may_take_for_ever_is_refused(regex: str) -> None:
    (problem, _), *_ = refusals(f"~{regex}", fleet(["a" * 60 + "b"]))

    assert problem.endswith("which can take for ever")


def test_every_wrong_part_is_reported() -> None:
    assert [problem for problem, _ in refusals("wbe:db:!x-*:&nope")] == [
        "no host, group or vmid is called 'wbe'",
        "'x-*' matches no host",
        "no host, group or vmid is called 'nope'",
    ]


def test_a_flood_of_wrong_parts_is_cut() -> None:
    assert len(refusals(",".join(f"nope-{n}" for n in range(10_000)))) == MAX_PROBLEMS


def test_a_name_is_preferred_to_a_vmid() -> None:
    assert chosen("10002", fleet(["10002", "b"])) == ["10002"]


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        ([], ""),
        (["cache"], "cache"),
        (["web-007"], "web-007"),
        (["web-003", "web-004", "web-005", "web-016", "web-020", "web-021"], "web-[003-005,016,020-021]"),
        (["web-2", "web-10", "web-9", "web-1"], "web-[1-2,9-10]"),
        (["web-099", "web-100", "web-0100"], "web-[099-100],web-0100"),
        (
            ["r1-web-1.example", "r1-web-2.example", "db", "r2-web-1.example"],
            "r1-web-[1-2].example,db,r2-web-1.example",
        ),
        (["a1-b7", "a2-b7", "a3-b7"], "a[1-3]-b7"),
        (["10000", "10001", "10002"], "[10000-10002]"),
        (["web-1", "web-1"], "web-1"),
        (["web", "web0", "web1"], "web,web[0-1]"),
    ],
)
def test_names_fold_over_the_number_that_differs(names: list[str], folded: str) -> None:
    assert fold_names(names) == folded


STEM = st.sampled_from(["web", "web-", "db.x", "ö", "a_", ""])
NUMBER = st.one_of(st.integers(0, 25).map(str), st.integers(0, 120).map("{:03d}".format), st.just("0" * 30))
NAME = (
    st.lists(st.tuples(STEM, NUMBER | st.just("")), min_size=1, max_size=4)
    .map(lambda parts: "".join(stem + number for stem, number in parts))
    .filter(lambda name: bool(name) and name != "all")
)


@given(st.lists(NAME, min_size=1, max_size=40, unique=True), st.data())
@settings(derandomize=True, max_examples=200, deadline=None)
def test_a_folded_list_selects_exactly_its_names(names: list[str], data: st.DataObject) -> None:
    inventory = fleet(names, first_vmid=10**12)
    some = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))

    folded = fold_names(some)

    assert set(chosen(folded, inventory)) == set(some)


@given(st.text(st.sampled_from("web-0123[]{}():,!&~*?^$|.\\ @+d")) | st.text(max_size=30))
@settings(derandomize=True, max_examples=1500, deadline=None)
def test_any_text_selects_some_hosts_or_is_refused(pattern: str) -> None:
    try:
        hosts = chosen(pattern)
    except InputError:
        return
    assert hosts
    assert hosts == [name for name in chosen("all") if name in hosts]


def test_ten_thousand_names_fold_and_unfold_at_once() -> None:
    names = [f"web-{n:05d}.zone{n % 7}.example.com" for n in range(10_000)]
    began = time.perf_counter()

    folded = fold_names(names)
    back = chosen(folded, fleet(names))

    assert time.perf_counter() - began < 5
    assert set(back) == set(names)
    assert re.match(r"web-\[00000,00007,", folded)
