"""Names that are spelled much like one that is not known, for a "did you mean"."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

MOST_LOOKED_AT = 2_000
"""Of the known names: comparing is slow, and an inventory may have 50,000."""


def near_names(name: str, known: Iterable[str], *, most: int = 1, within: int | None = None) -> list[str]:
    """At most `most` of the known names, the most alike first; none where none is much like it.

    within: only names whose lengths differ by no more characters than that.
    """
    alike = (other for other in known if within is None or abs(len(other) - len(name)) <= within)
    return get_close_matches(name, list(islice(alike, MOST_LOOKED_AT)), n=most)


def did_you_mean(name: str, known: Iterable[str], *, within: int | None = None) -> str:
    """`did you mean X?` for the known name that is most like this one, or nothing."""
    near = near_names(name, known, within=within)
    return f"did you mean {near[0]}?" if near else ""


def did_you_mean_one_of(name: str, known: Iterable[str]) -> str:
    """The same for at most three names, which stand in the grave accents that code has in our messages."""
    near = [f"`{each}`" for each in near_names(name, sorted(known), most=3)]
    return f"did you mean {' or '.join([', '.join(near[:-1]), near[-1]] if near[1:] else near)}?" if near else ""
