"""Rules about playbooks and inventories that can be used, and would not do what their authors think.

Pure: files are read elsewhere. `docs/lint.md` has every rule, in the words of the table RULES.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from orchestrator.lint.edits import make, quote_template
from orchestrator.lint.finding import Check, Edit, Found, Rule, Severity, Warning, warning
from orchestrator.lint.ignores import BAD, UNUSED, heed, read_ignores
from orchestrator.lint.name_rules import NAME_RULES, Book
from orchestrator.lint.program_rules import PROGRAM_RULES
from orchestrator.lint.secret_rules import INVENTORY_RULES, SECRET_RULES, is_called_like_a_secret
from orchestrator.lint.shell_rules import SHELL_RULES
from orchestrator.lint.shell_text import stand_in
from orchestrator.lint.step_rules import STEP_RULES
from orchestrator.lint.subject import Subject, of_plan, of_playbook
from orchestrator.model.host import Inventory
from orchestrator.model.origin import Origin, Text
from orchestrator.model.plan import Plan
from orchestrator.model.playbook import Playbook
from orchestrator.template.error import origin_at

__all__ = [
    "RULES",
    "Edit",
    "Found",
    "Rule",
    "Severity",
    "Warning",
    "heed",
    "is_called_like_a_secret",
    "lint_inventory",
    "lint_playbook",
    "make",
    "quote_template",
    "read_ignores",
    "script",
    "script_origin",
    "warning",
    "warnings",
]

WRONG_FILE = Rule(
    id="wrong-file",
    severity=Severity.ERROR,
    summary="What the loader refuses: YAML that cannot be read, an unknown key, a value that cannot be.",
    why="Nothing can be planned or run with this file.",
    fix="What the message says. It cannot be ignored.",
)
SHELLCHECK = Rule(
    id="SC0000",
    severity=Severity.WARNING,
    summary="A finding of ShellCheck, under its own number (SC2086), where its program is there.",
    why="See the wiki of ShellCheck for each number. Its errors and warnings are warnings here, all else notes.",
    fix="What it says; or `# orc: ignore[SC2086] reason`, or ShellCheck's own comment in the script.",
)

_PLANNED = (*PROGRAM_RULES, *SHELL_RULES)
_STEPS = (*_PLANNED, *STEP_RULES)
_BOOKS = (*NAME_RULES, *SECRET_RULES)

RULES: Mapping[str, Rule] = {
    rule.id: rule
    for rule in (
        WRONG_FILE,
        *(check.rule for check in _BOOKS),
        *(check.rule for check in _STEPS),
        *(check.rule for check in INVENTORY_RULES),
        BAD,
        UNUSED,
        SHELLCHECK,
    )
}
"""Every rule by its id."""


def lint_playbook(playbook: Playbook, inventory_names: frozenset[str] | None = None) -> tuple[Warning, ...]:
    """What the rules find in a playbook, in the order of its places.

    inventory_names: the variables of the inventories that it may be used with; None where none is known.
    """
    book = Book(playbook=playbook, inventory_names=inventory_names)
    found = [warning(check.rule, each) for check in _BOOKS for each in check.look(book)]
    broken = {each.path for each in found if each.rule == "wrong-template"}
    subjects = [subject for subject in of_playbook(playbook) if not any(p.startswith(subject.path) for p in broken)]
    found += [each for subject in subjects for check in _STEPS for each in _of_step(check, subject)]
    return _in_order(found)


def lint_inventory(inventory: Inventory) -> tuple[Warning, ...]:
    """What the rules find in an inventory, in the order of its places."""
    return _in_order([warning(check.rule, each) for check in INVENTORY_RULES for each in check.look(inventory)])


def warnings(plan: Plan) -> tuple[Warning, ...]:
    """What can go wrong in the commands of a plan, in the order of its slots.

    That a step cannot be undone is told by the plan itself.
    """
    return tuple(each for subject in of_plan(plan) for check in _PLANNED for each in _of_step(check, subject))


def _of_step(check: Check[Subject], subject: Subject) -> Iterator[Warning]:
    """What a rule finds in a step; of a secret command in the rule's words, which hold none of the command's."""
    for found in check.look(subject):
        problem = check.rule.summary.removesuffix(".") if subject.secret else found.problem
        yield warning(check.rule, replace(found, problem=problem), step=subject.step)


def script(source: str) -> str:
    """A template of shell text as a script that can be read by others: a word for each value, as long as it."""
    return stand_in(source, "v")


def script_origin(text: Text, line: int, column: int) -> Origin:
    """Where a character of the script of a template is written; lines and columns from 1."""
    before = sum(len(each) + 1 for each in text.source.split("\n")[: line - 1])
    return origin_at(text, min(before + column - 1, len(text.source)))


def _in_order(found: Sequence[Warning]) -> tuple[Warning, ...]:
    ordered = sorted(found, key=lambda each: (each.origin.file, each.origin.line, each.origin.column, each.rule))
    return tuple(dict.fromkeys(ordered))
