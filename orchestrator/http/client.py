"""Speaks HTTP with an API over httpx's transport interface: the only import of httpx.

httpx's own pool is not on the path: it is dead after cancelled requests, and its cost grows with the square of the
connections. `LeanTransport` takes its place. Only where a proxy is configured for the API's host does httpx connect,
over few connections, each in a pool of its own that a cancelled request takes with it (`ProxiedTransport`).
"""

import ssl
from collections.abc import Mapping
from json import dumps
from typing import Self
from urllib.parse import urlencode

import anyio
import httpx

from orchestrator import __version__
from orchestrator.errors import InputError
from orchestrator.http import wire
from orchestrator.http.address import checked_headers, checked_url, proxy_for
from orchestrator.http.connection import CLOSING
from orchestrator.http.pool import Pool
from orchestrator.http.reply import Answer, Lost, NotSent, Reply
from orchestrator.http.wire import Bounds, Call, Patience

BOUNDS = Bounds()
PATIENCE = Patience()
PROXIED_CONNECTIONS = 8
MAX_MESSAGE = 300
PORTS = {"http": 80, "https": 443}

OWN_HEADERS = {
    "User-Agent": f"orchestrator/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # nothing is decompressed, so nothing can swell
}

_AS_HTTPX: Mapping[type[wire.PoolError], type[httpx.TransportError]] = {
    wire.Unsendable: httpx.LocalProtocolError,
    wire.NoSlot: httpx.PoolTimeout,
    wire.ConnectFailed: httpx.ConnectError,
    wire.ConnectLate: httpx.ConnectTimeout,
    wire.WriteFailed: httpx.WriteError,
    wire.ReadFailed: httpx.ReadError,
    wire.AnswerLate: httpx.ReadTimeout,
    wire.BadAnswer: httpx.RemoteProtocolError,
}

NEVER_LEFT = (
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.PoolTimeout,
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ProxyError,
)
"""The errors after which a request was certainly not carried out; after any other TransportError it may have been."""


class LeanTransport(httpx.AsyncBaseTransport):
    """Our own pool under httpx's interface: HTTP/1.1, no proxies; an answer is read whole and never decompressed here.

    Of httpx's timeouts it takes `pool` (until a connection is free), `connect`, and `read` for the answer as a whole.
    """

    def __init__(self, *, bounds: Bounds = BOUNDS, tls: ssl.SSLContext | None = None) -> None:
        self._bounds = bounds
        self._tls = tls
        self._pools: dict[tuple[str, str, int], Pool] = {}

    @property
    def open(self) -> int:
        """How many connections are open, idle ones included."""
        return sum(pool.open for pool in self._pools.values())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make one exchange. Raises httpx.TransportError: one of NEVER_LEFT only where nothing was sent."""
        call = Call(
            method=request.method.encode(),
            target=request.url.raw_path,
            headers=request.headers.raw,
            body=await request.aread(),
        )
        try:
            incoming = await self._pool(request.url).exchange(call, _patience(request))
        except wire.PoolError as error:
            raise _AS_HTTPX[type(error)](str(error), request=request) from error
        return httpx.Response(
            incoming.status, headers=list(incoming.headers), stream=httpx.ByteStream(incoming.body), request=request
        )

    async def aclose(self) -> None:
        """Close the connections that are idle now, and the others as their exchanges end."""
        for pool in self._pools.values():
            await pool.aclose()

    def _pool(self, url: httpx.URL) -> Pool:
        if url.scheme not in PORTS:
            raise httpx.UnsupportedProtocol(f"{url.scheme} is not spoken here")
        host = url.raw_host.decode("ascii")
        origin = (url.scheme, host, url.port or PORTS[url.scheme])
        if origin not in self._pools:
            secure = url.scheme == "https"
            if secure and self._tls is None:
                self._tls = verifying_context()
            self._pools[origin] = Pool(host, origin[2], tls=self._tls if secure else None, bounds=self._bounds)
        return self._pools[origin]


class ProxiedTransport(httpx.AsyncBaseTransport):
    """httpx's own connections through a proxy; few, and one that a failed or cancelled request touched is not reused.

    Raises InputError for a proxy that httpx cannot use.
    """

    def __init__(self, proxy: str, *, bounds: Bounds = BOUNDS, connections: int = PROXIED_CONNECTIONS) -> None:
        self._proxy = proxy
        self._bounds = bounds
        self._tls = verifying_context()
        self._slots = anyio.Semaphore(connections)
        try:
            self._idle = [self._connection()]
        except (ImportError, ValueError) as error:
            # httpx quotes the proxy's address, which may hold a password.
            raise InputError.of(
                f"the proxy that the environment names for the API cannot be used ({type(error).__name__})",
                fix="set HTTPS_PROXY to http://HOST:PORT, or name the API's host in NO_PROXY",
            ) from None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make one exchange. Raises httpx.TransportError: one of NEVER_LEFT only where nothing was sent."""
        patience = _patience(request)
        with anyio.move_on_after(patience.slot) as waiting:
            await self._slots.acquire()
        if waiting.cancelled_caught:
            raise httpx.PoolTimeout(f"no connection became free in {patience.slot:g} s", request=request)
        response: httpx.Response | None = None
        connection = self._idle.pop() if self._idle else self._connection()
        try:
            with anyio.move_on_after(patience.connect + patience.answer):
                response = await self._read(await connection.handle_async_request(request))
        finally:
            if response is not None:
                self._idle.append(connection)
            else:
                await _close(connection)
            self._slots.release()
        if response is None:
            raise httpx.ReadTimeout("the answer was not complete in time", request=request)
        return response

    async def aclose(self) -> None:
        """Close the idle connections."""
        while self._idle:
            await _close(self._idle.pop())

    def _connection(self) -> httpx.AsyncHTTPTransport:
        limits = httpx.Limits(max_connections=1, keepalive_expiry=self._bounds.idle)
        return httpx.AsyncHTTPTransport(verify=self._tls, limits=limits, proxy=self._proxy)

    async def _read(self, response: httpx.Response) -> httpx.Response:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._bounds.body:
                raise httpx.RemoteProtocolError(f"the answer is larger than {self._bounds.body} bytes")
        await response.aclose()
        return httpx.Response(response.status_code, headers=response.headers.raw, stream=httpx.ByteStream(bytes(body)))


