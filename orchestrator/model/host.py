"""Hosts, groups and the provider that reaches them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.model.ids import HostName, RunId, Value, Vmid
from orchestrator.model.origin import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """How the fleet's provider is reached.

    api_key: a reference (`env:NAME`, `file:PATH`), never the key itself.
    rate: API calls per second that the key allows, None when not known; burst: calls allowed at once.
    """

    kind: str
    url: str
    api_key: str
    rate: float | None = None
    burst: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One VPS. `hostname`, when declared, is verified inside the guest before a step is run there."""

    name: HostName
    vmid: Vmid
    hostname: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A value and where it was written. reference: of a secret value, where it is kept, as `env:NAME`; else ''."""

    value: Value
    origin: Origin
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Variables that are written in one place for a host. name: whose they are, as people say it: `the group web`."""

    name: str
    variables: Mapping[str, Variable]


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryHost:
    """A host as the inventory has it: with its variables, already merged by precedence, and its groups.

    variables: inventory vars, group vars (parents first) and host vars; a later one has replaced an earlier.
    """

    host: Host
    groups: frozenset[str]
    variables: Mapping[str, Variable]
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The fleet, in the order it was written.

    inputs: sha256 of every file it was read from, by path.
    groups: the members of every group, in inventory order (children's members included).
    """

    file: str
    provider: ProviderSpec
    hosts: tuple[InventoryHost, ...]
    groups: Mapping[str, tuple[HostName, ...]] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFence:
    """A host that no run may have until a person has looked at it. key, since: as of a lock.

    run: the one that left it so. why: one sentence.
    """

    key: str
    host: HostName
    run: RunId
    since: float
    why: str
