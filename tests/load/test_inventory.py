"""Right inventories to nouns, the variables beside them, and what is wrong across several files."""

import hashlib

import pytest

from orchestrator.errors import InputError
from orchestrator.load import load_inventory
from orchestrator.model.host import Host, Inventory, ProviderSpec
from orchestrator.model.ids import HostName, Vmid
from orchestrator.model.origin import Origin
from tests.load.conftest import Write

WHOLE = """\
provider: {kind: hostup, url: https://cloud.hostup.se/, api_key: env:HOSTUP_API_KEY, rate: 300/m, burst: 20}
vars: {region: se, level: inventory}
hosts:
  web-001: {vmid: 10001, zone: a, hostname: web-001.example.com}
  web-[002:004]: {vmid: '[10002:10004]', zone: b, hostname: 'w[2:4].example.com'}
  db: {vmid: 10101, level: host}
groups:
  web: {hosts: [web-*], vars: {port: 8000, level: web}}
  databases: {hosts: [db]}
  prod: {children: [web, databases], vars: {level: prod, tier: 1}}
  spare: {}
"""


@pytest.fixture
def whole(write: Write) -> Inventory:
    return load_inventory(write("prod.yml", WHOLE))


def values(inventory: Inventory, name: str) -> dict[str, object]:
    (host,) = [host for host in inventory.hosts if host.host.name == name]
    return {key: variable.value for key, variable in host.variables.items()}


def test_hosts_in_the_order_in_which_they_are_written(whole: Inventory) -> None:
    assert [host.host for host in whole.hosts] == [
        Host(name=HostName("web-001"), vmid=Vmid("10001"), hostname="web-001.example.com"),
        Host(name=HostName("web-002"), vmid=Vmid("10002"), hostname="w2.example.com"),
        Host(name=HostName("web-003"), vmid=Vmid("10003"), hostname="w3.example.com"),
        Host(name=HostName("web-004"), vmid=Vmid("10004"), hostname="w4.example.com"),
        Host(name=HostName("db"), vmid=Vmid("10101")),
    ]
    assert whole.hosts[2].origin == Origin(file="prod.yml", line=5, column=3)


def test_the_provider(whole: Inventory) -> None:
    assert whole.provider == ProviderSpec(
        kind="hostup", url="https://cloud.hostup.se", api_key="env:HOSTUP_API_KEY", rate=5.0, burst=20
    )


def test_groups_hold_their_childrens_hosts_in_inventory_order(whole: Inventory) -> None:
    web = tuple(HostName(f"web-00{n}") for n in range(1, 5))

    assert whole.groups == {
        "web": web,
        "databases": (HostName("db"),),
        "prod": (*web, HostName("db")),
        "spare": (),
    }
    assert whole.hosts[0].groups == {"web", "prod"}


def test_the_nearer_variable_wins(whole: Inventory) -> None:
    assert values(whole, "web-001") == {"region": "se", "tier": 1, "port": 8000, "level": "web", "zone": "a"}
    assert values(whole, "db") == {"region": "se", "tier": 1, "level": "host"}
    assert whole.hosts[0].variables["level"].origin == Origin(file="prod.yml", line=8, column=51)


def test_a_childs_variables_win_over_its_parents_whatever_their_names(write: Write) -> None:
    path = write(
        "i.yml",
        """
        hosts: {a: {vmid: 1}}
        groups:
          middle: {children: [ant], vars: {x: middle, y: middle}}
          ant: {hosts: [a], vars: {x: ant}}
          zebra: {children: [middle], vars: {x: zebra, y: zebra, z: zebra}}
        """,
    )

    assert values(load_inventory(path), "a") == {"x": "ant", "y": "middle", "z": "zebra"}


def test_of_groups_as_deep_the_later_by_name_wins(write: Write) -> None:
    path = write(
        "i.yml",
        """
        hosts: {a: {vmid: 1}}
        groups:
          zebra: {hosts: [a], vars: {x: zebra}}
          ant: {hosts: [a], vars: {x: ant}}
        """,
    )

    assert values(load_inventory(path), "a") == {"x": "zebra"}


def test_files_beside_the_inventory_win_over_what_is_in_it(write: Write) -> None:
    path = write("envs/prod.yml", WHOLE)
    write("envs/group_vars/all.yml", "region: no\nlevel: all\nextra: 1\n")
    write("envs/group_vars/web.yaml", "port: 9000\n")
    write("envs/group_vars/of-another-inventory.yml", "not: {valid\n")
    write("envs/group_vars/databases.yml", "# nothing yet\n")
    write("envs/host_vars/web-001.yml", "zone: z\n")

    inventory = load_inventory(path)

    assert values(inventory, "web-001") == {
        "region": "no", "level": "web", "extra": 1, "tier": 1, "port": 9000, "zone": "z",
    }  # fmt: skip
    assert values(inventory, "web-002")["zone"] == "b"
    assert inventory.hosts[0].variables["port"].origin == Origin(file="envs/group_vars/web.yaml", line=1, column=7)
    assert list(inventory.inputs) == [
        "envs/prod.yml",
        "envs/group_vars/all.yml",
        "envs/group_vars/databases.yml",
        "envs/group_vars/web.yaml",
        "envs/host_vars/web-001.yml",
    ]
    assert inventory.inputs["envs/prod.yml"] == hashlib.sha256(WHOLE.encode()).hexdigest()


