"""docs/lint.md: every rule, in the words that the program has for it, and no other."""

import re
from pathlib import Path

import pytest

from orchestrator.lint import RULES, Rule

PAGE = (Path(__file__).parents[2] / "docs" / "lint.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_the_page_says_of_every_rule_what_it_sees_why_and_what_to_write_instead(rule: Rule) -> None:
    section = f"\n### {rule.id}\n\n{rule.summary}\n\n*Why:* {rule.why}\n\n*Instead:* {rule.fix}\n"

    assert section in PAGE
    assert f"| [`{rule.id}`](#{rule.id.lower()}) | {rule.severity.value} | {rule.summary} |\n" in PAGE


def test_the_page_has_no_other_rules() -> None:
    assert re.findall(r"^### (.+)$", PAGE, re.MULTILINE) == [*RULES]
    assert all(id == rule.id for id, rule in RULES.items())
