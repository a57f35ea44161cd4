"""The client of an API: the network's failures are values, the key stays hidden, proxies are used where configured."""

import json
import shutil
import ssl
import subprocess
from pathlib import Path

import anyio
import httpx
import pytest

from orchestrator import __version__
from orchestrator.errors import InputError
from orchestrator.http import Answer, ApiClient, Bounds, Lost, NotSent, Patience
from orchestrator.http.address import proxy_for
from orchestrator.http.client import LeanTransport, ProxiedTransport
from tests.http.loopback import Loopback, Seen, answer, serving

pytestmark = pytest.mark.anyio

KEY = "key-0123456789"
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def client(server: Loopback, **more: float) -> ApiClient:
    return ApiClient(server.url, headers={"X-API-Key": KEY}, patience=Patience(**more))


async def test_a_request_carries_the_key_our_own_name_and_a_length() -> None:
    async def plain(_: Seen) -> bytes:
        return answer(b'{"a":1}', headers="X-Some-Thing: 1\r\nx-some-thing: 2\r\n")

    async with serving(plain) as server, client(server) as api:
        reply = await api.request("POST", "/api/x", params={"pid": 12}, json={"command": "é"})

        assert isinstance(reply, Answer)
        assert (reply.status, reply.body, reply.headers["x-some-thing"]) == (200, b'{"a":1}', "1, 2")
        seen = server.requests[0]
        assert seen.target == "/api/x?pid=12"
        assert json.loads(seen.body) == {"command": "é"}
        assert seen.headers["x-api-key"] == KEY
        assert seen.headers["user-agent"] == f"orchestrator/{__version__}"
        assert seen.headers["content-length"] == str(len(seen.body))
        assert seen.headers["content-type"] == "application/json"
        assert seen.headers["accept-encoding"] == "identity"


async def test_a_path_in_the_url_stays_before_the_requests_path() -> None:
    async def plain(_: Seen) -> bytes:
        return answer()

    async with serving(plain) as server:
        async with ApiClient(f"{server.url}/gateway/", headers={"X-API-Key": KEY}) as api:
            await api.request("GET", "/api/x")
        assert server.requests[0].target == "/gateway/api/x"


async def test_a_lost_answer_is_told_from_a_refused_connection() -> None:
    async def close(_: Seen) -> None:
        return None

    async with serving(close) as server, client(server) as api:
        assert isinstance(await api.request("POST", "/", json={}), Lost)
        gone = server.url
    async with ApiClient(gone, headers={"X-API-Key": KEY}) as api:
        reply = await api.request("POST", "/", json={})
        assert isinstance(reply, NotSent)
        assert "Connection refused" in reply.message


async def test_an_answer_that_is_late_or_nonsense_is_lost() -> None:
    async def hang(seen: Seen) -> bytes:
        return b"" if seen.target == "/late" else b"nonsense\r\n\r\n"

    async with serving(hang) as server, client(server, answer=0.05) as api:
        for path in ("/late", "/nonsense"):
            assert isinstance(await api.request("POST", path, json={}), Lost)


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async def redirect(_: Seen) -> bytes:
        return answer(status=307, headers="Location: /elsewhere\r\n")

    async with serving(redirect) as server, client(server) as api:
        reply = await api.request("POST", "/", json={})
        assert isinstance(reply, Answer)
        assert reply.status == 307
        assert len(server.requests) == 1


async def test_a_compressed_answer_is_not_decompressed() -> None:
    async def bomb(_: Seen) -> bytes:
        return answer(b"\x1f\x8b\x08\x00", headers="Content-Encoding: gzip\r\n")

    async with serving(bomb) as server, client(server) as api:
        reply = await api.request("GET", "/")
        assert isinstance(reply, Answer)
        assert reply.body == b"\x1f\x8b\x08\x00"


async def test_the_key_is_in_no_repr_and_in_no_message() -> None:
    async def echo(_: Seen) -> bytes:
        return f"HTTP/1.1 200 OK\r\n X-API-Key: {KEY}\r\n\0\r\n\r\n".encode()

    async with serving(echo) as server, client(server) as api:
        reply = await api.request("GET", "/")
        assert isinstance(reply, Lost)
        assert KEY not in repr(reply) + repr(api)

    def quoting(request: httpx.Request) -> httpx.Response:
        raise httpx.RemoteProtocolError(f"illegal header line: {request.headers['x-api-key']}")

    api = ApiClient("http://localhost", headers={"X-API-Key": KEY}, transport=httpx.MockTransport(quoting))
    reply = await api.request("GET", "/")
    assert isinstance(reply, Lost)
    assert KEY not in reply.message


@pytest.mark.parametrize("key", ["", "secret\n", "secret\r\nX-Evil: 1", "sécret", " secret", "secret\0"])
def test_a_key_that_no_header_can_carry_is_an_input_error_that_does_not_show_it(key: str) -> None:
    with pytest.raises(InputError, match="header X-API-Key") as wrong:
        ApiClient("https://api.invalid", headers={"X-API-Key": key})
    assert "cret" not in str(wrong.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.invalid",
        "ftp://api.invalid",
        "https://",
        "https://api.invalid:port",
        "https://api.invalid:0",
        "https://api.invalid:70000",
        "https://[::1",
        "https://api.invalid/?a=1",
        "https://api.invalid/#a",
        "https://user:hunter2@api.invalid",
        "https://api.invalid/a b",
        "https://api.invalid\n",
        "http://api.invalid",
    ],
)
def test_a_url_that_cannot_be_used_is_an_input_error(url: str) -> None:
    with pytest.raises(InputError) as wrong:
        ApiClient(url, headers={"X-API-Key": KEY})
    assert wrong.value.problems[0].fix
    assert "hunter2" not in str(wrong.value)


