"""The programs that read what an attempt has left in the guest, and the reading of their replies.

They start nothing of the step's, write nothing and need no library: only what they say, coreutils or busybox. Outputs
come as base64, since a provider may harm bytes that are no UTF-8; the program itself stays plain.
"""

import base64
import hashlib
import re
import shlex
from dataclasses import dataclass
from enum import Enum

from orchestrator.guest.program import DEFAULT_STATE, slot_key
from orchestrator.model.event import StepResult

RANGE = 1024 * 1024
"""Bytes of an output in one reply: the agent returns 16 MiB of a stream, and an answer has 30 s to come through."""


class Stream(Enum):
    """An output that is kept, by the name of its file."""

    OUT = "out"
    ERR = "err"

    @property
    def called(self) -> str:
        """`stdout`, `stderr`."""
        return f"std{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An output as it was in the guest when it was looked at. size: bytes. sha256: of all of them, in hexadecimal."""

    size: int
    sha256: str

    @property
    def ranges(self) -> int:
        """In how many ranges it comes."""
        return -(-self.size // RANGE)

    def length(self, index: int) -> int:
        """The bytes of one range, from 0."""
        return min(RANGE, self.size - index * RANGE)


def record_key(run: str, index: int, name: str, attempt: int, *, undo: bool) -> str:
    """The directory, below STATE, of an attempt of the plan's slot with this index and name."""
    return f"{run}/{slot_key(index, name, undo=undo)}.{attempt}"


def write_look(key: str, nonce: str) -> str:
    """The program that tells the sizes and checksums of both outputs, or that there is no such record."""
    return (
        f"{_enter(key)};r=$?\n"
        "for f in out err;do z=0 h=-;[ $r != 0 ]||[ ! -f $f ]||{ z=$(($(wc -c<$f)));h=$(head -c $z $f|sha256sum);}\n"
        f"echo $z ${{h%% *}};done;{_trailer(nonce, '$((r!=0))')}"
    )


def write_range(key: str, nonce: str, stream: Stream, kept: Kept, index: int) -> str:
    """The program that prints one range of an output, and its checksum."""
    return (
        f"o(){{ dd if={stream.value} bs={RANGE} skip={index} count=1 2>/dev/null|head -c {kept.length(index)};}}\n"
        f"{_enter(key)};r=$?\n"
        f"[ $r != 0 ]||{{ o|base64|tr -d '\\n';echo;o|sha256sum;}}\n{_trailer(nonce, '$((r!=0))')}"
    )


def _enter(key: str) -> str:
    return f'cd "${{ORC_STATE:-{DEFAULT_STATE}}}"/{shlex.quote(key)} 2>/dev/null'


def _trailer(nonce: str, status: str) -> str:
    """The last line, of the form that an attempt's reply has; the exit status says whether the record is there."""
    return f"echo;echo {nonce} 1 exited {status} 0 0 - - - -"


_KEPT = re.compile(r"([0-9]{1,15}) (?:-|([0-9a-f]{64}))")


def read_look(result: StepResult) -> dict[Stream, Kept] | None:
    """What is kept of both outputs; None where the guest does not say it in due form."""
    lines = [_KEPT.fullmatch(line) for line in result.stdout.split("\n")[:2]]
    found = [Kept(size=int(line[1]), sha256=line[2] or "") for line in lines if line]
    if result.exit_code != 0 or len(found) != 2 or any(each.size and not each.sha256 for each in found):
        return None
    return dict(zip(Stream, found, strict=True))


def read_range(result: StepResult, kept: Kept, index: int) -> bytes | None:
    """The bytes of a range; None where they are not as many as asked for, or not those of the checksum beside them."""
    encoded, _, checksum = result.stdout.partition("\n")
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError:
        return None
    if len(data) != kept.length(index) or hashlib.sha256(data).hexdigest() != checksum.split(" ")[0].strip():
        return None
    return data
