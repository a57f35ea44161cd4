"""HostUp v1: starts a command through a VPS's guest agent, polls it by its pid, and asks whether the agent is there."""

import re
from typing import Self

from orchestrator.http import ApiClient, Reply
from orchestrator.model.host import Host, ProviderSpec
from orchestrator.ports import (
    Capabilities,
    NotReachable,
    NotStarted,
    PidGone,
    PollReply,
    PollUnanswered,
    ProbeReply,
    Provider,
    Refusal,
    StartReply,
)
from orchestrator.providers.hostup_answers import MAX_PID, read_poll, read_probe, read_start
from orchestrator.providers.rules import Turns, command_problem

CAPABILITIES = Capabilities()
ON_THIS_MACHINE = Capabilities(poll_floor=0.02)

_VMID = re.compile(r"[1-9][0-9]{0,9}")


class HostUp:
    """The exec API of one account; one request in flight per VPS.

    url: where the API is, `https://HOST`. plain: whether http:// to another machine is accepted.
    client: how the API is asked, instead of over our own connections.
    Raises InputError for a url or a key that cannot be used.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        capabilities: Capabilities = CAPABILITIES,
        plain: bool = False,
        client: ApiClient | None = None,
    ) -> None:
        self.capabilities = capabilities
        self._key = api_key
        self._client = client or ApiClient(url, headers={"X-API-Key": api_key}, plain=plain)
        self._turns = Turns()

    def __repr__(self) -> str:
        return f"HostUp({self._client!r})"

    async def start(self, host: Host, command: str) -> StartReply:
        """Start a command; nothing is sent where there is none, it is too long, or the vmid is no number."""
        problem = _vmid_problem(host) or command_problem(command, longest=self.capabilities.max_command)
        if problem:
            return NotStarted(refusal=Refusal.INVALID, message=problem)
        return read_start(await self._ask("POST", host, json={"command": command}), key=self._key)

    async def poll(self, host: Host, pid: int) -> PollReply:
        """Ask about a started command. The answer that says it has exited is given once."""
        if problem := _vmid_problem(host):
            return PollUnanswered(refusal=Refusal.INVALID, message=problem)
        if not 1 <= pid <= MAX_PID:
            return PidGone(message=f"{pid} cannot be a pid")
        return read_poll(await self._ask("GET", host, pid=pid), key=self._key)

    async def probe(self, host: Host) -> ProbeReply:
        """Ask whether the VPS's agent can be reached now."""
        if problem := _vmid_problem(host):
            return NotReachable(refusal=Refusal.INVALID, message=problem)
        return read_probe(await self._ask("GET", host), key=self._key)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.__aexit__(*exc)

    async def _ask(self, method: str, host: Host, *, pid: int | None = None, json: object = None) -> Reply:
        params = None if pid is None else {"pid": pid}  # which is all that tells a poll from a probe
        async with self._turns.of(host.vmid):
            return await self._client.request(method, f"/api/vm/{host.vmid}/agent/exec", params=params, json=json)


def _vmid_problem(host: Host) -> str:
    if _VMID.fullmatch(host.vmid):
        return ""
    return f"the vmid {host.vmid!r} of {host.name} is not a number from 1, as HostUp v1 has them"


def hostup(spec: ProviderSpec, api_key: str) -> Provider:
    """HostUp v1 at spec.url; https, but on this machine. Raises InputError."""
    return HostUp(spec.url, api_key)


def simulator(spec: ProviderSpec, api_key: str) -> Provider:
    """A simulated fleet: the same contract near by, so polled faster, and in the clear. Raises InputError."""
    return HostUp(spec.url, api_key, capabilities=ON_THIS_MACHINE, plain=True)
