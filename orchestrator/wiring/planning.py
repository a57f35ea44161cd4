"""Files and what was typed -> a plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.core.expand import EVERY_STEP, expand, inventory_of_vmids
from orchestrator.core.pattern import select
from orchestrator.errors import InputError
from orchestrator.load import Settings, check_params, load_all, read_extra_vars
from orchestrator.model.ids import HostName
from orchestrator.model.origin import COMMAND_LINE, Text
from orchestrator.model.plan import Plan, Tags


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


def make_plan(selection: Selection, settings: Settings) -> Plan:
    """The plan of a selection. Raises InputError with everything that is wrong."""
    playbook, inventory = load_all(selection.playbook, selection.inventory)
    params = check_params(playbook, read_extra_vars(selection.extra_vars))
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
    return expand(playbook, inventory, hosts, params, selection.tags)
