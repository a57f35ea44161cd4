"""How a run is shown in a job of GitHub Actions: groups, errors, and the job's summary."""

import os
from pathlib import Path

from orchestrator import log
from orchestrator.cli import output
from orchestrator.cli.output import Sink
from orchestrator.cli.screens import QuietScreen, Shown
from orchestrator.model.event import Recorded
from orchestrator.report.failures import group
from orchestrator.report.final import final_report
from orchestrator.report.github import GithubLog, errors, inert, summary
from orchestrator.report.markdown import markdown
from orchestrator.report.view import Paper, RunView

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file to which a step's summary is appended."""


class GithubScreen(QuietScreen):
    """A line for each event, in a group for each wave."""

    def __init__(self, sink: Sink, stream: Sink, paper: Paper) -> None:
        super().__init__(sink)
        self._stream = stream
        self._paper = paper
        self._log: GithubLog | None = None

    def attach(self, live: Shown) -> None:
        """From here on there is a plan to speak of."""
        self._log = GithubLog(live.plan, self._paper)

    def observe(self, recorded: Recorded) -> None:
        """Write the event's lines."""
        if self._log is not None:
            self._stream.lines(self._log.lines(recorded))


def report(view: RunView) -> None:
    """The errors and the report, on stdout; and the job's summary where the job has one."""
    paper = output.paper()
    output.stdout().lines(errors(group(view.state, view.outputs)))
    output.stdout().lines(inert(line) for line in final_report(view, paper))
    if path := os.environ.get(SUMMARY):
        _append(Path(path), summary(markdown(view, paper)))


def _append(path: Path, text: str) -> None:
    """Append to the summary; a run has ended as it has, whether or not that can be written."""
    try:
        with path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(log.redact(text))
    except OSError as error:
        output.stderr().line(f"orc: the job's summary cannot be written to {path}: {error.strerror}")
