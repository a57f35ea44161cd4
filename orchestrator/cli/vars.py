"""`orc vars`: the variables of a host, and where each comes from."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.options import ExtraVarsOption, FormOption, InventoryOption, VerboseOption, begin
from orchestrator.cli.output import Form
from orchestrator.core.expand import inventory_of_vmids
from orchestrator.core.traced import Traced, trace
from orchestrator.errors import InputError
from orchestrator.load import Settings, load_all
from orchestrator.load.inventory import load_inventory, load_layers
from orchestrator.load.params import check_params, read_extra_vars
from orchestrator.model.host import Inventory, InventoryHost, Variable
from orchestrator.model.near import did_you_mean
from orchestrator.model.playbook import Playbook
from orchestrator.report.host_variables import variables_json, variables_text

HostArgument = Annotated[str, typer.Argument(metavar="HOST", help="A host, by its name or its vmid.")]
NameArgument = Annotated[str | None, typer.Argument(metavar="[NAME]", help="One variable; all of them without it.")]
PlaybookOption = Annotated[
    Path | None, typer.Option("--playbook", metavar="FILE", help="With the variables and parameters of this playbook.")
]


def command(
    host: HostArgument,
    name: NameArgument = None,
    *,
    inventory: InventoryOption = None,
    playbook: PlaybookOption = None,
    extra_vars: ExtraVarsOption = None,
    form: FormOption = Form.TEXT,
    verbose: VerboseOption = False,
) -> None:
    """Show each variable of a host: its value, where it is written, and what it goes before.

    Values of variables that are called like secrets are never shown. No host is asked.
    """
    settings = begin(verbose=verbose)
    book, fleet = _load(playbook, inventory, settings)
    found = _find(host, fleet)
    layers = load_layers(inventory, found.host.name) if inventory else ()
    passed = read_extra_vars(tuple(extra_vars or ()))
    every = trace(found, layers, book, _params(book, passed), passed)
    chosen = [each for each in every if name in (None, each.name)]
    if not chosen:
        raise InputError.of(f"{found.host.name} has no variable {name}", fix=_near(name or "", every))
    if form is Form.JSON:
        output.stdout().line(json.dumps(variables_json(found, chosen, every), indent=2))
    else:
        output.stdout().lines(variables_text(found, chosen, every))


def _load(playbook: Path | None, inventory: Path | None, settings: Settings) -> tuple[Playbook | None, Inventory]:
    """Raises InputError with all that is wrong in both."""
    book: Playbook | None = None
    if playbook is not None:
        book, fleet = load_all(playbook, inventory)
    else:
        fleet = load_inventory(inventory) if inventory else None
    if fleet is None and book is not None and book.vmids:
        fleet = inventory_of_vmids(book, settings.provider)
    if fleet is None:
        raise InputError.of("there is no inventory to find the host in", fix="give one with -i INVENTORY")
    return book, fleet


def _find(host: str, fleet: Inventory) -> InventoryHost:
    found = next((each for each in fleet.hosts if host in (each.host.name, each.host.vmid)), None)
    if found is None:
        names = [each.host.name for each in fleet.hosts]
        few = f"it has {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}"
        fix = did_you_mean(host, names) or few
        raise InputError.of(f"{fleet.file} has no host {host}", fix=fix)
    return found


def _params(playbook: Playbook | None, passed: Mapping[str, Variable]) -> Mapping[str, Variable]:
    """The parameters; one that is required may be missing here. Raises InputError for what is wrong."""
    if playbook is None:
        if passed:
            raise InputError.of("-e passes parameters of a playbook", fix="name it with --playbook FILE")
        return {}
    params = tuple(replace(param, required=False, secret=False) for param in playbook.params)  # the reference is shown
    return check_params(replace(playbook, params=params), passed)


def _near(name: str, every: tuple[Traced, ...]) -> str:
    return did_you_mean(name, (each.name for each in every)) or f"it has {', '.join(each.name for each in every)}"