def test_all_that_is_wrong_in_all_files_is_said_at_once(write: Write) -> None:
    path = write("i.yml", "hots: {}\nhosts: {a: {vmid: 1}, b: {vmid: 1}}\ngroups: {g: {hosts: [c]}}\n")
    write("group_vars/g.yml", "my-var: 1\n")
    write("group_vars/all.yml", "just text\n")
    write("host_vars/a.yml", "vmid: 5\n")
    write("host_vars/b.yml", "$ANSIBLE_VAULT;1.1;AES256\n6638\n")
    write("host_vars/b.yaml", "x: [\n")

    with pytest.raises(InputError) as caught:
        load_inventory(path)

    assert [(str(p.origin), p.problem) for p in caught.value.problems] == [
        ("i.yml:1:1", "unknown key hots"),
        ("i.yml:2:33", "b has the vmid 1 of a, at line 2"),
        ("i.yml:3:22", "no host is called c"),
        ("group_vars/all.yml:1:1", "must be a mapping of variables"),
        ("group_vars/g.yml:1:1", "my-var cannot be used in a template: only letters, digits and _, no digit first"),
        ("host_vars/a.yml:1:1", "vmid is not a variable"),
        ("host_vars/b.yaml:2:1", "the file ends inside a list or a mapping"),
        ("host_vars/b.yml:1:1", "not yet supported: Ansible vault"),
    ]


def test_variables_in_a_form_that_would_be_passed_over_are_refused(write: Write) -> None:
    path = write("i.yml", "hosts: {a: {vmid: 1}}\n")
    write("host_vars/a/main.yml", "x: 1\n")
    write("group_vars/all", "x: 1\n")

    with pytest.raises(InputError) as caught:
        load_inventory(path)

    assert [(str(p.origin), p.problem) for p in caught.value.problems] == [
        ("group_vars/all", "variables of all are read from all.yml only"),
        ("host_vars/a", "variables of a are read from a.yml only"),
    ]


def test_two_files_of_one_name_are_refused(write: Write) -> None:
    path = write("i.yml", "hosts: {a: {vmid: 1}}\n")
    write("host_vars/a.yml", "x: 1\n")
    write("host_vars/a.yaml", "x: 2\n")

    with pytest.raises(InputError, match="a has two files of variables"):
        load_inventory(path)


def test_without_a_provider_it_is_hostup_with_the_key_of_the_environment(write: Write) -> None:
    assert load_inventory(write("i.yml", "hosts: {a: {vmid: 1}}\n")).provider == ProviderSpec(
        kind="hostup", url="https://cloud.hostup.se", api_key="env:HOSTUP_API_KEY"
    )


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:5", "https://a.example/base"]
)
def test_plain_http_is_for_this_machine_only(write: Write, url: str) -> None:
    path = write(
        "i.yml", f"provider: {{kind: simulator, url: '{url}', api_key: 'file:key'}}\nhosts: {{a: {{vmid: 1}}}}\n"
    )

    assert load_inventory(path).provider == ProviderSpec(kind="simulator", url=url, api_key="file:key")


@pytest.mark.parametrize(
    "url",
    ["http://localhost.example.com", "http://128.0.0.1", "http://127.0.0.1@example.com", "http://", "https://a b"],
)
def test_what_only_looks_like_this_machine_is_refused(write: Write, url: str) -> None:
    path = write("i.yml", f"provider: {{kind: simulator, url: '{url}'}}\nhosts: {{a: {{vmid: 1}}}}\n")

    with pytest.raises(InputError, match="must be"):
        load_inventory(path)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("w-[8:11]", ["w-8", "w-9", "w-10", "w-11"]),
        ("w-[08:11]", ["w-08", "w-09", "w-10", "w-11"]),
        ("w-[008:011].x", ["w-008.x", "w-009.x", "w-010.x", "w-011.x"]),
        ("[0:3]", ["0", "1", "2", "3"]),
    ],
)
def test_ranges_keep_their_zeros(write: Write, name: str, names: list[str]) -> None:
    inventory = load_inventory(write("i.yml", f"hosts: {{'{name}': {{vmid: '[101:104]'}}}}\n"))

    assert [str(host.host.name) for host in inventory.hosts] == names
    assert [str(host.host.vmid) for host in inventory.hosts] == ["101", "102", "103", "104"]


def test_a_group_may_name_a_range(write: Write) -> None:
    inventory = load_inventory(
        write(
            "i.yml",
            "hosts: {'w[1:5]': {vmid: '[1:5]'}}\ngroups: {g: {hosts: ['w[2:3]', 'w?', w5]}, h: {hosts: ['w[2:3]']}}\n",
        )
    )

    assert inventory.groups["h"] == (HostName("w2"), HostName("w3"))
    assert len(inventory.groups["g"]) == 5


def test_more_hosts_than_the_cap_are_refused(write: Write) -> None:
    path = write("i.yml", "hosts:\n  a[1:60000]: {vmid: '[1:60000]'}\n  b[1:60000]: {vmid: '[100001:160000]'}\n")

    with pytest.raises(InputError, match="more than 100000 hosts"):
        load_inventory(path)


def test_cycles_are_all_named_and_end(write: Write) -> None:
    groups = "".join(f"  g{n}: {{children: [g{n}, g{(n + 1) % 50}]}}\n" for n in range(50))
    path = write("i.yml", f"hosts: {{a: {{vmid: 1}}}}\ngroups:\n{groups}")

    with pytest.raises(InputError) as caught:
        load_inventory(path)

    assert all("stands in itself" in problem.problem for problem in caught.value.problems)


def test_an_ambiguous_value_is_refused_where_a_meaning_is_given_only(write: Write) -> None:
    path = write("i.yml", "vars: {a: no}\nhosts: {x-1: {vmid: 010, mode: 0644, hostname: off}}\n")

    with pytest.raises(InputError) as caught:
        load_inventory(path)

    assert [problem.path for problem in caught.value.problems] == ["hosts.x-1.vmid", "hosts.x-1.hostname"]
