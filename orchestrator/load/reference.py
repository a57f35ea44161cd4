"""References to secrets: `env:NAME`, `file:PATH`."""

import re
from collections.abc import Mapping
from pathlib import Path

from orchestrator.errors import InputError

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.*\S")


def is_reference(text: object) -> bool:
    """Whether it is written as a reference to a secret is."""
    return isinstance(text, str) and bool(_REFERENCE.fullmatch(text))


def read_reference(reference: str, environ: Mapping[str, str], *, what: str) -> str:
    """The secret that a reference stands for. what: what it is, for people. Raises InputError where it is not there."""
    kind, _, name = reference.partition(":")
    if kind == "env":
        secret = environ.get(name, "")
        problem, fix = f"{what}'s variable {name} is not set", f"export {name}=..."
    else:
        try:
            secret = Path(name).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError, RuntimeError) as error:  # RuntimeError: no home for ~
            raise InputError.of(f"{what}'s file {name} cannot be read ({error})") from error
        problem, fix = f"{what}'s file {name} is empty", "put it there"
    if not secret:
        raise InputError.of(problem, fix=f"{fix}; nothing was started")
    return secret
