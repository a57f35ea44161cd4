"""Providers: how to start a command on a host and ask about it. A new one is a file here and a line in the table."""

from collections.abc import Callable, Mapping

from orchestrator.model.host import ProviderSpec
from orchestrator.ports import Provider
from orchestrator.providers import hostup

PROVIDERS: Mapping[str, Callable[[ProviderSpec, str], Provider]] = {
    "hostup": hostup.hostup,
    "simulator": hostup.simulator,
}
"""The provider of each kind, made from what the inventory says and the key itself; each raises InputError."""
