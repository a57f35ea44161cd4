"""Connections: reused, bounded, never trusted, and healthy after cancellation; no POST is ever sent twice."""

import anyio
import httpx
import pytest

from orchestrator.http import Bounds, LeanTransport
from orchestrator.http.client import NEVER_LEFT
from tests.http.loopback import Seen, answer, serving

pytestmark = pytest.mark.anyio


async def plain(_: Seen) -> bytes:
    return answer()


async def ask(transport: LeanTransport, method: str, url: str, *, patience: float = 5.0) -> httpx.Response:
    timeout = {"pool": patience, "connect": patience, "read": patience, "write": patience}
    content = b'{"command":"true"}' if method == "POST" else None
    request = httpx.Request(method, f"{url}/x", content=content, extensions={"timeout": timeout})
    response = await transport.handle_async_request(request)
    await response.aread()
    return response


async def test_a_connection_is_reused_and_the_one_used_last_comes_first() -> None:
    async with serving(plain) as server, LeanTransport() as transport:
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask, transport, "GET", server.url)
        opened = server.connections
        for _ in range(5):
            await ask(transport, "POST", server.url)

        assert server.connections == opened <= 5
        assert len({seen.connection for seen in server.requests[-5:]}) == 1


async def test_a_connection_that_idled_too_long_is_not_reused() -> None:
    async with serving(plain) as server, LeanTransport(bounds=Bounds(idle=0.05)) as transport:
        await ask(transport, "POST", server.url)
        await anyio.sleep(0.1)
        await ask(transport, "POST", server.url)

        assert [seen.connection for seen in server.requests] == [0, 1]
        assert transport.open == 1


async def test_there_are_never_more_connections_than_allowed_and_all_requests_get_their_turn() -> None:
    async def slow(_: Seen) -> bytes:
        await anyio.sleep(0.002)
        return answer()

    async with serving(slow) as server, LeanTransport(bounds=Bounds(connections=3)) as transport:
        async with anyio.create_task_group() as tasks:
            for number in range(60):
                tasks.start_soon(ask, transport, "GET" if number % 2 else "POST", server.url)

        assert len(server.requests) == 60
        assert server.open_max <= 3
        assert transport.open <= 3


@pytest.mark.parametrize("reused", [False, True])
async def test_a_post_whose_answer_was_lost_may_have_run_and_is_sent_once(reused: bool) -> None:
    async def close_on_the_last(seen: Seen) -> bytes | None:
        return answer() if seen.nth == 0 and reused else None

    async with serving(close_on_the_last) as server, LeanTransport() as transport:
        if reused:
            await ask(transport, "GET", server.url)
        with pytest.raises((httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)) as lost:
            await ask(transport, "POST", server.url)

        assert not isinstance(lost.value, NEVER_LEFT)
        assert [seen.method for seen in server.requests].count("POST") == 1
        assert transport.open == 0


async def test_a_get_that_meets_a_dead_idle_connection_is_sent_once_more_on_a_new_one() -> None:
    async def close_the_first_connection(seen: Seen) -> bytes | None:
        return None if (seen.connection, seen.nth) == (0, 1) else answer()

    async with serving(close_the_first_connection) as server, LeanTransport() as transport:
        await ask(transport, "GET", server.url)
        assert (await ask(transport, "GET", server.url)).status_code == 200
        assert [(seen.connection, seen.nth) for seen in server.requests] == [(0, 0), (0, 1), (1, 0)]


async def test_a_get_on_a_new_connection_is_not_repeated() -> None:
    async def close(_: Seen) -> None:
        return None

    async with serving(close) as server, LeanTransport() as transport:
        with pytest.raises(httpx.ReadError):
            await ask(transport, "GET", server.url)
        assert len(server.requests) == 1


