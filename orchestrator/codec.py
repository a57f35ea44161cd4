"""Nouns to canonical JSON and back: the only place where plans and events meet their written form.

Canonical: UTF-8, keys sorted, no white space, nothing outside JSON (RFC 8259).
The same noun gives the same bytes on every machine.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, get_args

from pydantic import TypeAdapter

from orchestrator.model.event import Event
from orchestrator.model.plan import HostPlan, Plan

EVENT_TYPES: dict[str, type[Event]] = {event.type: event for event in get_args(Event)}
"""Every type of event by the name it has in the journal and in `--output json`."""


@cache  # at first use: to make all of them costs a tenth of a second, and a command meets some of them or none
def _plan() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


@cache
def _host() -> TypeAdapter[HostPlan]:
    return TypeAdapter(HostPlan)


@cache
def _event(type: str) -> TypeAdapter[Event]:
    return TypeAdapter(EVENT_TYPES[type])


def to_json(noun: Plan | Event) -> dict[str, Any]:
    """The noun as what `json.dumps` takes; without the event's type, which stands beside it."""
    if isinstance(noun, Plan):
        plan: dict[str, Any] = _plan().dump_python(noun, mode="json")
        return plan
    event: dict[str, Any] = _event(noun.type).dump_python(noun, mode="json")
    return event


# `json.dumps` builds an encoder at every call that is not the default one: half of the time of writing an event.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(data: Any) -> bytes:
    """The one written form of JSON data."""
    return _CANONICAL.encode(data).encode()


def plan_from_json(text: bytes | str) -> Plan:
    """The plan that `canonical(to_json(plan))` was made from. Raises pydantic.ValidationError (a ValueError)."""
    return _plan().validate_json(text)


def event_from_json(type: str, data: dict[str, Any]) -> Event:
    """The event of this type and body.

    Raises KeyError for an unknown type, pydantic.ValidationError for a wrong body.
    """
    return _event(type).validate_python(data)


def digest(plan: Plan) -> str:
    """sha256, in hex, over the canonical JSON of a plan, its own digest left out."""
    found = hashlib.sha256()
    for part in canonical_parts(plan, digest=""):
        found.update(part)
    return found.hexdigest()


def canonical_parts(plan: Plan, *, digest: str) -> Iterator[bytes]:
    """`canonical(to_json(plan))`, with this digest, piece by piece: of a large fleet the whole is hundreds of MB."""
    # Within a text the quotes would be escaped, and no key of a plan before `hosts` holds a mapping.
    before, after = canonical(to_json(replace(plan, hosts=(), digest=digest))).split(b'"hosts":[]', 1)
    yield before + b'"hosts":['
    for index, host in enumerate(plan.hosts):
        yield (b"," if index else b"") + canonical(_host().dump_python(host, mode="json"))
    yield b"]" + after
