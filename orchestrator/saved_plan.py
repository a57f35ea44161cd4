"""A plan in a file: what `orc plan -o` writes, `orc show` reads and `orc apply` runs.

One JSON object in canonical form (`codec.canonical`): `argv`, `plan`, `sha256`, `v`, `valid_until`. What secret
commands say is left out; their fingerprints stand there, and the plan's digest covers them. Nothing of who made it or
when stands in it: the same inputs give the same bytes on every machine, so that people can compare them, or sign them.
`sha256` is over the object without it: it tells a file that was changed or cut off.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from orchestrator import codec
from orchestrator.core.secret import veiled
from orchestrator.errors import InputError
from orchestrator.model.origin import Origin
from orchestrator.model.plan import Plan

VERSION = 1

MAX_BYTES = 1_000_000_000
"""The largest plan that is read, in bytes: 10,000 hosts with 20 steps take about 50 MB."""

_BEGINS = b'{"argv":'


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """argv: the command line of `orc run` that it stands for. valid_until: seconds since the epoch; None: no end.

    plan: as it may be seen; its digest is that of the whole one. v: of the file's format. sha256: of the file.
    """

    plan: Plan
    argv: tuple[str, ...]
    valid_until: float | None = None
    v: int = VERSION
    sha256: str = ""


def sealed(saved: SavedPlan) -> SavedPlan:
    """The plan as it is kept: without what its secret commands say, and with its sum."""
    shown = replace(saved, plan=veiled(saved.plan))
    found = hashlib.sha256()
    for part in (*_before(shown), b",", _after(shown)):
        found.update(part)
    return replace(shown, sha256=found.hexdigest())


@cache
def _saved() -> TypeAdapter[SavedPlan]:
    return TypeAdapter(SavedPlan)


def write_saved(path: Path, saved: SavedPlan) -> None:
    """Write the file, all of it or nothing, in place of an earlier plan but of nothing else.

    Raises InputError where that cannot be done.
    """
    _must_not_be_missed(path)
    kept = sealed(saved)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with partial.open("xb") as file:
            file.writelines(_before(kept))
            file.write(b',"sha256":' + codec.canonical(kept.sha256) + b"," + _after(kept))
            file.flush()
            os.fsync(file.fileno())
        if path.exists():  # whoever has kept an earlier one from others means this one, too
            partial.chmod(path.stat().st_mode & 0o777)
        partial.replace(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        with suppress(OSError, ValueError):
            partial.unlink()
        reason = error.strerror if isinstance(error, OSError) else "not the name of a file"
        raise InputError.of(f"cannot be written: {reason}", origin=Origin(file=path.as_posix())) from None


def _must_not_be_missed(path: Path) -> None:
    """Raise InputError where something is there that is no plan: a playbook, say, or /dev/null, typed by mistake."""
    with suppress(OSError, ValueError):  # of what cannot be read, writing will tell
        if not path.exists():
            return
        if path.is_file():
            with path.open("rb") as file:
                begins = file.read(len(_BEGINS))
            if begins in (b"", _BEGINS):
                return
        fix = "name a file that is not there yet, or an earlier plan; it was left as it is"
        raise InputError.of("is there, and is no plan", fix=fix, origin=Origin(file=path.as_posix()))


def _before(saved: SavedPlan) -> Iterator[bytes]:
    yield _BEGINS + codec.canonical(saved.argv) + b',"plan":'
    yield from codec.canonical_parts(saved.plan, digest=saved.plan.digest)


def _after(saved: SavedPlan) -> bytes:
    return b'"v":' + codec.canonical(saved.v) + b',"valid_until":' + codec.canonical(saved.valid_until) + b"}\n"


def read_saved(path: Path) -> SavedPlan:
    """The plan of a file. Raises InputError where it is none, or is not as it was written."""
    origin = Origin(file=path.as_posix())
    fix = "make it again: orc plan PLAYBOOK -i INVENTORY -o FILE"
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not the name of a file"
        raise InputError.of(f"cannot be read: {reason}", origin=origin) from None
    if len(text) > MAX_BYTES:
        raise InputError.of(f"is larger than {MAX_BYTES // 1_000_000} MB", origin=origin)
    try:
        saved = _saved().validate_json(text)
    except ValidationError:
        raise InputError.of("is not a plan that this version of orc can read", fix=fix, origin=origin) from None
    if saved.v != VERSION:
        raise InputError.of(f"is a plan in the format {saved.v}; this is orc's {VERSION}", fix=fix, origin=origin)
    if sealed(saved).sha256 != saved.sha256:
        raise InputError.of("was changed after it was made", fix=fix, origin=origin)
    return saved
