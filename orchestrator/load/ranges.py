"""Ranges in an inventory: `web-[002:120]` and `[10002:10120]`, both ends included."""

import re
from dataclasses import dataclass

MAX_RANGE = 100_000
"""The most hosts that one range may stand for."""

_RANGE = re.compile(r"\[([0-9]{1,18}):([0-9]{1,18})\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Numbers from first to last with what stands around them; width: digits that they are padded to with zeros."""

    prefix: str
    suffix: str
    first: int
    last: int
    width: int = 0

    def __len__(self) -> int:
        return self.last - self.first + 1

    def written_out(self) -> list[str]:
        """Every name of the range, in order."""
        return [f"{self.prefix}{number:0{self.width}d}{self.suffix}" for number in range(self.first, self.last + 1)]


def read_range(text: str) -> Range | None:
    """The range that a text holds, or None: `web-[08:12]` is web-08 to web-12, `web-[8:12]` is web-8 to web-12.

    Raises ValueError for one that is not counted upwards, is padded unevenly, or is too long; and for two of them.
    """
    found = _RANGE.search(text)
    if not found:
        return None
    if _RANGE.search(text, found.end()):
        raise ValueError("only one range may stand in a name: write the hosts of the other one by one")
    low, high = found[1], found[2]
    padded = len(low) > 1 and low.startswith("0")
    if padded and len(low) != len(high):
        width = max(len(low), len(high))
        raise ValueError(f"{found[0]} has ends of different widths: write [{low.zfill(width)}:{high.zfill(width)}]")
    if int(high) < int(low):
        raise ValueError(f"{found[0]} counts down: write the lower number first")
    if int(high) - int(low) >= MAX_RANGE:
        raise ValueError(f"{found[0]} stands for more than {MAX_RANGE} hosts: write a shorter one")
    return Range(
        prefix=text[: found.start()],
        suffix=text[found.end() :],
        first=int(low),
        last=int(high),
        width=len(low) if padded else 0,
    )
