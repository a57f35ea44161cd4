"""One HTTP/1.1 connection: sends a request, reads the whole answer, and knows whether it may be used again."""

import select

import anyio
import h11
from anyio.abc import ByteStream, SocketAttribute

from orchestrator.http.wire import (
    BROKEN,
    BadAnswer,
    Bounds,
    Call,
    Incoming,
    ReadFailed,
    Unsendable,
    WriteFailed,
    reason,
)

CLOSING = 1.0
"""Seconds that closing may take, also while the request is being cancelled."""


class Connection:
    """A connection over an open stream; one exchange at a time. used_at: when it last ended, on the loop's clock."""

    def __init__(self, stream: ByteStream, bounds: Bounds) -> None:
        self._stream = stream
        self._bounds = bounds
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=bounds.head)
        self._socket = stream.extra(SocketAttribute.raw_socket)  # noqa: S610  (anyio's, not Django's)
        self.used_at = 0.0

    @property
    def reusable(self) -> bool:
        """Whether both sides left the last exchange complete, and neither wants to close."""
        return self._parser.our_state is h11.IDLE

    @property
    def silent(self) -> bool:
        """Whether nothing was said on it while it idled: neither its end, nor bytes that answer no request of ours."""
        descriptor = self._socket.fileno()
        if descriptor < 0:
            return False
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return not poll.poll(0)

    async def exchange(self, call: Call) -> Incoming:
        """Send a request and read the whole answer. Raises Unsendable, WriteFailed, ReadFailed, BadAnswer."""
        raw = self._written(call)
        try:
            await self._stream.send(raw)
        except BROKEN as error:
            message = f"the connection broke while the request was being sent: {reason(error)}"
            raise WriteFailed(message, silent=True) from error
        try:
            head = await self._read_head()
            body = await self._read_body()
        except h11.RemoteProtocolError:
            # h11 quotes the bytes at fault, which may be an echo of our headers.
            if self._parser.trailing_data[1]:
                raise ReadFailed("the connection was closed before the answer was complete") from None
            raise BadAnswer("the answer is not HTTP/1.1, or its head is too large") from None
        if self._parser.our_state is self._parser.their_state is h11.DONE and not self._parser.trailing_data[0]:
            self._parser.start_next_cycle()
        return Incoming(status=head.status_code, headers=list(head.headers), body=body)

    async def aclose(self) -> None:
        """Close at once; never raises, and is bounded even where the caller is being cancelled."""
        with anyio.move_on_after(CLOSING, shield=True):
            try:
                await self._stream.aclose()
            except BROKEN:
                return

    def _written(self, call: Call) -> bytes:
        try:
            request = h11.Request(method=call.method, target=call.target, headers=list(call.headers))
            parts = [self._parser.send(request)]
            if call.body:
                parts.append(self._parser.send(h11.Data(data=call.body)))
            parts.append(self._parser.send(h11.EndOfMessage()))
        except h11.LocalProtocolError:
            # h11 quotes the header at fault, and a header may hold the key.
            raise Unsendable("the request's target or one of its headers is malformed") from None
        return b"".join(part for part in parts if part)

    async def _read_head(self) -> h11.Response:
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                # h11 bounds only what it holds unfinished; a head that comes in one piece slips past that
                if sum(len(name) + len(value) + 4 for name, value in event.headers) > self._bounds.head:
                    raise BadAnswer(f"the answer's head is larger than {self._bounds.head} bytes")
                return event
            if not isinstance(event, h11.InformationalResponse):
                raise BadAnswer("the answer does not begin with a head")

    async def _read_body(self) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            event = await self._next_event()
            if isinstance(event, h11.EndOfMessage):
                return b"".join(chunks)
            if not isinstance(event, h11.Data):
                raise BadAnswer("the answer's body is broken off")
            size += len(event.data)
            if size > self._bounds.body:
                raise BadAnswer(f"the answer is larger than {self._bounds.body} bytes")
            chunks.append(bytes(event.data))

    async def _next_event(self) -> object:
        while (event := self._parser.next_event()) is h11.NEED_DATA:
            unanswered = self._parser.their_state is h11.SEND_RESPONSE and not self._parser.trailing_data[0]
            try:
                data = await self._stream.receive()
            except anyio.EndOfStream:
                data = b""
            except BROKEN as error:
                raise ReadFailed(f"the connection broke: {reason(error)}", silent=unanswered) from error
            if not data and unanswered:
                raise ReadFailed("the connection was closed without an answer", silent=True)
            self._parser.receive_data(data)
        return event
