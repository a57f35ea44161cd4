"""What GitHub Actions understands: workflow commands (`::error title=...::`), and plain lines that it takes for none.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

import re
from collections.abc import Iterator, Sequence

from orchestrator.model.event import Recorded, RunFinished, RunPaused, WaveOpened
from orchestrator.model.plan import Plan
from orchestrator.report.failures import FailureGroup
from orchestrator.report.progress import progress_line
from orchestrator.report.sections import slot_name
from orchestrator.report.view import PAPER, Paper
from orchestrator.report.visible import visible
from orchestrator.report.words import count, names

MAX_ERRORS = 10
"""Of one step, GitHub shows so many errors and drops the rest."""

MAX_MESSAGE = 4_000
"""Characters of one annotation."""

MAX_SUMMARY = 1_000_000
"""Bytes: a job summary of more than 1 MiB is refused as a whole."""

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})
# The runner looks for `::` at the beginning of a line, after white space, and for the older `##[` anywhere in it.
_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\[)")


def command(name: str, message: str = "", **properties: str) -> str:
    """A workflow command as one line, whatever the message and the properties hold."""
    said = ",".join(f"{key}={value.translate(_PROPERTY)}" for key, value in properties.items())
    return f"::{name}{' ' if said else ''}{said}::{message.translate(_DATA)}"


def inert(line: str) -> str:
    """A line that the runner takes for no command: an invisible word joiner breaks what would begin one."""
    return _COMMAND.sub(lambda found: f"{found[0]}\u2060", line)


class GithubLog:
    """The lines of a run's log: a group for each wave."""

    def __init__(self, plan: Plan, paper: Paper = PAPER) -> None:
        self._plan = plan
        self._paper = paper
        self._open = False

    def lines(self, recorded: Recorded) -> Iterator[str]:
        """The lines of an event."""
        event = recorded.event
        said = inert(progress_line(self._plan, recorded, self._paper))
        if isinstance(event, WaveOpened | RunFinished | RunPaused):
            yield from self.end()
        if isinstance(event, WaveOpened):
            self._open = True
            yield command("group", said)
        else:
            yield said

    def end(self) -> Iterator[str]:
        """Close the group that is open, if there is one."""
        if self._open:
            self._open = False
            yield command("endgroup")


def errors(groups: Sequence[FailureGroup]) -> Iterator[str]:
    """An annotation for each kind of failure."""
    for each in groups[:MAX_ERRORS]:
        hosts = f"{count(len(each.hosts), 'host')}: {names(each.hosts)}"
        lines = [f"{visible(each.first.detail)}, on {hosts}", *each.stdout, *each.stderr]
        yield command(
            "error", "\n".join(lines)[:MAX_MESSAGE], title=f"{visible(slot_name(each.first))} on {hosts}"[:200]
        )


def summary(lines: Sequence[str]) -> str:
    """The text of a job summary, cut at a line's end where it would be too long."""
    said, size = [], 0
    for line in lines:
        size += len(line.encode(errors="replace")) + 1
        if size > MAX_SUMMARY:
            said.append("... and more: see `orc report`.")
            break
        said.append(line)
    return "\n".join([*said, ""])
