"""Step kinds: what one step can be. One file a kind, one line in the table."""

from collections.abc import Mapping

from orchestrator.steps.argv import ARGV
from orchestrator.steps.copy import COPY
from orchestrator.steps.kind import StepKind
from orchestrator.steps.run import RUN
from orchestrator.steps.script import SCRIPT
from orchestrator.steps.wait_for import WAIT_FOR

KINDS: Mapping[str, StepKind] = {kind.name: kind for kind in (RUN, ARGV, SCRIPT, COPY, WAIT_FOR)}
"""Every step kind by its name."""
