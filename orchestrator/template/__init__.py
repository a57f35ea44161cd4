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
from orchestrator.template.shell_text import RAW_REMARK, check_shell, remarks, render_shell

__all__ = [
    "RAW_REMARK",
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
    "remarks",
    "render_shell",
    "render_value",
    "render_word",
    "undefined",
]
