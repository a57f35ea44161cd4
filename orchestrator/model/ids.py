"""The names that things are known by."""

from collections.abc import Mapping, Sequence
from typing import NewType

from typing_extensions import TypeAliasType

HostName = NewType("HostName", str)
"""A host's name in the inventory; for a playbook of bare vmids, the vmid."""

Vmid = NewType("Vmid", str)
"""What the provider calls the VPS, verbatim: digits for HostUp v1 and Proxmox, `vps_...` for HostUp v2."""

RunId = NewType("RunId", str)
"""A run's id: sortable by time, safe in a file name and in a shell word."""

StepName = NewType("StepName", str)
"""A step's name, unique over all the sections of a playbook."""

Value = TypeAliasType("Value", "bool | int | float | str | Sequence[Value] | Mapping[str, Value] | None")
"""A variable's value: what YAML's core schema can say."""
