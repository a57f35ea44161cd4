"""What keeps two runs off one VPS."""

from dataclasses import replace

import pytest

from orchestrator.core.locks import lock_key
from tests.builders import make_plan


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://localhost", "http://LOCALHOST:80/", True),
        ("https://api.example.com", "https://API.example.com:443", True),
        ("https://api.example.com:8443", "https://api.example.com", False),
        ("https://api.example.com/eu", "https://api.example.com/us", False),
        ("http://[::1]:8080", "http://[::1]:8080/", True),
    ],
)
def test_one_vps_has_one_lock_however_its_providers_address_is_spelled(one: str, other: str, same: bool) -> None:
    plan = make_plan()
    plans = [replace(plan, provider=replace(plan.provider, url=url)) for url in (one, other)]
    keys = [lock_key(each, plan.hosts[0].host) for each in plans]
    assert (keys[0] == keys[1]) is same
