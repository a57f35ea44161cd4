"""The options that commands share, and what is made of them."""

import getpass
import os
import platform
from pathlib import Path
from typing import Annotated

import typer

from orchestrator import log
from orchestrator.cli.output import Form, Output
from orchestrator.errors import InputError
from orchestrator.load import Settings, load_settings
from orchestrator.load.quantities import read_duration

PlaybookArgument = Annotated[Path, typer.Argument(metavar="PLAYBOOK", help="The playbook's file.")]
InventoryOption = Annotated[
    Path | None, typer.Option("-i", "--inventory", metavar="FILE", help="The inventory's file.")
]
LimitOption = Annotated[
    str | None,
    typer.Option(
        "-l",
        "--limit",
        metavar="PATTERN",
        help="Of the playbook's hosts, those that match; or @RUN.failed.",
    ),
]
ExtraVarsOption = Annotated[
    list[str] | None, typer.Option("-e", "--extra-vars", metavar="K=V", help="A parameter, or @FILE of them.")
]
TagsOption = Annotated[
    list[str] | None, typer.Option("-t", "--tags", metavar="TAG,...", help="Only the steps that have one of these.")
]
SkipTagsOption = Annotated[
    list[str] | None, typer.Option("--skip-tags", metavar="TAG,...", help="Not the steps that have one of these.")
]
ForksOption = Annotated[
    int | None, typer.Option("-f", "--forks", min=1, metavar="N", help="Hosts under way at once: max_parallel.")
]
MaxFailuresOption = Annotated[
    str | None, typer.Option("--max-failures", metavar="N|P%", help="Hosts that may fail before the run stops.")
]
NoRollbackOption = Annotated[bool, typer.Option("--no-rollback", help="Take nothing back, whatever fails.")]
ProbeOption = Annotated[bool, typer.Option("--probe", help="Ask the VPSes, read-only, what a run would find there.")]
VerboseOption = Annotated[bool, typer.Option("-v", "--verbose", help="Log what is done besides.")]
QuietOption = Annotated[bool, typer.Option("-q", "--quiet", help="No progress, only the report.")]
OutputOption = Annotated[Output, typer.Option("--output", help="How the run is shown.")]
FormOption = Annotated[Form, typer.Option("--output", help="How it is written.")]
WhyOption = Annotated[str, typer.Option("-m", "--message", metavar="WHY", help="Why: it is kept with the request.")]
LockWaitOption = Annotated[
    str, typer.Option("--lock-wait", metavar="TIME", help="How long to wait for hosts that other runs have: 10m.")
]
ReallyOption = Annotated[
    int | None,
    typer.Option("--yes-really", min=1, metavar="N", help="Also over the playbook's limits, on exactly N hosts."),
]
ExpectOption = Annotated[
    int | None, typer.Option("--expect-hosts", min=1, metavar="N", help="Run only if it is exactly N hosts.")
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, the beginning of it, or `last`.")]


def begin(*, verbose: bool = False) -> Settings:
    """The project's settings, with logging set up by them. Raises InputError."""
    settings = load_settings(Path.cwd(), os.environ)
    log.set_up(format=settings.log, verbose=verbose)
    return settings


def whoami() -> str:
    """Who types this, and where: `ana@laptop`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"uid-{os.getuid()}"
    return f"{user}@{platform.node() or 'localhost'}"


def read_lock_wait(text: str) -> float:
    """Seconds to wait for locks. Raises InputError."""
    return read_time("--lock-wait", text)


def read_time(option: str, text: str) -> float:
    """The seconds of an option's duration, in its words or as a number of seconds. Raises InputError."""
    try:
        return read_duration(int(text) if text.isascii() and text.isdigit() else text)
    except ValueError as error:
        raise InputError.of(f"{option} {text}: {error}", fix="nothing was started") from None
