"""Templates: what an author wrote, and how values get into it; the only import of Jinja."""

from orchestrator.template.compiled import check, is_template, names, needs, place, reads
from orchestrator.template.error import TemplateError
from orchestrator.template.render import (
    blank_entry,
    evaluate,
    find_value,
    render_value,
    render_word,
    undefined,
)
from orchestrator.template.shell_text import check_shell, raw_uses, remarks, render_shell

__all__ = [
    "TemplateError",
    "blank_entry",
    "check",
    "check_shell",
    "evaluate",
    "find_value",
    "is_template",
    "names",
    "needs",
    "place",
    "raw_uses",
    "reads",
    "remarks",
    "render_shell",
    "render_value",
    "render_word",
    "undefined",
]