async def test_a_get_whose_answer_broke_off_is_not_repeated() -> None:
    async def break_off(seen: Seen) -> bytes | None:
        return answer() if seen.nth == 0 else b"HTTP/1.1 200 OK\r\nContent-Le"

    async with serving(break_off, idle=0.1) as server, LeanTransport() as transport:
        await ask(transport, "GET", server.url)
        with pytest.raises(httpx.ReadError, match="before the answer was complete"):
            await ask(transport, "GET", server.url)
        assert len(server.requests) == 2


async def test_a_connection_that_the_server_closed_while_it_idled_is_noticed_before_a_post_is_sent() -> None:
    async with serving(plain, idle=0.02) as server, LeanTransport() as transport:
        await ask(transport, "POST", server.url)
        await anyio.sleep(0.1)
        assert (await ask(transport, "POST", server.url)).status_code == 200
        assert [seen.connection for seen in server.requests] == [0, 1]


async def test_a_refused_connection_was_never_sent() -> None:
    async with serving(plain) as server:
        url = server.url
    async with LeanTransport() as transport:
        with pytest.raises(httpx.ConnectError, match="Connection refused"):
            await ask(transport, "POST", url)
        assert transport.open == 0


async def test_a_name_that_does_not_resolve_was_never_sent() -> None:
    async with LeanTransport() as transport:
        for host in ("nowhere.invalid", "x" * 64 + ".invalid"):
            with pytest.raises(httpx.ConnectError, match="could not connect"):
                await ask(transport, "POST", f"http://{host}:1")


async def test_an_answer_that_does_not_come_in_time_may_have_run_and_its_connection_is_closed() -> None:
    async def hang(_: Seen) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12"

    async with serving(hang) as server, LeanTransport() as transport:
        for method in ("POST", "GET"):
            with pytest.raises(httpx.ReadTimeout):
                await ask(transport, method, server.url, patience=0.1)
        assert transport.open == 0
        assert len(server.requests) == 2


