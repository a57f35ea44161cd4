"""What `orc lint` has found, for programs: as JSON, as SARIF 2.1.0, as annotations of GitHub Actions.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypedDict
from urllib.parse import quote

from orchestrator.lint import RULES, Rule, Severity, Warning
from orchestrator.report.github import command

PAGE = "docs/lint.md"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_GITHUB = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


class FindingJson(TypedDict):
    """One finding. line, column: from 1; 0 where it is about the whole file. fixable: `--fix` can mend it."""

    file: str
    line: int
    column: int
    path: str
    rule: str
    severity: str
    step: str
    problem: str
    fix: str
    fixable: bool


class LintJson(TypedDict):
    """All of them; files: those that were read; fixed: how many findings `--fix` has mended."""

    files: list[str]
    findings: list[FindingJson]
    fixed: int


def lint_json(found: Sequence[Warning], files: Sequence[str], fixed: int) -> LintJson:
    """The findings as programs read them."""
    return LintJson(files=[*files], findings=[_finding(each) for each in found], fixed=fixed)


def _finding(found: Warning) -> FindingJson:
    return FindingJson(
        file=found.origin.file,
        line=found.origin.line,
        column=found.origin.column,
        path=found.path,
        rule=found.rule,
        severity=found.severity.value,
        step=found.step,
        problem=found.problem,
        fix=found.fix,
        fixable=bool(found.edits),
    )


def annotations(found: Sequence[Warning]) -> Iterator[str]:
    """A workflow command for each finding."""
    for each in found:
        place = {"file": each.origin.file}
        if each.origin.line:
            place |= {"line": str(each.origin.line), "col": str(each.origin.column)}
        yield command(_GITHUB[each.severity], told(each), **place, title=each.rule)


def told(found: Warning) -> str:
    """A finding as one sentence."""
    return ", ".join(filter(None, (found.problem, found.fix)))


def sarif(found: Sequence[Warning], version: str) -> dict[str, Any]:
    """The findings as a log of one run of the tool. version: the tool's."""
    rules = _rules(found)
    at = {rule["id"]: index for index, rule in enumerate(rules)}
    driver = {"name": "orc lint", "semanticVersion": version, "rules": rules}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {"PROJECT": {"description": {"text": "The folder in which orc was started."}}},
                "results": [_result(each, at) for each in found],
            }
        ],
    }


def _rules(found: Sequence[Warning]) -> list[dict[str, Any]]:
    """Every rule of ours, and those of ShellCheck that have found something."""
    own = [_rule(rule, rule.id) for rule in RULES.values() if not rule.id.startswith("SC")]
    numbers = sorted({each.rule for each in found if each.rule not in RULES})
    return own + [_rule(RULES["SC0000"], number) for number in numbers]


def _rule(rule: Rule, id: str) -> dict[str, Any]:
    return {
        "id": id,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.fix}\n{PAGE}#{id}"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(found: Warning, rules: dict[str, int]) -> dict[str, Any]:
    return {
        "ruleId": found.rule,
        "ruleIndex": rules[found.rule],
        "level": _LEVELS[found.severity],
        "message": {"text": told(found)},
        "locations": [{"physicalLocation": _location(found.origin.file, found.origin.line, found.origin.column)}],
    } | ({"fixes": _fixes(found)} if found.edits else {})


def _location(file: str, line: int, column: int) -> dict[str, Any]:
    region = {"region": {"startLine": line, "startColumn": column}} if line else {}
    return {"artifactLocation": _artifact(file), **region}


def _artifact(file: str) -> dict[str, str]:
    """An absolute path is an URI of its own; any other is below the folder in which orc was started."""
    if file.startswith("/"):
        return {"uri": f"file://{quote(file)}"}
    return {"uri": quote(file), "uriBaseId": "PROJECT"}


def _fixes(found: Warning) -> list[dict[str, Any]]:
    changes = [
        {
            "artifactLocation": _artifact(edit.origin.file),
            "replacements": [
                {
                    "deletedRegion": {
                        "startLine": edit.origin.line,
                        "startColumn": edit.origin.column,
                        "endColumn": edit.origin.column + len(edit.old),
                    },
                    "insertedContent": {"text": edit.new},
                }
            ],
        }
        for edit in found.edits
    ]
    return [{"description": {"text": found.fix}, "artifactChanges": changes}]
