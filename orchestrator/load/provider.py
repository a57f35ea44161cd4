"""How a provider is reached, as people write it; without a word about it, HostUp."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from orchestrator.load.fields import Rate, supported
from orchestrator.load.problems import Finding
from orchestrator.load.reference import is_reference
from orchestrator.load.shape import Shape, wrong
from orchestrator.model.host import ProviderSpec

HOSTUP_URL = "https://cloud.hostup.se"
HOSTUP_KEY = "env:HOSTUP_API_KEY"

_LATER_REFERENCE = re.compile(r"(?:cmd|age):")
_USE_REFERENCE = f"write `api_key: {HOSTUP_KEY}` or `api_key: file:PATH`"


def _reference(value: Any) -> Any:
    """A reference to a key. The refusal must not repeat what may be the key itself."""
    if not isinstance(value, str):
        raise wrong("must be a reference to a key", _USE_REFERENCE)
    if _LATER_REFERENCE.match(value):
        raise wrong(f"not yet supported: {value.partition(':')[0]}: references", _USE_REFERENCE)
    if value.startswith(("env:", "file:")) and not is_reference(value):
        raise wrong("is not a reference: env: is followed by a variable's name, file: by a path", _USE_REFERENCE)
    if not is_reference(value):
        raise wrong("a key itself does not belong in a file, only a reference to it", _USE_REFERENCE)
    return value


def _address(value: str) -> str:
    """An http(s) address without its final slash; https is required but for this machine itself."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise wrong("is not an address", f"such as `url: {HOSTUP_URL}`") from None
    if parts.scheme not in ("http", "https") or not host or not value.isprintable() or " " in value:
        raise wrong("must be an http or https address", f"such as `url: {HOSTUP_URL}`")
    if parts.username is not None or parts.query or parts.fragment or value.endswith(("?", "#")):
        raise wrong("must be a bare address, without a user, ? or #", f"such as `url: {HOSTUP_URL}`")
    if parts.scheme == "http" and not _is_loopback(host):
        raise wrong("must be https: the key would cross the network in the clear", "write https")
    return value.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ProviderShape(Shape):
    """How the fleet's provider is reached."""

    kind: Annotated[Literal["hostup", "simulator", "hostup-v2", "proxmox"], supported("hostup", "simulator")] = Field(
        default="hostup",
        description="Which provider: hostup (its API v1), or the simulator, which speaks the same.",
        json_schema_extra={"enum": ["hostup", "simulator"]},
    )
    url: Annotated[str, AfterValidator(_address)] | None = Field(
        default=None,
        description=f"The address of its API; {HOSTUP_URL} for hostup if not given. https, but for this machine.",
        examples=[HOSTUP_URL],
    )
    api_key: Annotated[str, BeforeValidator(_reference)] = Field(
        default=HOSTUP_KEY,
        description="Where the key is to be found: env:NAME or file:PATH. Never the key itself.",
        examples=[HOSTUP_KEY],
        json_schema_extra={"pattern": "^(env|file):"},
    )
    rate: Rate | None = Field(
        default=None, description="How many API calls the key allows; learned if not given.", examples=["5/s"]
    )
    burst: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=10, description="How many API calls may be made at once.", examples=[10]
    )

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        if given.get("kind") == "simulator" and "url" not in given and given.keys() <= cls.known().keys():
            yield Finding(problem="missing key url", fix="such as `url: http://127.0.0.1:8080`")

    def spec(self) -> ProviderSpec:
        """The provider that these words mean."""
        return ProviderSpec(
            kind=self.kind, url=self.url or HOSTUP_URL, api_key=self.api_key, rate=self.rate, burst=self.burst
        )


DEFAULT_PROVIDER = ProviderShape().spec()
"""HostUp v1, with the key that HOSTUP_API_KEY holds."""
