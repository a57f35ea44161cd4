"""A folder that only its owner may enter: outputs may hold secrets."""

import shlex
from pathlib import Path

from orchestrator.errors import JournalError


def make_private(folder: Path) -> None:
    """Create the folder with mode 0700 where there is none; one that exists is left as it is. Raises JournalError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(
            f"{folder}: the folder cannot be created ({error.strerror}); "
            "make a place that you may write to, or name another with ORC_STATE_DIR",
            next=(f"ls -ld {shlex.quote(str(folder.parent))}",),
        ) from error
