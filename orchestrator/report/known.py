"""What is known besides a plan: from earlier runs, and from its guests."""

from dataclasses import dataclass, field

from orchestrator.core.estimate import Durations
from orchestrator.report.probed import Probed
from orchestrator.report.since import Since


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """durations: of earlier attempts of the plan's steps. since: what is another than in the last good runs.

    probed: what the guests said. None: nobody asked.
    """

    durations: Durations = field(default_factory=dict)
    since: Since | None = None
    probed: Probed | None = None


NOTHING_KNOWN = Known()
