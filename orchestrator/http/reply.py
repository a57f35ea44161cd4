"""What a request can come to: an answer, or one of the two ways of having none."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of any status. headers: names in lower case; body: as it came, at most `Bounds.body` bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """No byte of the request has left: it was certainly not carried out."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The request, or a part of it, has left and no whole answer came: it may have been carried out."""

    message: str


Reply = Answer | NotSent | Lost