class ApiClient:
    """Asks one API; what the network does is a value, and redirects are answers like any other.

    url: where the API is, `https://HOST` with or without a path. headers: sent with every request; they may hold the
    key and are never shown. plain: whether http:// to another machine is accepted. transport: instead of our own.
    Raises InputError for a url or a header that cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        plain: bool = False,
        patience: Patience = PATIENCE,
        bounds: Bounds = BOUNDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base = checked_url(url, plain=plain)
        self._given = tuple(checked_headers(headers).values())
        self._headers = httpx.Headers({**OWN_HEADERS, **headers})
        self._json_headers = httpx.Headers({**self._headers, "Content-Type": "application/json"})
        self._extensions = {
            "timeout": {
                "pool": patience.slot,
                "connect": patience.connect,
                "read": patience.answer,
                "write": patience.answer,
            }
        }
        if transport is None:
            proxy = proxy_for(self._base)
            transport = ProxiedTransport(proxy, bounds=bounds) if proxy else LeanTransport(bounds=bounds)
        self._transport = transport

    def __repr__(self) -> str:
        return f"ApiClient({self._base!r})"

    async def request(
        self, method: str, path: str, *, params: Mapping[str, str | int] | None = None, json: object = None
    ) -> Reply:
        """Send one request and read its answer; what the network or the API does is never raised.

        path: begins with a slash, already quoted. json: the body, None for none.
        """
        request = httpx.Request(
            method,
            self._base + path + (f"?{urlencode(params)}" if params else ""),
            headers=self._headers if json is None else self._json_headers,
            content=None if json is None else dumps(json).encode(),
            extensions=self._extensions,
        )
        try:
            response = await self._transport.handle_async_request(request)
            body = b"".join([chunk async for chunk in response.aiter_raw()])
        except NEVER_LEFT as error:
            return NotSent(message=self._told(error))
        except httpx.TransportError as error:
            return Lost(message=self._told(error))
        return Answer(status=response.status_code, headers=dict(response.headers), body=body)

    def _told(self, error: httpx.TransportError) -> str:
        text = str(error) or type(error).__name__
        for value in self._given:  # httpx may quote what came back, and that may be an echo
            text = text.replace(value, "[...]")
        return text[:MAX_MESSAGE]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._transport.aclose()


def verifying_context() -> ssl.SSLContext:
    """TLS that verifies the server's certificate and name.

    Against the system's authorities (or SSL_CERT_FILE, SSL_CERT_DIR); against certifi's where the system has none.
    """
    paths = ssl.get_default_verify_paths()
    return ssl.create_default_context() if paths.cafile or paths.capath else httpx.create_ssl_context()


def _patience(request: httpx.Request) -> Patience:
    given = {name: limit for name, limit in request.extensions.get("timeout", {}).items() if limit is not None}
    return Patience(
        slot=given.get("pool", PATIENCE.slot),
        connect=given.get("connect", PATIENCE.connect),
        answer=given.get("read", PATIENCE.answer),
    )


async def _close(connection: httpx.AsyncHTTPTransport) -> None:
    with anyio.move_on_after(CLOSING, shield=True):
        await connection.aclose()
