"""What a caller chose, and what a plan of it is made from: files, hosts, parameters."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from orchestrator import log
from orchestrator.core.expand import EVERY_STEP, expand, inventory_of_vmids
from orchestrator.core.pattern import select
from orchestrator.errors import InputError
from orchestrator.journal.fingerprint_key import fingerprint_key
from orchestrator.load import Settings, check_params, load_all, read_extra_vars
from orchestrator.model.host import Inventory, InventoryHost, Variable
from orchestrator.model.ids import HostName
from orchestrator.model.origin import COMMAND_LINE, Origin, Text
from orchestrator.model.plan import Plan, Tags
from orchestrator.model.playbook import Playbook


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a caller wants planned.

    limit: a pattern that narrows the playbook's hosts; None for no limit. tags: by which steps are chosen.
    lists: the hosts that each `@RUN.LIST` of the limit stands for.
    """

    playbook: Path
    inventory: Path | None = None
    limit: str | None = None
    extra_vars: Sequence[str] = ()
    tags: Tags = EVERY_STEP
    lists: Mapping[str, Sequence[HostName]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What a plan is made from, as it was read. hosts: those that were selected, in the inventory's order.

    state_dir: where the key of the fingerprints of secret commands is kept.
    """

    playbook: Playbook
    inventory: Inventory
    hosts: tuple[InventoryHost, ...]
    params: Mapping[str, Variable]
    tags: Tags
    state_dir: Path

    def plan(self) -> Plan:
        """The plan. Raises InputError with everything that is wrong."""
        key = fingerprint_key(self.state_dir) if self.playbook.has_secrets else b""
        return expand(self.playbook, self.inventory, self.hosts, self.params, self.tags, key=key)

    def origin_of(self, host: HostName, name: str) -> Origin | None:
        """Where the value was written that a variable has on a host; None for what nobody wrote.

        By precedence, as in `core.scope`.
        """
        own = self._by_name[host].variables if host in self._by_name else {}
        for variables in (self.params, self.playbook.variables, own):
            if name in variables:
                return variables[name].origin
        return None

    @cached_property
    def _by_name(self) -> Mapping[HostName, InventoryHost]:
        return {each.host.name: each for each in self.hosts}


def read_sources(selection: Selection, settings: Settings) -> Sources:
    """The files of a selection, and which hosts it means. Raises InputError with everything that is wrong."""
    playbook, inventory = load_all(selection.playbook, selection.inventory)
    params = check_params(playbook, read_extra_vars(selection.extra_vars), environ=os.environ)
    for variable in params.values():
        if variable.reference:
            log.register_secret(str(variable.value))
    if inventory is None:
        if playbook.hosts is not None:
            raise InputError.of(
                f"{playbook.file} names its hosts by a pattern, and there is no inventory to find them in",
                fix="give one with -i INVENTORY",
            )
        inventory = inventory_of_vmids(playbook, settings.provider)
    hosts = select(playbook.hosts, inventory) if playbook.hosts else inventory.hosts
    if selection.limit is not None:
        limit = Text(source=selection.limit, origin=COMMAND_LINE)
        wanted = {host.host.name for host in select(limit, inventory, lists=selection.lists)}
        hosts = tuple(host for host in hosts if host.host.name in wanted)
        if not hosts:
            raise InputError.of(
                f"the limit {selection.limit!r} leaves none of the playbook's hosts",
                fix="nothing was started; widen -l",
            )
    return Sources(
        playbook=playbook,
        inventory=inventory,
        hosts=hosts,
        params=params,
        tags=selection.tags,
        state_dir=settings.state_dir,
    )
