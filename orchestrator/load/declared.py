"""The hosts that an inventory declares: ranges written out, every name and every vmid once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.load.document import Document
from orchestrator.load.inventory_shape import HostShape
from orchestrator.load.problems import Finding, Loc
from orchestrator.load.ranges import Range, read_range

MAX_HOSTS = 100_000
"""The most hosts of one inventory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One host as written. vmid and hostname are None where they are not given, or are wrong."""

    name: str
    vmid: str | None
    hostname: str | None
    loc: Loc
    shape: HostShape | None


@dataclass(slots=True, kw_only=True)
class Declarations:
    """Hosts by name, in the order in which they were written, and what is wrong with them."""

    hosts: dict[str, Declared] = field(default_factory=dict)
    vmids: dict[str, Declared] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def declare(document: Document, shapes: Mapping[str, HostShape | None]) -> Declarations:
    """The hosts of an inventory; a shape is None where it has been found wrong already."""
    found = Declarations()
    for written, shape in shapes.items():
        _declare(written, shape, found, document)
        if len(found.hosts) > MAX_HOSTS:
            problem = f"with it there are more than {MAX_HOSTS} hosts"
            found.findings.append(Finding(loc=("hosts", written), problem=problem, on_key=True))
            break
    for name, host in found.hosts.items():
        other = found.vmids.get(name)
        if other and other is not host:
            problem = f"{name} is also the vmid of {other.name}, so a pattern could not tell them apart"
            found.findings.append(Finding(loc=host.loc, problem=problem, fix="rename it", on_key=True))
    return found


def _declare(written: str, shape: HostShape | None, found: Declarations, document: Document) -> None:
    loc: Loc = ("hosts", written)
    vmid, hostname = (shape.vmid, shape.hostname) if shape else (None, None)
    try:
        names, hostnames = read_range(written), read_range(hostname) if hostname else None
    except ValueError as error:
        found.findings.append(Finding(loc=loc, problem=str(error), on_key=True))
        return
    if shape and (finding := _misfit(written, names, shape.vmid, hostnames or hostname)):
        found.findings.append(finding)
        vmid = hostname = hostnames = None
    every = names.written_out() if names else [written]
    vmids = vmid.written_out() if isinstance(vmid, Range) else [str(vmid) if vmid else None]
    guests = hostnames.written_out() if hostnames else [hostname]
    for index, name in enumerate(every):
        host = Declared(
            name=name,
            vmid=vmids[index] if len(vmids) > 1 or not names else vmids[0],
            hostname=guests[index] if len(guests) > 1 or not names else guests[0],
            loc=loc,
            shape=shape,
        )
        _add(host, found, document)


def _misfit(written: str, names: Range | None, vmid: int | Range, hostname: str | Range | None) -> Finding | None:
    """Why a name, its vmid and its hostname do not stand for as many hosts."""
    for key, value in (("vmid", vmid), ("hostname", hostname)):
        if value is None:
            continue
        hosts, values = len(names) if names else 1, len(value) if isinstance(value, Range) else 1
        if hosts != values or isinstance(value, Range) != isinstance(names, Range):
            problem = f"{written} is {_hosts(hosts)}, and its {key} is for {_hosts(values)}"
            return Finding(loc=("hosts", written, key), problem=problem, fix="write ranges of the same length")
    return None


def _hosts(count: int) -> str:
    return "1 host" if count == 1 else f"{count} hosts"


def _add(host: Declared, found: Declarations, document: Document) -> None:
    if host.name in found.hosts:
        first = document.key_origin(found.hosts[host.name].loc)
        problem = f"{host.name} is here twice, first at line {first.line}"
        found.findings.append(Finding(loc=host.loc, problem=problem, fix="remove one", on_key=True))
        return
    found.hosts[host.name] = host
    if host.vmid is None:
        return
    other = found.vmids.setdefault(host.vmid, host)
    if other is not host:
        first = document.key_origin(other.loc)
        problem = f"{host.name} has the vmid {host.vmid} of {other.name}, at line {first.line}"
        loc = (*host.loc, "vmid")
        found.findings.append(Finding(loc=loc, problem=problem, fix="each VPS is one host"))
