"""The key of this machine with which fingerprints of secret commands are made."""

import os
import secrets
from pathlib import Path

from orchestrator.errors import JournalError
from orchestrator.journal.folder import make_private

FILE = "fingerprint.key"
_BYTES = 32


def fingerprint_key(folder: Path) -> bytes:
    """The key in this folder, made at its first use; only its owner may read it.

    Without it, who sees a fingerprint could try one guess of a short secret after the other. Raises JournalError.
    """
    make_private(folder)
    file = folder / FILE
    try:
        if not file.exists():
            _make(file)
        key = file.read_bytes()
    except OSError as error:
        raise JournalError(f"{file}: the key of the fingerprints cannot be had ({error.strerror})") from error
    if len(key) != _BYTES:
        raise JournalError(f"{file} is not a key of {_BYTES} bytes: remove it, and secret steps get new fingerprints")
    return key


def _make(file: Path) -> None:
    """Whole under its name, or not at all; of two processes the first one's stays."""
    own = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(own, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as made:
        made.write(secrets.token_bytes(_BYTES))
        made.flush()
        os.fsync(descriptor)
    try:
        os.link(own, file)
    except FileExistsError:
        pass
    finally:
        own.unlink()
