"""Templates: what an author wrote, and how values get into it; the only import of Jinja."""

from orchestrator.template.compiled import check, is_template, names, needs, place, reads
from orchestrator.template.error import TemplateError
from orchestrator.template.render import (
    blank_entry,
    check_shell,
    evaluate,
    find_value,
    render_shell,
    render_value,
    render_word,
    undefined,
)

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
    "reads",
    "render_shell",
    "render_value",
    "render_word",
    "undefined",
]
