"""`orc lint`: what is wrong with files, and what would not do what its author thinks."""

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import orchestrator
from orchestrator import log
from orchestrator.cli import output
from orchestrator.cli.linted import Linted, lint
from orchestrator.errors import InputError
from orchestrator.lint import Edit, Severity, Warning, make
from orchestrator.load.files import with_lines
from orchestrator.load.problems import render_problem
from orchestrator.model.origin import Problem
from orchestrator.report.lint_json import annotations, lint_json, sarif
from orchestrator.report.words import count

ROUNDS = 100
"""How often files are mended and read anew: a file that is no YAML tells one mistake at a time."""


class Format(StrEnum):
    """How findings are written."""

    TEXT = "text"
    GITHUB = "github"
    JSON = "json"
    SARIF = "sarif"


PathsArgument = Annotated[
    list[Path] | None, typer.Argument(metavar="[PATH]...", help="Files or folders; without any, the project's.")
]
FormatOption = Annotated[Format, typer.Option("--format", help="How findings are written.")]
FixOption = Annotated[bool, typer.Option("--fix", help="Mend in the files what can be mended safely.")]
ShellcheckOption = Annotated[
    bool, typer.Option("--shellcheck/--no-shellcheck", help="Ask ShellCheck, too, where it is there.")
]


def command(
    paths: PathsArgument = None, *, format: FormatOption = Format.TEXT, fix: FixOption = False,
    with_shellcheck: ShellcheckOption = True,
) -> None:  # fmt: skip
    """Look for mistakes in playbooks and inventories, and say what to write instead.

    Exit status 0, or 2 where there are errors or warnings. A finding that is meant so is ignored by a comment:
    # orc: ignore[rule-id] reason. docs/lint.md has all rules.
    """
    log.set_up(format="text", verbose=False)
    linted = lint(paths or (), with_shellcheck=with_shellcheck)
    fixed = 0
    for _ in range(ROUNDS if fix else 0):
        made = _mend(linted)
        if not made:
            break
        fixed += made
        linted = lint(paths or (), with_shellcheck=with_shellcheck)
    output.stdout().lines(_lines(linted, format, fixed))
    if any(each.severity is not Severity.NOTE for each in linted.found):
        raise typer.Exit(InputError.exit_code)


def _lines(linted: Linted, format: Format, fixed: int) -> Iterator[str]:
    match format:
        case Format.TEXT:
            yield from _text(linted.found)
            yield _verdict(linted, fixed)
        case Format.GITHUB:
            yield from annotations(linted.found)
        case Format.JSON:
            yield json.dumps(lint_json(linted.found, linted.files, fixed), indent=2)
        case Format.SARIF:
            yield json.dumps(sarif(linted.found, orchestrator.__version__), indent=2)


def _text(found: Sequence[Warning]) -> Iterator[str]:
    problems = [Problem(origin=f.origin, path=f.path, problem=f.problem, fix=f.fix) for f in found]
    for each, problem in zip(found, with_lines(problems), strict=True):
        yield from render_problem(problem, each.severity.value, f" [{each.rule}]").split("\n")


def _verdict(linted: Linted, fixed: int) -> str:
    found = linted.found
    counts = {severity: sum(each.severity is severity for each in found) for severity in Severity}
    said = [count(number, severity.value) for severity, number in counts.items() if number]
    words = [f"{count(len(linted.files), 'file')}: {', '.join(said) or 'nothing found'}"]
    words += [f"{fixed} mended"] if fixed else []
    fixable = sum(bool(each.edits) for each in found)
    words += [f"--fix can mend {fixable}"] if fixable and not fixed else []
    return "; ".join(words)


def _mend(linted: Linted) -> int:
    """Make the edits that the findings carry; how many were made. One that leaves its line wrong is not kept."""
    total = 0
    for file in dict.fromkeys(edit.origin.file for each in linted.found for edit in each.edits):
        edits = [edit for each in linted.found for edit in each.edits if edit.origin.file == file]
        total += _rewrite(Path(file), edits)
    return total


def _rewrite(path: Path, edits: Sequence[Edit]) -> int:
    try:
        before = path.read_bytes()
        text = before.decode("utf-8")
        mark = "\ufeff" if text.startswith("\ufeff") else ""  # no column counts it
        after, made = make(text.removeprefix(mark), edits)
        if not made:
            return 0
        path.write_bytes((mark + after).encode())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.of(
            f"{path} cannot be mended: {error}", fix="its other findings are told without --fix"
        ) from None
    lines = {edit.origin.line for edit in edits}
    again = lint([path], with_shellcheck=False)
    if any(each.rule == "wrong-file" and each.origin.line in lines for each in again.of(path.as_posix())):
        path.write_bytes(before)
        return 0
    return made
