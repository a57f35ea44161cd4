"""Every gate kind has what a playbook and a plan need of it."""

from pathlib import Path
from typing import get_args

import orchestrator.gates
from orchestrator.gates import GATES
from orchestrator.load.gate_shape import GateShape
from orchestrator.model.gate import Gate

NO_KINDS = {"__init__", "kind", "words"}


def test_every_file_of_the_folder_is_a_gate_kind_and_every_kind_has_its_file_and_its_key() -> None:
    files = {file.stem for file in Path(orchestrator.gates.__file__).parent.glob("*.py")} - NO_KINDS
    assert files == set(GATES)
    assert {kind.written for kind in GATES.values()} <= set(GateShape.known())


def test_every_kind_says_what_it_is() -> None:
    for name, kind in GATES.items():
        assert kind.name == name
        assert kind.help.endswith(".")
        assert kind.example
    assert len(get_args(Gate)) == len(GATES)
