"""Keeps HTTP/1.1 connections to one origin, and never repeats a request that may have had an effect."""

import ssl
from collections import deque

import anyio
from anyio.abc import ByteStream

from orchestrator.http.connection import Connection
from orchestrator.http.wire import (
    BROKEN,
    AnswerLate,
    Bounds,
    Call,
    ConnectFailed,
    ConnectLate,
    Incoming,
    NoSlot,
    Patience,
    Unanswered,
    reason,
)

READING = frozenset({b"GET", b"HEAD", b"OPTIONS"})
"""The methods that have no effect (RFC 9110, 9.2.1); the others are never sent twice."""


class Pool:
    """Connections to one origin: the one used last is used next, and none that idled too long.

    tls: the context to verify the server with, None for plain text.
    """

    def __init__(self, host: str, port: int, *, tls: ssl.SSLContext | None, bounds: Bounds) -> None:
        self._host, self._port, self._tls, self._bounds = host, port, tls, bounds
        self._slots = anyio.Semaphore(bounds.connections, fast_acquire=True)
        self._idle: deque[Connection] = deque()
        self._open = 0
        self._closed = False

    @property
    def open(self) -> int:
        """How many connections are open, idle ones included; never more than `Bounds.connections`."""
        return self._open

    async def exchange(self, call: Call, patience: Patience) -> Incoming:
        """Make one exchange. Raises PoolError, whose branch says whether the request may have been carried out.

        A call that only reads is sent once more, on a new connection, where an idle one turns out to be dead.
        """
        await self._take_slot(patience.slot)
        try:
            idle = await self._take_idle()
            if idle is not None:
                try:
                    return await self._converse(idle, call, patience.answer)
                except Unanswered as error:
                    if not error.silent or call.method not in READING:
                        raise
            fresh = await self._connect(patience.connect)
            return await self._converse(fresh, call, patience.answer)
        finally:
            self._slots.release()

    async def aclose(self) -> None:
        """Close the idle connections now, and the busy ones as their exchanges end."""
        self._closed = True
        while self._idle:
            await self._drop(self._idle.pop())

    async def _take_slot(self, limit: float) -> None:
        with anyio.move_on_after(limit) as scope:
            await self._slots.acquire()
        if scope.cancelled_caught:
            raise NoSlot(f"none of {self._bounds.connections} connections became free in {limit:g} s")

    async def _take_idle(self) -> Connection | None:
        too_long_ago = anyio.current_time() - self._bounds.idle
        while self._idle and self._idle[0].used_at <= too_long_ago:
            await self._drop(self._idle.popleft())
        while self._idle:
            connection = self._idle.pop()
            if connection.silent:
                return connection
            await self._drop(connection)
        return None

    async def _connect(self, limit: float) -> Connection:
        where = f"{self._host}:{self._port}"
        stream: ByteStream | None = None
        try:
            with anyio.move_on_after(limit):
                stream = await self._open_stream()
        except (*BROKEN, UnicodeError) as error:  # UnicodeError: a name that DNS cannot hold
            raise ConnectFailed(f"could not connect to {where}: {reason(error)}") from error
        if stream is None:
            raise ConnectLate(f"could not connect to {where} in {limit:g} s")
        self._open += 1
        return Connection(stream, self._bounds)

    async def _open_stream(self) -> ByteStream:
        if self._tls is None:
            return await anyio.connect_tcp(self._host, self._port)
        # HTTP peers close without a TLS farewell, and HTTP itself says where an answer ends.
        return await anyio.connect_tcp(self._host, self._port, ssl_context=self._tls, tls_standard_compatible=False)

    async def _converse(self, connection: Connection, call: Call, limit: float) -> Incoming:
        answer: Incoming | None = None
        try:
            with anyio.move_on_after(limit):
                answer = await connection.exchange(call)
        finally:
            if connection.reusable and not self._closed:
                connection.used_at = anyio.current_time()
                self._idle.append(connection)
            else:
                await self._drop(connection)
        if answer is None:
            raise AnswerLate(f"the answer was not complete in {limit:g} s")
        return answer

    async def _drop(self, connection: Connection) -> None:
        self._open -= 1
        await connection.aclose()
