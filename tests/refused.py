"""What a playbook may not say: where the error is, what it says, and that nothing comes of it."""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import pytest
from _pytest.mark.structures import ParameterSet

from orchestrator.errors import InputError
from orchestrator.load import load_settings, render_problems
from orchestrator.selection import Selection, read_sources

PLACE = "«"
"""Stands before what is wrong."""


class Refused(NamedTuple):
    """of: the key. written: the playbook's line of it, with `«` before what is wrong. said: path, problem and fix."""

    of: str
    written: str
    said: str

    def playbook(self) -> str:
        hosts = "hosts: all" if self.written.startswith("limits") else "vmids: [1, 2]"
        steps = "" if self.written.startswith("steps") else "steps: [{name: one, run: one}]\n"
        return f"{hosts}\n{self.written.replace(PLACE, '')}\n{steps}"

    @property
    def wanted(self) -> str:
        """The first line of what is said."""
        return f"playbook.yml:2:{self.written.index(PLACE) + 1}: error: {self.said}"


def lines_about(refused: Refused, folder: Path) -> list[str]:
    """The errors of a playbook that was written so, each as its first line. The current folder is the given one."""
    (folder / "playbook.yml").write_text(refused.playbook())
    with pytest.raises(InputError) as caught:
        read_sources(Selection(playbook=Path("playbook.yml")), load_settings(folder, {})).plan()
    return [render_problems([problem]).splitlines()[0] for problem in caught.value.problems]


def cases(rows: Collection[Refused]) -> list[ParameterSet]:
    """The rows for `parametrize`, named by what is written."""
    return [pytest.param(row, id=row.written.replace(PLACE, "")) for row in rows]
