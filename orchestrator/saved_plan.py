"""A plan in a file: what `orc plan -o` writes, `orc show` reads and `orc apply` runs.

One JSON object in canonical form (`codec.canonical`): `v`, `argv`, `valid_until`, `plan`. Nothing of who made it or
when stands in it: the same inputs give the same bytes on every machine, so that people can compare them, or sign them.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from orchestrator import codec
from orchestrator.errors import InputError
from orchestrator.model.origin import Origin
from orchestrator.model.plan import Plan

VERSION = 1

MAX_BYTES = 1_000_000_000
"""The largest plan that is read, in bytes: 10,000 hosts with 20 steps take about 50 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """argv: the command line of `orc run` that it stands for. valid_until: seconds since the epoch; None: no end.

    v: of the file's format.
    """

    plan: Plan
    argv: tuple[str, ...]
    valid_until: float | None = None
    v: int = VERSION


_SAVED: TypeAdapter[SavedPlan] = TypeAdapter(SavedPlan)


def write_saved(path: Path, saved: SavedPlan) -> None:
    """Write the file, all of it or nothing. Raises InputError where that cannot be done."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with partial.open("xb") as file:
            file.writelines(_parts(saved))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        with suppress(OSError, ValueError):
            partial.unlink()
        raise InputError.of(f"cannot be written: {error}", origin=Origin(file=path.as_posix())) from None


def _parts(saved: SavedPlan) -> Iterator[bytes]:
    yield b'{"argv":' + codec.canonical(saved.argv) + b',"plan":'
    yield from codec.canonical_parts(saved.plan, digest=saved.plan.digest)
    yield b',"v":' + codec.canonical(saved.v) + b',"valid_until":' + codec.canonical(saved.valid_until) + b"}\n"


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
        saved = _SAVED.validate_json(text)
    except ValidationError:
        raise InputError.of("is not a plan that this version of orc can read", fix=fix, origin=origin) from None
    if saved.v != VERSION:
        raise InputError.of(f"is a plan in the format {saved.v}; this is orc's {VERSION}", fix=fix, origin=origin)
    if codec.digest(saved.plan) != saved.plan.digest:
        raise InputError.of("was changed after it was made: its digest is another's", fix=fix, origin=origin)
    return saved
