"""Playbooks as text, and what the rules find in them."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest

from orchestrator.lint import Warning, lint_playbook
from orchestrator.load import load_playbook

Lint = Callable[..., list[Warning]]


@pytest.fixture
def lint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lint:
    """Looks at a playbook of these steps, below this beginning; what is found, in order."""
    monkeypatch.chdir(tmp_path)

    def look(steps: str, head: str = "", *, names: frozenset[str] | None = None) -> list[Warning]:
        text = f"hosts: all\n{dedent(head)}\nsteps:\n{indent(dedent(steps).strip(), '  ')}\n"
        Path("p.yml").write_text(text, encoding="utf-8")
        return list(lint_playbook(load_playbook(Path("p.yml")), names))

    return look
