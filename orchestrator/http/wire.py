"""What goes over a connection, within which bounds, and how an exchange can fail.

PoolError
├── Unsent            no byte of the request has left: it was not carried out
│   ├── Unsendable        the request cannot be written as HTTP/1.1
│   ├── NoSlot            no connection became free in time
│   ├── ConnectFailed     refused, unresolved, or the certificate is not trusted
│   └── ConnectLate       no connection in time
└── Unanswered        bytes may have left: it may have been carried out
    ├── WriteFailed       the connection broke while the request was being sent
    ├── ReadFailed        the connection broke before the answer was complete
    ├── AnswerLate        the answer was not complete in time
    └── BadAnswer         the answer is not HTTP/1.1, or larger than allowed
"""

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import anyio

Headers = Sequence[tuple[bytes, bytes]]

BROKEN = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)
"""What a stream raises when the network, or TLS on it, has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much a pool may hold: connections open at once; seconds a connection may idle; bytes of a head and a body.

    idle: some servers (Proxmox VE) close after 5 s, and a request that meets the closing is lost.
    """

    connections: int = 256
    idle: float = 4.0
    head: int = 64 * 1024
    body: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long an exchange may take, in seconds: to get a slot, to connect, and from sending to the last byte."""

    slot: float = 120.0
    connect: float = 10.0
    answer: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as it goes on the wire; its headers name Host and, where there is a body, Content-Length."""

    method: bytes
    target: bytes
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """An answer as it came off the wire."""

    status: int
    headers: Headers
    body: bytes


class PoolError(Exception):
    """An exchange that brought no answer."""


class Unsent(PoolError):
    """No byte of the request has left."""


class Unsendable(Unsent):
    """The request cannot be written as HTTP/1.1."""


class NoSlot(Unsent):
    """No connection became free in time."""


class ConnectFailed(Unsent):
    """There is no connection: refused, unresolved, or the certificate is not trusted."""


class ConnectLate(Unsent):
    """There was no connection in time."""


class Unanswered(PoolError):
    """The request may have been carried out. silent: the connection broke before the first byte of an answer."""

    def __init__(self, message: str, *, silent: bool = False) -> None:
        super().__init__(message)
        self.silent = silent


class WriteFailed(Unanswered):
    """The connection broke while the request was being sent."""


class ReadFailed(Unanswered):
    """The connection broke before the answer was complete."""


class AnswerLate(Unanswered):
    """The answer was not complete in time."""


class BadAnswer(Unanswered):
    """The answer is not HTTP/1.1, or larger than allowed."""


def reason(error: BaseException) -> str:
    """Why the network failed, in a few words, from the innermost error that says so."""
    inner = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error.__cause__
    if inner is not None:
        return reason(inner)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, OSError) and error.errno is not None:
        # getaddrinfo's errors count below zero and have a text of their own
        return os.strerror(error.errno) if error.errno > 0 else str(error.strerror)
    return str(error) or type(error).__name__
