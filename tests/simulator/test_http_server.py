"""The HTTP beneath, byte by byte."""

import socket
import struct

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from orchestrator.simulator import Simulator, running_simulator
from orchestrator.simulator.http_server import MAX_BODY, MAX_HEAD, HttpServer, Reply, Request, Response
from tests.simulator.conftest import MakeSettings

pytestmark = pytest.mark.anyio

GET = b"GET /_simulator/log HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def _connect(simulator: Simulator) -> SocketStream:
    return await anyio.connect_tcp("127.0.0.1", int(simulator.url.rpartition(":")[2]))


async def _answer(stream: SocketStream) -> bytes:
    """Everything until the server closes, or one whole answer with the body of the log's route."""
    received = b""
    with anyio.fail_after(5):
        try:
            while not received.endswith(b'"last":0}'):
                received += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            pass
    return received


@pytest.mark.parametrize("pieces", [1, 7, len(GET)])
async def test_a_request_may_come_in_pieces(settings: MakeSettings, pieces: int) -> None:
    async with running_simulator(settings()) as simulator, await _connect(simulator) as stream:
        step = -(-len(GET) // pieces)
        for start in range(0, len(GET), step):
            await stream.send(GET[start : start + step])
            await anyio.lowlevel.checkpoint()

        assert (await _answer(stream)).startswith(b"HTTP/1.1 200 ")


async def test_one_connection_serves_many_requests(settings: MakeSettings) -> None:
    async with running_simulator(settings()) as simulator, await _connect(simulator) as stream:
        for _ in range(3):
            await stream.send(GET)
            assert (await _answer(stream)).startswith(b"HTTP/1.1 200 ")


async def test_an_idle_connection_is_closed_after_its_time(settings: MakeSettings) -> None:
    async with running_simulator(settings(keep_alive=0.3)) as simulator, await _connect(simulator) as stream:
        await stream.send(GET)
        await _answer(stream)
        began = anyio.current_time()

        assert await _answer(stream) == b""
        assert 0.2 < anyio.current_time() - began < 3


async def test_a_client_that_wants_to_close_is_closed(settings: MakeSettings) -> None:
    async with running_simulator(settings()) as simulator, await _connect(simulator) as stream:
        await stream.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        await _answer(stream)

        assert await _answer(stream) == b""


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * (MAX_HEAD + 70_000), b"431"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n" + b"x" * (MAX_BODY + 1), b"413"),
    ],
    ids=["no HTTP", "head too long", "no host", "no length", "body too long"],
)
async def test_what_cannot_be_read_is_refused_and_the_connection_closed(
    settings: MakeSettings, sent: bytes, status: bytes
) -> None:
    async with running_simulator(settings()) as simulator, await _connect(simulator) as stream:
        await stream.send(sent)
        answer = await _answer(stream)

        assert answer.startswith(b"HTTP/1.1 " + status)
        async with await _connect(simulator) as other:
            await other.send(GET)
            assert (await _answer(other)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("how", ["closed", "reset"])
async def test_a_client_that_leaves_in_the_middle_disturbs_nobody(settings: MakeSettings, how: str) -> None:
    async with running_simulator(settings()) as simulator:
        for sent in (
            b"",
            b"GET / HT",
            GET[:-2],
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx",
            GET,
        ):
            stream = await _connect(simulator)
            await stream.send(sent)
            await anyio.wait_all_tasks_blocked()
            if how == "reset":
                raw = stream.extra(SocketAttribute.raw_socket)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await anyio.aclose_forcefully(stream)
        async with await _connect(simulator) as stream:
            await stream.send(GET)
            assert (await _answer(stream)).startswith(b"HTTP/1.1 200 ")


async def test_a_chunked_body_and_expect_continue_are_understood(settings: MakeSettings) -> None:
    head = b"POST /_simulator/faults HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    async with running_simulator(settings()) as simulator, await _connect(simulator) as stream:
        await stream.send(head + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert (await stream.receive()).startswith(b"HTTP/1.1 100 ")
        await stream.send(b"2\r\n{}\r\n0\r\n\r\n")

        assert (await _answer(stream)).startswith(b"HTTP/1.1 200 ")


async def test_more_connections_than_allowed_are_told_so() -> None:
    async def answer(_: Request) -> Reply:
        return Response(status=200, body=b'"last":0}')

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        server = HttpServer(listener=listener, answer=answer, keep_alive=5, max_connections=2)
        tasks.start_soon(server.run)
        streams = [await anyio.connect_tcp("127.0.0.1", server.port) for _ in range(3)]
        answers = []
        for stream in streams:
            await stream.send(GET)
            answers.append(await _answer(stream))
        await anyio.aclose_forcefully(streams[0])
        await anyio.wait_all_tasks_blocked()
        async with await anyio.connect_tcp("127.0.0.1", server.port) as late:
            await late.send(GET)
            answers.append(await _answer(late))
        for stream in streams:
            await anyio.aclose_forcefully(stream)
        tasks.cancel_scope.cancel()

    assert [each[9:12] for each in answers] == [b"200", b"200", b"503", b"200"]
