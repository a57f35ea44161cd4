"""Decides whether an API's address and our headers for it can be used, and whether a proxy stands between."""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from orchestrator.errors import InputError


def checked_url(url: str, *, plain: bool) -> str:
    """The address of an API, without a slash at its end. plain: whether http:// to another machine is accepted.

    Raises InputError for what is not http(s)://HOST[:PORT][/PATH].
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket left open
        usable = False
    if not usable or not url.isprintable() or " " in url:
        raise InputError.of(f"the provider's url {url!r} is not an address", fix="write https://HOST")
    if parts.username is not None or parts.password is not None:
        raise InputError.of(
            "the provider's url holds a user or a password", fix="write https://HOST, and the key apart"
        )
    if parts.query or parts.fragment:
        raise InputError.of(f"the provider's url {url!r} has more than a host and a path", fix="write https://HOST")
    if parts.scheme == "http" and not plain and not _is_this_machine(parts):
        raise InputError.of(f"over {url} the key would travel in the clear", fix="write https://")
    return url.rstrip("/")


def checked_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers, each of visible ASCII. Raises InputError, which names the header and never shows its value."""
    for name, value in headers.items():
        if not value or not value.isascii() or not value.isprintable() or value != value.strip():
            raise InputError.of(
                f"the value of the header {name} is empty, or holds what a header cannot carry",
                fix="look for an empty variable, a line break or a space around the key",
            )
    return headers


def proxy_for(url: str) -> str | None:
    """The address of the proxy that the environment names for this url (HTTPS_PROXY, ALL_PROXY, NO_PROXY ...).

    None where there is none, and for this machine itself, which a proxy elsewhere cannot reach.
    """
    parts = urlsplit(url)
    if _is_this_machine(parts) or proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _is_this_machine(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