async def test_a_request_that_gets_no_connection_in_time_was_never_sent() -> None:
    async def hang(_: Seen) -> bytes:
        await anyio.sleep_forever()
        raise AssertionError

    async with (
        serving(hang) as server,
        LeanTransport(bounds=Bounds(connections=1)) as transport,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(ask, transport, "POST", server.url)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(httpx.PoolTimeout):
            await ask(transport, "POST", server.url, patience=0.05)
        tasks.cancel_scope.cancel()
    assert len(server.requests) == 1


async def test_after_hundreds_of_cancelled_requests_plain_ones_succeed() -> None:
    async def sluggish(seen: Seen) -> bytes:
        if "x-hang" in seen.headers:
            await anyio.sleep_forever()
        await anyio.sleep(0.001)
        return answer()

    async def cancelled(transport: LeanTransport, url: str, number: int) -> None:
        headers = {"X-Hang": "1"} if number % 3 else {}
        request = httpx.Request("POST" if number % 2 else "GET", url, headers=headers)
        with anyio.move_on_after(0.0005 * (number % 40)):
            await transport.handle_async_request(request)

    async with serving(sluggish) as server, LeanTransport(bounds=Bounds(connections=16)) as transport:
        async with anyio.create_task_group() as tasks:
            for number in range(400):
                tasks.start_soon(cancelled, transport, server.url, number)
        assert transport.open <= 16

        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(ask, transport, "POST" if number % 2 else "GET", server.url)
        assert transport.open <= 16
        assert server.open_max <= 40  # a closed connection is noticed by its other end only a little later
        with anyio.fail_after(10):
            while server.open > 16:  # noqa: ASYNC110 - the other end notices a closing when its loop comes to it
                await anyio.sleep(0.05)


async def test_a_cancelled_request_never_leaves_its_answer_to_the_next() -> None:
    async def echo(seen: Seen) -> bytes:
        await anyio.sleep(0.005)
        return answer(seen.headers["x-number"].encode())

    async def number_back(transport: LeanTransport, url: str, number: int, patience: float) -> None:
        request = httpx.Request("POST", url, headers={"X-Number": str(number)})
        with anyio.move_on_after(patience):
            response = await transport.handle_async_request(request)
            assert await response.aread() == str(number).encode()

    async with (
        serving(echo) as server,
        LeanTransport(bounds=Bounds(connections=4)) as transport,
        anyio.create_task_group() as tasks,
    ):
        for number in range(150):
            tasks.start_soon(number_back, transport, server.url, number, 5.0 if number % 3 else 0.001 * number)


async def test_chunked_answers_are_read_whole_and_their_connection_is_reused() -> None:
    async def chunked(_: Seen) -> bytes:
        head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"

    async with serving(chunked) as server, LeanTransport() as transport:
        for _ in range(2):
            assert (await ask(transport, "GET", server.url)).content == b"abcde"
        assert server.connections == 1


async def test_a_connection_that_the_server_wants_to_close_is_closed() -> None:
    async def last(_: Seen) -> bytes:
        return answer(headers="Connection: close\r\n")

    async with serving(last) as server, LeanTransport() as transport:
        for _ in range(2):
            await ask(transport, "POST", server.url)
        assert server.connections == 2
        assert transport.open == 0


async def test_bytes_beyond_an_answer_are_never_taken_for_the_next_answer() -> None:
    async def twice(_: Seen) -> bytes:
        return answer(b"first") + answer(b"smuggled")

    async with serving(twice) as server, LeanTransport() as transport:
        for _ in range(3):
            assert (await ask(transport, "GET", server.url)).content == b"first"


async def test_an_answer_whose_end_is_the_connections_end_is_read_whole() -> None:
    async def until_close(_: Seen) -> bytes:
        return b"HTTP/1.0 502 Bad Gateway\r\n\r\n<html>"

    async with serving(until_close, idle=0.02) as server, LeanTransport() as transport:
        response = await ask(transport, "GET", server.url)
        assert (response.status_code, response.content) == (502, b"<html>")
        assert transport.open == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 999999 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 12_000 + b"\r\n",
        b"\0" * 200,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"a" * 2000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + b"a" * 2000 + b"\r\n0\r\n\r\n",
    ],
    ids=lambda raw: repr(raw[:40]),
)
async def test_nonsense_and_answers_over_the_bounds_are_a_protocol_error(raw: bytes) -> None:
    async def nonsense(_: Seen) -> bytes:
        return raw

    bounds = Bounds(body=1000)
    async with serving(nonsense) as server, LeanTransport(bounds=bounds) as transport:
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(transport, "POST", server.url)
        assert transport.open == 0
        assert len(server.requests) == 1


async def test_a_request_that_cannot_be_written_was_never_sent_and_its_header_is_not_quoted() -> None:
    async with serving(plain) as server, LeanTransport() as transport:
        request = httpx.Request("GET", server.url, headers={"X-API-Key": "secret\r\nX: y"})
        with pytest.raises(httpx.LocalProtocolError) as refused:
            await transport.handle_async_request(request)
        assert "secret" not in str(refused.value)
        assert server.requests == []


async def test_a_closed_transport_leaves_no_connection_behind() -> None:
    async with serving(plain) as server:
        async with LeanTransport() as transport, anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(ask, transport, "GET", server.url)
        await anyio.sleep(0.05)
        assert transport.open == server.open == 0


async def test_a_connection_that_is_busy_when_the_transport_closes_is_closed_after_its_exchange() -> None:
    asked, go = anyio.Event(), anyio.Event()

    async def wait(_: Seen) -> bytes:
        asked.set()
        await go.wait()
        return answer(b"whole")

    async with serving(wait) as server, anyio.create_task_group() as tasks:
        transport = LeanTransport()

        async def whole() -> None:
            assert (await ask(transport, "POST", server.url)).content == b"whole"

        tasks.start_soon(whole)
        await asked.wait()
        await transport.aclose()
        go.set()
    assert transport.open == 0
