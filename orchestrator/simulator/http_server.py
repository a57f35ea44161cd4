"""A small HTTP/1.1 server: anyio's listener, h11's parser, bounds on everything, and answers that may fail to come."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import anyio
import h11
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.stapled import MultiListener

MAX_HEAD = 16 * 1024
MAX_BODY = 1024 * 1024
BODY_TIME = 30.0
"""Seconds for a request's body to arrive."""
_CHUNK = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. path: still percent-encoded; headers: by lower-case name; of a repeated name the last."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """No answer: the connection is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """No answer: the connection stays open until the client closes it."""


Reply = Response | Dropped | Held
Answer = Callable[[Request], Awaitable[Reply]]


@dataclass(kw_only=True)
class HttpServer:
    """Serves `answer` on a listener. keep_alive: seconds after which an idle connection is closed.

    max_connections: what comes beyond is answered 503 and closed.
    """

    listener: MultiListener[SocketStream]
    answer: Answer
    keep_alive: float
    max_connections: int
    _connections: int = field(default=0, init=False)

    @property
    def port(self) -> int:
        attributes = self.listener.extra_attributes
        port: int = attributes[SocketAttribute.local_port]()
        return port

    async def run(self) -> None:
        """Serves until cancelled; then the port and all connections are closed."""
        async with self.listener:
            await self.listener.serve(self._serve)

    async def _serve(self, stream: SocketStream) -> None:
        self._connections += 1
        try:
            connection = _Connection(stream, keep_alive=self.keep_alive)
            if self._connections > self.max_connections:
                await connection.refuse(503, f"more than {self.max_connections} connections at once")
            else:
                await connection.serve(self.answer)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return  # the client has gone: nobody is left to tell
        finally:
            self._connections -= 1
            await anyio.aclose_forcefully(stream)


class _TooLarge(Exception):
    """A body is over MAX_BODY."""


class _Connection:
    def __init__(self, stream: SocketStream, *, keep_alive: float) -> None:
        self._stream = stream
        self._keep_alive = keep_alive
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._wants_body = True

    async def serve(self, answer: Answer) -> None:
        """Answers one request after the other, until either side closes."""
        while True:
            try:
                request = await self._request()
            except h11.RemoteProtocolError as error:
                return await self.refuse(error.error_status_hint, str(error))
            except _TooLarge:
                return await self.refuse(413, f"a body of more than {MAX_BODY} bytes")
            if request is None:
                return None
            match await answer(request):
                case Response() as response:
                    await self._send(response)
                case Dropped():
                    return None
                case Held():
                    return await self._until_closed()
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return None
            self._http.start_next_cycle()

    async def refuse(self, status: int, why: str) -> None:
        """Answers a request that could not be read, and is done with the connection."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await self._send(Response(status=status, body=f"{why}\n".encode(), content_type="text/plain"), close=True)

    async def _request(self) -> Request | None:
        """The next request; None when the client has closed, or let its time go by."""
        head = None
        with anyio.move_on_after(self._keep_alive):
            head = await self._event()
        if not isinstance(head, h11.Request):
            return None
        self._wants_body = head.method != b"HEAD"
        body = bytearray()
        with anyio.move_on_after(BODY_TIME):
            while isinstance(part := await self._event(), h11.Data):
                body += part.data
                if len(body) > MAX_BODY:
                    raise _TooLarge
            return _read(head, bytes(body)) if isinstance(part, h11.EndOfMessage) else None
        return None

    async def _event(self) -> h11.Event | None:
        """What h11 makes of what has come, waiting for more where it needs more; None when it can go no further."""
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:
                return None
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await self._stream.send(self._http.send(go_on) or b"")
            try:
                self._http.receive_data(await self._stream.receive(_CHUNK))
            except anyio.EndOfStream:
                self._http.receive_data(b"")

    async def _send(self, response: Response, *, close: bool = False) -> None:
        headers = [("Content-Type", response.content_type), ("Content-Length", str(len(response.body)))]
        if close:
            headers.append(("Connection", "close"))
        events = (
            h11.Response(status_code=response.status, headers=headers),
            h11.Data(data=response.body if self._wants_body else b""),
            h11.EndOfMessage(),
        )
        await self._stream.send(b"".join(self._http.send(event) or b"" for event in events))

    async def _until_closed(self) -> None:
        try:
            while True:
                await self._stream.receive(_CHUNK)
        except anyio.EndOfStream:
            return


def _read(head: h11.Request, body: bytes) -> Request:
    path, _, query = head.target.decode("ascii", "replace").partition("?")
    return Request(
        method=head.method.decode("ascii"),
        path=path,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers={name.decode("ascii"): value.decode("latin-1") for name, value in head.headers},
        body=body,
    )
