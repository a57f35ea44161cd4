"""`orc`: finds the command that was typed, loads it and no other, and turns what goes wrong into words and a status.

Commands are loaded by name because what they stand on (a database, templates, a terminal) takes most of a second to
import, and `orc --help`, a typing error or a shell's completion must not wait for that.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Annotated

import typer

import orchestrator
from orchestrator.errors import Bug

COMMANDS = {
    "init": "Begin a project: a folder with a playbook and an inventory that run at once.",
    "lint": "Look for mistakes in playbooks and inventories.",
    "plan": "Show exactly what a playbook would do, and do nothing.",
    "show": "Show a plan that was kept in a file.",
    "apply": "Run the plan of a file, if its inputs still make the same one.",
    "run": "Run a playbook against an inventory.",
    "resume": "Go on with a run that was paused, or whose process has ended.",
    "retry": "Run again on the hosts of a finished run that are not ok, from where each stopped.",
    "continue": "The same as resume.",
    "approve": "Let a run go on that waits for a person after a wave.",
    "deny": "Let it go no further.",
    "pause": "Start nothing more in a run, from another terminal.",
    "abort": "End a run before its time, and undo nothing.",
    "rollback": "Take a finished run back.",
    "certificate": "Show what a run took back, step by step, or check a certificate that was kept.",
    "unlock": "Take a host from the run that has it.",
    "mark": "Say that a host is well again whose rollback had failed.",
    "watch": "Follow a run that another process drives.",
    "status": "Show how a run stands, and what to type next.",
    "runs": "List the runs, newest first.",
    "report": "Write a report of a run: text, Markdown or JUnit XML.",
    "diff": "Show what differs between two runs.",
    "logs": "Show what the commands of a run printed.",
    "vars": "Show the variables of a host, and where each comes from.",
    "simulator": "Simulate a fleet of VPSes on this machine.",
    "schema": "Print a JSON Schema: of playbooks, of inventories, of events.",
}
"""Every command: it is the function `command` of the module of its name in this folder, or of the one below."""

MODULES = {"continue": "resume"}
"""The module of a command that is not called like it."""

INTERRUPTED = 130


def main() -> None:
    """The console script."""
    _open_missing_streams()
    sys.exit(run(sys.argv[1:]))


def _open_missing_streams() -> None:
    """A standard stream that the caller has closed (`>&-`) is as though it led nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process


def run(words: Sequence[str]) -> int:
    """Run a command line, the words after `orc`; its exit status."""
    try:
        _app(words)(args=list(words), prog_name="orc")
    except SystemExit as ended:  # how typer says that it is done
        return ended.code if isinstance(ended.code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, a person reads a sentence about it
        return int(_module("explain").explain(error, debug=_wants_traceback(words)))
    finally:
        _flush()
    return 0


def _app(words: Sequence[str]) -> typer.Typer:
    """The application: of the commands, those whose names occur among the words are loaded."""
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,  # plain help: four times as fast, and it can be read in a log
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name, about in COMMANDS.items():
        app.command(name, help=None if name in words else about)(
            _module(MODULES.get(name, name)).command if name in words else _not_loaded
        )
    return app


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"orchestrator.cli.{name}")


def _not_loaded() -> None:
    raise Bug("a command was run that had not been loaded")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"orc {orchestrator.__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Run playbooks over fleets of VPSes, in waves, and take back what fails."""


def _wants_traceback(words: Sequence[str]) -> bool:
    return bool(os.environ.get("ORC_DEBUG")) or "-v" in words or "--verbose" in words


def _flush() -> None:
    """Write out what is buffered; where nobody reads it any more, keep Python from complaining about it at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