def test_the_key_travels_in_the_clear_only_on_this_machine_or_where_that_is_asked_for() -> None:
    for url in ("http://127.0.0.1:80", "http://localhost", "http://[::1]:8000", "https://api.invalid"):
        ApiClient(url, headers={"X-API-Key": KEY})
    ApiClient("http://api.invalid", headers={"X-API-Key": KEY}, plain=True)


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "untrusted"])
async def test_a_certificate_is_verified_before_anything_is_sent(
    trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1"
    await anyio.run_process(
        [*command.split(), "-keyout", str(key), "-out", str(certificate)], stderr=subprocess.DEVNULL
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def plain(_: Seen) -> bytes:
        return answer()

    async with serving(plain, tls=context) as server, client(server) as api:
        replies = [await api.request("POST", "/", json={}) for _ in range(2)]

        if trusted:
            assert all(isinstance(reply, Answer) for reply in replies)
            assert server.connections == 1
        else:
            assert all(isinstance(reply, NotSent) for reply in replies)
            assert "certificate is not trusted" in str(replies[0])
            assert server.requests == []


def test_the_environments_proxy_is_used_but_for_no_proxy_and_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_for("https://api.invalid") is None
    monkeypatch.setenv("HTTPS_PROXY", "proxy.invalid:3128")
    monkeypatch.setenv("NO_PROXY", "inside.invalid,10.0.0.1")

    assert proxy_for("https://api.invalid/path") == "http://proxy.invalid:3128"
    for direct in ("https://a.inside.invalid", "https://10.0.0.1:8006", "https://127.0.0.1", "https://localhost"):
        assert proxy_for(direct) is None
    assert proxy_for("http://api.invalid") is None
    monkeypatch.setenv("ALL_PROXY", "http://all.invalid")
    assert proxy_for("http://api.invalid") == "http://all.invalid"


def test_a_proxy_that_cannot_be_used_is_an_input_error_that_does_not_show_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for proxy in ("gopher://user:hunter2@proxy.invalid", "socks5://user:hunter2@proxy.invalid"):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with pytest.raises(InputError, match="the proxy") as wrong:
            ApiClient("https://api.invalid", headers={"X-API-Key": KEY})
        assert "hunter2" not in str(wrong.value)


async def test_requests_go_through_the_proxy_and_survive_cancelled_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    async def proxy(seen: Seen) -> bytes | None:
        assert seen.target.startswith("http://api.invalid/")
        if "hang" in seen.target:
            await anyio.sleep_forever()
        return None if "drop" in seen.target else answer(seen.target.encode())

    async with serving(proxy) as server:
        monkeypatch.setenv("http_proxy", server.url)
        async with ApiClient("http://api.invalid", headers={"X-API-Key": KEY}, plain=True) as api:
            assert isinstance(await api.request("POST", "/drop", json={}), Lost)
            async with anyio.create_task_group() as tasks:
                for number in range(50):
                    tasks.start_soon(api.request, "GET", f"/hang/{number}")
                await anyio.sleep(0.1)
                tasks.cancel_scope.cancel()
            for number in range(20):
                reply = await api.request("POST", f"/{number}", json={})
                assert isinstance(reply, Answer)
                assert reply.body.endswith(f"/{number}".encode())

        assert server.open_max <= 16  # 8, and those whose closing the proxy has yet to notice
        assert [seen.target for seen in server.requests].count("http://api.invalid/drop") == 1


@pytest.mark.parametrize(
    "anyio_backend", ["asyncio"]
)  # httpx leaves its generators to the collector, which trio warns of
async def test_through_a_proxy_too_an_answer_is_bounded_in_size_and_time() -> None:
    async def large_or_late(seen: Seen) -> bytes:
        return b"" if "late" in seen.target else answer(b"a" * 2000)

    async with serving(large_or_late) as server, ProxiedTransport(server.url, bounds=Bounds(body=1000)) as transport:
        for path in ("large", "late"):
            request = httpx.Request("GET", f"http://api.invalid/{path}", extensions={"timeout": {"read": 0.1}})
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadTimeout)):
                await transport.handle_async_request(request)


async def test_a_proxy_that_cannot_be_reached_means_not_sent() -> None:
    async with ProxiedTransport("http://127.0.0.1:1") as transport:
        for url in ("http://api.invalid", "https://api.invalid"):
            api = ApiClient(url, headers={"X-API-Key": KEY}, plain=True, transport=transport)
            assert isinstance(await api.request("POST", "/", json={}), NotSent)


async def test_our_transport_works_under_httpx_own_client() -> None:
    async def plain(_: Seen) -> bytes:
        return answer(b'{"a": 1}')

    async with serving(plain) as server, httpx.AsyncClient(transport=LeanTransport()) as own:
        response = await own.post(f"{server.url}/x", json={"b": 2})
        assert (response.json(), server.requests[0].body) == ({"a": 1}, b'{"b":2}')
