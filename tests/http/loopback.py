"""A server on loopback that is told, request by request, what to put on the wire: nonsense, nothing, or an answer."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import h11
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSListener


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as it came. connection: which one it came on, from 0; nth: which on that connection, from 0."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    nth: int


Behaviour = Callable[[Seen], Awaitable[bytes | None]]
"""What to send for a request, verbatim; None: close the connection instead."""


@dataclass(slots=True)
class Loopback:
    """A running server. requests: all that came; connections: accepted so far; open: of these, now."""

    port: int
    scheme: str = "http"
    requests: list[Seen] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    open_max: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


def answer(body: bytes = b"{}", *, status: int = 200, headers: str = "") -> bytes:
    """An answer with a Content-Length. headers: whole lines, each with CRLF."""
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


@asynccontextmanager
async def serving(
    behave: Behaviour, *, tls: ssl.SSLContext | None = None, idle: float = 60.0
) -> AsyncIterator[Loopback]:
    """Serve until left. idle: seconds after which a connection without a request is closed."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", backlog=1024)
    port: int = listener.extra(SocketAttribute.local_port)
    server = Loopback(port=port, scheme="https" if tls else "http")

    async def converse(stream: ByteStream) -> None:
        number = server.connections
        server.connections += 1
        server.open += 1
        server.open_max = max(server.open_max, server.open)
        try:
            async with stream:
                await _converse(stream, behave, server, number, idle)
        except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream):
            return
        finally:
            server.open -= 1

    async with listener, anyio.create_task_group() as tasks:
        served = TLSListener(listener, tls, standard_compatible=False) if tls else listener
        tasks.start_soon(served.serve, converse)
        yield server
        tasks.cancel_scope.cancel()


async def _converse(stream: ByteStream, behave: Behaviour, server: Loopback, connection: int, idle: float) -> None:
    nth = 0
    parser = h11.Connection(h11.SERVER)
    while True:
        with anyio.move_on_after(idle) as scope:
            seen = await _read(stream, parser, connection, nth)
        if scope.cancelled_caught or seen is None:
            return
        server.requests.append(seen)
        raw = await behave(seen)
        if raw is None:
            return
        if raw:
            await stream.send(raw)
        # What is sent is nobody's to check: the parser only reads, one parser for each request.
        rest = parser.trailing_data[0]
        parser = h11.Connection(h11.SERVER)
        if rest:
            parser.receive_data(rest)
        nth += 1


async def _read(stream: ByteStream, parser: h11.Connection, connection: int, nth: int) -> Seen | None:
    request: h11.Request | None = None
    body = b""
    while True:
        event = parser.next_event()
        match event:
            case h11.NEED_DATA:
                try:
                    parser.receive_data(await stream.receive())
                except anyio.EndOfStream:
                    return None
            case h11.Request():
                request = event
            case h11.Data():
                body += bytes(event.data)
            case h11.EndOfMessage() if request is not None:
                headers = {name.decode().lower(): value.decode() for name, value in request.headers}
                return Seen(
                    method=request.method.decode(),
                    target=request.target.decode(),
                    headers=headers,
                    body=body,
                    connection=connection,
                    nth=nth,
                )
            case _:
                return None
