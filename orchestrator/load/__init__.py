"""What people write, to nouns: files and the command line, checked as a whole, every problem with its place.

This is the layer's whole surface; `orchestrator.load.problems.render_problems` turns its problems into text.
"""

from typing import TYPE_CHECKING

from orchestrator.first_use import on_first_use

if TYPE_CHECKING:
    from orchestrator.load.files import with_lines
    from orchestrator.load.inventory import load_inventory
    from orchestrator.load.params import check_params, read_extra_vars
    from orchestrator.load.playbook import load_playbook
    from orchestrator.load.problems import render_problems
    from orchestrator.load.schema import json_schema
    from orchestrator.load.settings import Settings, load_settings
    from orchestrator.load.whole import load_all, read_yaml
else:
    __getattr__ = on_first_use(
        __name__,
        files=["with_lines"],
        inventory=["load_inventory"],
        params=["check_params", "read_extra_vars"],
        playbook=["load_playbook"],
        problems=["render_problems"],
        schema=["json_schema"],
        settings=["Settings", "load_settings"],
        whole=["load_all", "read_yaml"],
    )

__all__ = [
    "Settings",
    "check_params",
    "json_schema",
    "load_all",
    "load_inventory",
    "load_playbook",
    "load_settings",
    "read_extra_vars",
    "read_yaml",
    "render_problems",
    "with_lines",
]
